"""The shared library exports names of namespace contain only, so what is linked into it meets nobody else's copy.

    exports.py NM LIBRARY
"""

import subprocess
import sys

import tree


def main() -> None:
    command = [sys.argv[1], "--dynamic", "--defined-only", "--demangle", "--format=posix", sys.argv[2]]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    names = [line.rsplit(" ", 3)[0] for line in lines]
    ours = ("contain::", "vtable for contain::", "typeinfo for contain::", "typeinfo name for contain::")
    problems = [f"exports {name}" for name in names if not name.startswith(ours)]
    inner = ("contain::sys::", "contain::oci::", "contain::storage::", "contain::registry::", "contain::runtime::")
    problems += [f"exports the internal {name}" for name in names if name.startswith(inner)]
    if not any(name.startswith("contain::run(") for name in names):
        problems.append("does not export contain::run")
    tree.finish(problems, f"{len(names)} exported names")


main()
