"""Builds the embedding application the way a user would, and runs it.

    consumer.py find_package|static|pkg_config|add_subdirectory PREFIX [CMAKE-OPTION …]

PREFIX is an installed copy, which is moved to another place first: nothing in it may depend on where it was installed.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from run import run

HERE = Path(__file__).resolve().parent


def build(kind: str, prefix: Path, options: list[str], into: Path) -> Path:
    if kind == "pkg_config":
        found = next(prefix.rglob("contain.pc")).parent
        into.mkdir()
        program = into / "embed"
        environment = {**os.environ, "PKG_CONFIG_PATH": str(found)}
        subprocess.run([HERE / "pkg_config/build.sh", program], env=environment, check=True)
        return program
    folder = "find_package" if kind == "static" else kind
    configure = ["cmake", "-S", HERE / folder, "-B", into, "-G", "Ninja", f"-DCMAKE_PREFIX_PATH={prefix}", *options]
    if kind == "static":
        configure.append("-DSTATIC=ON")
    subprocess.run(configure, check=True)
    subprocess.run(["cmake", "--build", into, "--target", "embed"], check=True)
    return into / "embed"


def main() -> None:
    kind, installed, *options = sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="contain-consumer-") as scratch:
        prefix = Path(scratch, "moved")
        if kind != "add_subdirectory":
            shutil.copytree(installed, prefix, symlinks=True)
        run(str(build(kind, prefix, options, Path(scratch, "build"))), "{store}")


main()
