"""Loading the library does nothing: none of its objects has a static initializer.

    initializers.py NM BUILD
"""

import subprocess
import sys
from pathlib import Path

import tree


def main() -> None:
    objects = sorted(Path(sys.argv[2]).glob("src/*/CMakeFiles/contain_*_objects.dir/**/*.o"))
    command = [sys.argv[1], "--print-file-name", *map(str, objects)]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    problems = [f"{Path(line.split(':')[0]).name}: {line.split()[-1]}" for line in lines if "_GLOBAL__sub_I_" in line]
    tree.finish(problems, f"{len(objects)} objects without a static initializer")


main()
