"""Where the things under test are: the command, the test programs, a store of one's own."""

from __future__ import annotations

import os
import pathlib
import subprocess

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]


def build_directory() -> pathlib.Path:
    """``$CONTAIN_BUILD``, else the release preset's."""
    return pathlib.Path(os.environ.get("CONTAIN_BUILD") or REPOSITORY / "build/release")


def command() -> pathlib.Path:
    """The ``contain`` command: ``$CONTAIN_CLI``, else the build's."""
    return pathlib.Path(os.environ.get("CONTAIN_CLI") or build_directory() / "contain")


def program(name: str) -> pathlib.Path:
    """A program that tests/support/CMakeLists.txt builds."""
    return build_directory() / "tests" / name


def contain(store: pathlib.Path, *arguments: str, check: bool = True, timeout: float = 120,
            **options) -> subprocess.CompletedProcess[str]:
    """Runs the command on ``store`` and returns what it wrote."""
    done = subprocess.run([command(), *arguments], env={**os.environ, "CONTAIN_ROOT": str(store)}, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=timeout, **options)
    if check and done.returncode != 0:
        raise AssertionError(f"contain {' '.join(arguments)} gave {done.returncode}:\n{done.stdout}{done.stderr}")
    return done
