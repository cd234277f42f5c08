"""The code between clone3 and execve may call only what child_symbols.txt allows: thin wrappers of system calls, and
nothing that allocates, locks, throws or logs.

    child_symbols.py NM OBJECT…     every object of that code
"""

import subprocess
import sys

import tree


def symbols(nm: str, selection: str, objects: list[str]) -> set[str]:
    command = [nm, "--format=posix", selection, *objects]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    return {line.split()[0] for line in lines if " " in line}


def main() -> None:
    nm, *objects = sys.argv[1:]
    listed = (tree.ROOT / "tests/checks/child_symbols.txt").read_text().splitlines()
    allowed = {word for line in listed for word in line.split("#")[0].split()}
    used = symbols(nm, "--undefined-only", objects) - symbols(nm, "--defined-only", objects)
    problems = [f"the child's code uses {symbol}, which child_symbols.txt does not allow" for symbol in sorted(used - allowed)]
    tree.finish(problems, f"{len(used)} undefined symbols in {len(objects)} objects, all allowed")


main()
