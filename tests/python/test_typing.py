"""The types that users see: strict, complete, and the same as the compiled code's."""

from __future__ import annotations

import difflib
import subprocess
import sys
import types
from importlib import resources
from pathlib import Path

import contain
import pytest
from support import products

PACKAGE = products.REPOSITORY / "python/contain"


def run(*argv: str | Path, cwd: Path = products.REPOSITORY) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", *map(str, argv)], cwd=cwd, capture_output=True, text=True)


def test_package_is_marked_as_typed() -> None:
    assert resources.files(contain).joinpath("py.typed").is_file()


def test_package_is_clean_under_strict_mypy() -> None:
    pytest.importorskip("mypy", reason="needs mypy")
    done = run("mypy", "--config-file", "pyproject.toml")
    assert done.returncode == 0, done.stdout


def test_committed_stub_is_the_compiled_module(tmp_path: Path) -> None:
    pytest.importorskip("pybind11_stubgen", reason="needs pybind11-stubgen")
    done = run("pybind11_stubgen", "contain._core", "-o", tmp_path, "--exit-code")
    assert done.returncode == 0, done.stderr
    made = (tmp_path / "contain/_core.pyi").read_text()
    kept = (PACKAGE / "_core.pyi").read_text()
    diff = "".join(difflib.unified_diff(kept.splitlines(True), made.splitlines(True), "python/contain/_core.pyi", "made"))
    assert diff == "", f"{diff}\nhelp: .venv/bin/python -m pybind11_stubgen contain._core -o python --exit-code"


def test_users_program_is_checked(tmp_path: Path) -> None:
    pytest.importorskip("mypy", reason="needs mypy")
    program = tmp_path / "program.py"
    program.write_text(
        """\
from datetime import timedelta
import contain

done = contain.run("hello-world", check=False, env={"A": "b"}, timeout=timedelta(seconds=3))
reveal_type(done)
with contain.Container("hello-world", "a", limits=contain.Limits(memory="64m"), network="none") as c:
    reveal_type(c)
    reveal_type(c.exec("true").stdout)
    reveal_type([line.text for line in c.logs(follow=True)])
    with c.popen("cat") as p:
        reveal_type(p.wait())
contain.run("hello-world", no_such_option=1)
contain.Container("hello-world", network="bridge")
"""
    )
    done = run("mypy", "--strict", program, cwd=tmp_path)
    revealed = [line.split('"')[1] for line in done.stdout.splitlines() if "Revealed type" in line]
    assert revealed == [
        "contain.types.Completed",
        "contain.container.Container",
        "bytes",
        "list[str]",
        "int",
    ] or revealed == [
        "contain.types.Completed",
        "contain.container.Container",
        "builtins.bytes",
        "builtins.list[builtins.str]",
        "builtins.int",
    ]
    errors = [line for line in done.stdout.splitlines() if " error: " in line]
    assert len(errors) == 2, done.stdout
    assert "no_such_option" in errors[0] and "network" in errors[1]


def test_every_public_name_is_documented() -> None:
    for name in contain.__all__:
        thing = getattr(contain, name)
        if not isinstance(thing, type | types.FunctionType):  # aliases of unions and literals
            continue
        assert thing.__doc__, name
        if isinstance(thing, type):
            for method, value in vars(thing).items():
                if not method.startswith("_") and callable(value):
                    assert value.__doc__, f"{name}.{method}"


def test_public_signatures_take_no_bare_kwargs() -> None:
    import inspect

    for name in ("run", "Container", "Engine", "Image"):
        for parameter in inspect.signature(getattr(contain, name)).parameters.values():
            if parameter.kind is inspect.Parameter.VAR_KEYWORD:
                assert "Unpack[ContainerOptions]" in str(parameter.annotation)
