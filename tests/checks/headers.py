"""Every header compiles alone, with every warning an error; the public ones include nothing but the standard library.

    headers.py COMPILER
"""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import tree

FLAGS = "-std=c++20 -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror -fsyntax-only -x c++".split()
# A public header that pulls one of these in costs every user seconds (nlohmann/json.hpp alone: 17 s) or a package.
HEAVY = ("nlohmann/", "boost/", "range/v3/", "curl/", "pybind11/", "archive", "sqlite3", "openssl/", "seccomp")


def check(compiler: str, header: Path) -> list[str]:
    name = header.relative_to(tree.ROOT / "include").as_posix()
    command = [compiler, *FLAGS, f"-I{tree.ROOT / 'include'}", "-H", "-"]
    done = subprocess.run(command, input=f"#include <{name}>\n", capture_output=True, text=True)
    if done.returncode != 0:
        errors = [line for line in done.stderr.splitlines() if not line.startswith((".", "Multiple include"))]
        return [f"{name} does not compile alone:", *errors]
    if name.count("/") > 1 and not name.startswith("contain/core/"):
        return []
    included = [line.lstrip(". ") for line in done.stderr.splitlines() if line.startswith(".")]
    return [f"{name} includes {path}" for path in included if any(f"/include/{heavy}" in path for heavy in HEAVY)]


def main() -> None:
    headers = tree.files("include/*.hpp")
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(lambda header: check(sys.argv[1], header), headers))
    tree.finish([line for result in results for line in result], f"{len(headers)} headers compile alone")


main()
