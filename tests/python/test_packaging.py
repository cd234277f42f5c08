"""`pip install .`: one wheel with the extension, the types, the command and the pytest plug-in, used outside the tree."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from importlib import metadata
from pathlib import Path

import contain
import pytest
from support import products

ROOT = products.REPOSITORY


def project() -> dict[str, object]:
    with (ROOT / "pyproject.toml").open("rb") as file:
        return tomllib.load(file)["project"]


def run(*argv: str | Path, **options: object) -> str:
    done = subprocess.run([str(word) for word in argv], capture_output=True, text=True, **options)  # type: ignore[call-overload]
    assert done.returncode == 0, f"{argv}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return str(done.stdout)


def test_version_is_the_librarys() -> None:
    assert contain.__version__ == project()["version"] == metadata.version("contain")


def test_build_tree_declares_the_same_entry_points() -> None:
    declared = project()["entry-points"]
    assert isinstance(declared, dict)
    for group, entries in declared.items():
        assert {one.name: one.value for one in metadata.entry_points(group=group) if one.name in entries} == entries


def test_no_runtime_dependency() -> None:
    assert project()["dependencies"] == []


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("scikit_build_core", reason="needs scikit-build-core")
    target = tmp_path_factory.mktemp("wheel")
    environment = {"CC": "cc", "CXX": "c++", **os.environ}  # as CMake calls them, and ccache goes by the name too
    if shutil.which("ccache"):  # the same sources were compiled for the build tree
        environment.setdefault("CMAKE_CXX_COMPILER_LAUNCHER", "ccache")
        environment.setdefault("CMAKE_C_COMPILER_LAUNCHER", "ccache")
    # The requirements are in this environment; the build directory stays (build/{wheel_tag}), so a second run is short.
    pip = (sys.executable, "-m", "pip", "wheel", "--no-build-isolation", "--no-deps", "--no-index", "-w", target)
    run(*pip, ROOT, env=environment)
    (made,) = target.glob("*.whl")
    return made


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_wheel_has_everything(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        info = next(name for name in names if name.endswith(".dist-info/entry_points.txt"))
        entry_points = archive.read(info).decode()
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    version = contain.__version__
    wanted = {f"contain/_core{suffix}", "contain/_core.pyi", "contain/py.typed", "contain/pytest_plugin.py"}
    wanted |= {f"contain/{path.name}" for path in (ROOT / "python/contain").glob("*.py")}
    wanted |= {f"contain-{version}.data/scripts/contain", f"contain-{version}.dist-info/licenses/LICENSE"}
    assert wanted <= set(names)
    assert "contain = contain.pytest_plugin" in entry_points
    # Nothing of the library's own install: headers and archives are not for a wheel.
    assert not [name for name in names if name.endswith((".a", ".hpp", ".cmake", ".cpp"))]


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_wheel_works_in_a_fresh_environment(wheel: Path, tmp_path: Path) -> None:
    where = tmp_path / "venv"
    venv.create(where, with_pip=True)
    python = where / "bin/python"
    run(python, "-I", "-m", "pip", "install", "--no-index", "--no-deps", wheel)  # -I: without this tree's PYTHONPATH
    environment = {"CONTAIN_ROOT": str(tmp_path / "store"), "PATH": f"{where}/bin:/usr/bin:/bin", "HOME": str(tmp_path)}
    options = {"cwd": tmp_path, "env": environment}
    assert contain.__version__ in run(where / "bin/contain", "--version", **options)
    program = "import contain; print(contain.__file__); print(contain.run('hello-world').text)"
    place, *words = run(python, "-c", program, **options).splitlines()
    assert place.startswith(str(where))
    assert words == run(where / "bin/contain", "run", "hello-world", **options).splitlines() or any(words)
