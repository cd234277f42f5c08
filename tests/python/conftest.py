"""A store for this session, a small image with a shell, and a check that no test leaves anything behind."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import contain


@pytest.fixture(scope="session", autouse=True)
def default_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The default engine works on this session's store, not on the machine's."""
    store = tmp_path_factory.mktemp("contain") / "store"
    before = os.environ.get("CONTAIN_ROOT")
    os.environ["CONTAIN_ROOT"] = str(store)
    yield store
    if before is None:
        del os.environ["CONTAIN_ROOT"]
    else:
        os.environ["CONTAIN_ROOT"] = before


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Containers with id ranges of their own need root."""
    if os.geteuid() == 0:
        return
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here) and "rootfs_tar" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.skip(reason="needs root: containers get id ranges of their own"))


def _member(name: str, kind: bytes = tarfile.REGTYPE, *, mode: int = 0o755, size: int = 0, link: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.mode, made.size, made.linkname = kind, mode, size, link
    return made


@pytest.fixture(scope="session")
def rootfs_tar() -> bytes:
    """A root file system: Debian's static busybox with its links, and two users."""
    busybox = shutil.which("busybox")
    if busybox is None:
        pytest.skip("needs busybox: apt-get install busybox-static")
    applets = subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True).stdout.split()
    files = {
        "etc/passwd": b"root:x:0:0:root:/root:/bin/sh\nana:x:1000:1000::/home/ana:/bin/sh\n",
        "etc/group": b"root:x:0:\nana:x:1000:\n",
        "etc/plain": b"no program\n",
    }
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for directory in ("bin", "dev", "etc", "home", "home/ana", "proc", "root", "sys", "tmp"):
            tar.addfile(_member(directory, tarfile.DIRTYPE, mode=0o1777 if directory == "tmp" else 0o755))
        program = Path(busybox).read_bytes()
        tar.addfile(_member("bin/busybox", size=len(program)), io.BytesIO(program))
        for applet in applets:
            if applet != "busybox":
                tar.addfile(_member(f"bin/{applet}", tarfile.SYMTYPE, link="busybox"))
        for name, content in files.items():
            tar.addfile(_member(name, mode=0o644, size=len(content)), io.BytesIO(content))
    return out.getvalue()


@pytest.fixture(scope="session")
def busybox(rootfs_tar: bytes, default_store: Path) -> contain.Image:
    """The image of that file system in the default engine; its CMD is a shell."""
    return contain.Image.from_tar(io.BytesIO(rootfs_tar), tag="box:1", changes=['CMD ["sh"]', "ENV PATH=/bin"])


@pytest.fixture
def box(busybox: contain.Image) -> Iterator[contain.Container]:
    """A running container that does nothing and does not mind SIGTERM."""
    with contain.Container(busybox, "sleep", "1000000") as made:
        yield made


@pytest.fixture
def open_fds() -> Callable[[], set[str]]:
    """The descriptors of this process, as number → target."""

    def read() -> set[str]:
        found = set()
        for number in os.listdir("/proc/self/fd"):
            try:
                found.add(f"{number} {os.readlink(f'/proc/self/fd/{number}')}")
            except OSError:  # the one that lists them
                continue
        return found

    return read


@pytest.fixture(autouse=True)
def nothing_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """A test ends without containers in the default engine."""
    yield
    if "busybox" in request.fixturenames:
        left = contain.containers(all=True)
        for one in left:
            contain.Container.open(one.id).remove(force=True)
        assert [one.name for one in left] == []
