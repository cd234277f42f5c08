#!/usr/bin/env python3
"""Real images for tests, made from Debian packages by independent tools.

No public registry can be reached from where tests run, so the images come from the machine's own package source:
busybox-static, and a minbase Debian by mmdebstrap. Each is made once and kept outside the tree under a key of everything
that decides its content; a changed recipe is another key.

    python3 tests/support/images.py busybox    prints the path of an OCI layout, tag "latest"
    python3 tests/support/images.py debian     the same, tag "bookworm"

``CONTAIN_TEST_CACHE`` moves the cache from ``~/.cache/contain-tests``.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import inspect
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
EPOCH = "1700000000"  # of every made file and config, so that the same packages give the same digests
SUITE = "bookworm"


@dataclass(frozen=True)
class Image:
    """An image in an OCI layout directory."""

    name: str
    tag: str
    layout: pathlib.Path

    @property
    def source(self) -> str:
        """As skopeo names it."""
        return f"oci:{self.layout}:{self.tag}"


def cache_directory() -> pathlib.Path:
    """Where made images are kept; created on first use."""
    named = os.environ.get("CONTAIN_TEST_CACHE")
    path = pathlib.Path(named) if named else pathlib.Path.home() / ".cache" / "contain-tests"
    path.mkdir(parents=True, exist_ok=True)
    return path


def missing_tools(*tools: str) -> list[str]:
    """Those of ``tools`` that are not on the PATH, for a skip's reason."""
    return [tool for tool in tools if shutil.which(tool) is None]


def _run(*argv: str | os.PathLike[str], **options) -> None:
    environment = {**os.environ, "SOURCE_DATE_EPOCH": EPOCH, "LC_ALL": "C"}
    done = subprocess.run(argv, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, **options)
    if done.returncode != 0:
        raise RuntimeError(f"{argv[0]} failed with {done.returncode}:\n{done.stderr[-2000:]}")


def _version(package: str) -> str:
    return subprocess.run(["dpkg-query", "-W", "-f", "${Version}", package], capture_output=True, text=True).stdout


def _sources() -> str:
    """The machine's configured package sources as text."""
    files = [pathlib.Path("/etc/apt/sources.list"), *sorted(pathlib.Path("/etc/apt/sources.list.d").glob("*"))]
    return "\n\n".join(file.read_text() for file in files if file.suffix in (".list", ".sources") and file.is_file())


def _layout(target: pathlib.Path, tag: str, layer: pathlib.Path, command: list[str]) -> None:
    """One layer and a config: what ``docker build`` gives for FROM scratch, ADD, ENV, CMD."""
    reference = f"{target}:{tag}"
    _run("umoci", "init", "--layout", target)
    _run("umoci", "new", "--image", reference)
    _run("umoci", "raw", "add-layer", "--image", reference, "--history.created_by", "ADD layer.tar /", layer)
    words = [argument for word in command for argument in ("--config.cmd", word)]
    _run("umoci", "config", "--image", reference, "--created", "2023-11-14T22:13:20Z", "--os", "linux",
         "--architecture", "amd64", "--config.env", f"PATH={PATH}", *words)
    _run("umoci", "gc", "--layout", target)


def _make_busybox(work: pathlib.Path, target: pathlib.Path) -> None:
    root = work / "root"
    for directory in ("bin", "dev", "etc", "home", "proc", "root", "sys", "tmp", "usr/bin", "usr/sbin", "sbin", "var"):
        (root / directory).mkdir(parents=True)
    (root / "tmp").chmod(0o1777)
    (root / "root").chmod(0o700)
    binary = shutil.which("busybox")
    shutil.copy(binary, root / "bin/busybox")
    for applet in subprocess.run([binary, "--list"], capture_output=True, text=True, check=True).stdout.split():
        if applet != "busybox":
            (root / "bin" / applet).symlink_to("busybox")
    (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/home:/bin/false\n")
    (root / "etc/group").write_text("root:x:0:\ndaemon:x:1:\nnogroup:x:65534:\n")
    for name in ("hosts", "hostname", "resolv.conf"):
        (root / "etc" / name).touch()
    layer = work / "layer.tar"
    _run("tar", "--create", "--file", layer, "--directory", root, "--sort=name", "--numeric-owner", "--owner=0",
         "--group=0", f"--mtime=@{EPOCH}", "--format=gnu", ".")
    _layout(target, "latest", layer, ["sh"])


def _make_debian(work: pathlib.Path, target: pathlib.Path) -> None:
    sources = work / "machine.sources"
    sources.write_text(_sources())
    settings = work / "apt.conf"  # proxies and the like
    dump = subprocess.run(["apt-config", "dump", "Acquire"], capture_output=True, text=True, check=True).stdout
    settings.write_text("".join(line + "\n" for line in dump.splitlines() if line.startswith("Acquire::")))
    layer = work / "layer.tar"
    _run("mmdebstrap", "--mode=root", "--variant=minbase", "--format=tar", "--quiet", f"--aptopt={settings}", SUITE,
         layer, sources)
    _layout(target, SUITE, layer, ["bash"])


@dataclass(frozen=True)
class _Recipe:
    tag: str
    tools: tuple[str, ...]
    make: Callable[[pathlib.Path, pathlib.Path], None]
    inputs: Callable[[], str]


_RECIPES = {
    "busybox": _Recipe("latest", ("busybox", "umoci", "tar"), _make_busybox, lambda: _version("busybox-static")),
    "debian": _Recipe(SUITE, ("mmdebstrap", "umoci"), _make_debian, _sources),
}


def required_tools(name: str) -> tuple[str, ...]:
    """The programs that making the image ``name`` runs."""
    return _RECIPES[name].tools


@contextlib.contextmanager
def _locked(path: pathlib.Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def image(name: str) -> Image:
    """The image ``name`` ("busybox" or "debian"), made now unless the cache has it. Several callers wait for one."""
    recipe = _RECIPES[name]
    text = "\n".join([*map(inspect.getsource, (recipe.make, _layout)), PATH, EPOCH, recipe.tag, recipe.inputs()])
    key = hashlib.sha256(text.encode()).hexdigest()[:16]
    cache = cache_directory()
    target = cache / f"{name}-{key}"
    with _locked(cache / f"{name}.lock"):
        if not (target / "index.json").is_file():
            with tempfile.TemporaryDirectory(dir=cache, prefix=f".{name}-") as work_name:
                work = pathlib.Path(work_name)
                recipe.make(work, work / "layout")
                (work / "layout").rename(target)
    return Image(name, recipe.tag, target)


def docker_archive(of: Image, target: pathlib.Path) -> pathlib.Path:
    """Writes ``of`` as a docker-archive (what ``docker save`` gives) to ``target``."""
    _run("skopeo", "--insecure-policy", "copy", of.source, f"docker-archive:{target}:{of.name}:{of.tag}")
    return target


def unpack(of: Image, target: pathlib.Path) -> pathlib.Path:
    """The image's root file system as a directory, by umoci. Needs root for its owners and device nodes."""
    _run("umoci", "raw", "unpack", "--image", f"{of.layout}:{of.tag}", target)
    return target


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        print(image(argument).layout)
