"""The code between clone3 and execve may call only what child_symbols.txt allows: thin wrappers of system calls, and
nothing that allocates, locks, throws or logs.

    child_symbols.py BUILD
"""

import subprocess
import sys
from pathlib import Path

import tree


def main() -> None:
    objects = sorted(Path(sys.argv[1]).glob("src/**/supervisor/child.cpp.o"))
    if not objects:
        tree.finish(["no object of src/runtime/supervisor/child.cpp in the build"], "")
    listed = (tree.ROOT / "tests/checks/child_symbols.txt").read_text().splitlines()
    allowed = {line.split("#")[0].strip() for line in listed} - {""}
    problems = []
    used: set[str] = set()
    for path in objects:
        lines = subprocess.run(["nm", "-u", str(path)], check=True, capture_output=True, text=True).stdout.split("\n")
        symbols = {line.split()[-1] for line in lines if line.strip()}
        used |= symbols
        problems += [f"child.cpp uses {symbol}, which is not in child_symbols.txt" for symbol in sorted(symbols - allowed)]
    problems += [f"child_symbols.txt allows {symbol}, which nothing uses" for symbol in sorted(allowed - used)]
    tree.finish(problems, f"{len(used)} undefined symbols, all allowed")


main()
