"""A host that is killed takes its containers with it: nothing is left, whenever it dies.

Fifty moments: a C++ host and a Python host are killed a little after they enter a phase, and a C++ host is killed inside
its n-th system call of a kind. Within two seconds no process, mount, cgroup, network namespace or store entry is left.
"""

from __future__ import annotations

import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from support import census, images, products

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: looks at other processes' namespaces")

PHASES = ("create", "start", "exec", "stop", "remove")
# Phases take 1 to 20 ms, so these fall all over them; a later cycle meets a store that has been used.
DELAYS_MS = (0.0, 0.7, 1.5, 3.0, 6.0)
PYTHON_DELAYS_MS = (0.3, 2.0)
# The n-th call of the host's main thread: the messages to the supervisor, directories, database pages and their syncs.
CALLS = (("sendmsg", 1), ("sendmsg", 2), ("sendmsg", 5), ("recvmsg", 1), ("recvmsg", 3), ("mkdirat", 2), ("mkdirat", 6),
         ("openat", 150), ("openat", 190), ("openat", 260), ("pwrite64", 5), ("pwrite64", 12), ("pwrite64", 21),
         ("unlinkat", 2), ("unlinkat", 5))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, busybox_image: images.Image) -> pathlib.Path:
    """A store that has busybox. Every killed host uses this one, as it would in real life."""
    if not products.program("churn_host").exists():
        pytest.skip(f"needs {products.program('churn_host')}: ./dev test builds it")
    path = tmp_path_factory.mktemp("kill")
    archive = images.docker_archive(busybox_image, path / "busybox.tar")
    subprocess.run([products.program("churn_host"), "prepare", path / "store", archive], check=True)
    return path / "store"


@pytest.fixture
def nothing_left(store: pathlib.Path) -> Iterator[None]:
    """Compares the machine before and after the test's host: two seconds, and one look by another process.

    What runs has to end by itself. A directory or a cgroup that the host had made and nobody else knew of goes when the
    next engine lists containers.
    """
    before = census.take(store)
    yield
    end = time.monotonic() + 2
    running = census.left(store, before, kinds=("processes", "mounts", "namespaces"))
    assert running == {}
    assert products.contain(store, "ps", "--all", "--quiet").stdout.split() == []
    assert census.left(store, before, within=end - time.monotonic()) == {}


def _kill_in_phase(host: subprocess.Popen[str], phase: str, cycle: int, delay: float) -> None:
    assert host.stdout is not None
    seen = 0
    for line in host.stdout:
        seen += line.strip() == phase
        if seen == cycle:
            break
    else:
        pytest.fail(f"the host ended by itself with {host.wait()}")
    end = time.perf_counter() + delay  # sleep() is too coarse below a millisecond
    while time.perf_counter() < end:
        pass
    host.kill()
    assert host.wait() == -signal.SIGKILL


@pytest.mark.parametrize("delay_ms", DELAYS_MS)
@pytest.mark.parametrize("phase", PHASES)
def test_killed_cpp_host(store: pathlib.Path, nothing_left: None, phase: str, delay_ms: float) -> None:
    with subprocess.Popen(census.apart(products.program("churn_host"), "churn", store), stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, text=True) as host:
        _kill_in_phase(host, phase, 2, delay_ms / 1000)


@pytest.mark.parametrize("delay_ms", PYTHON_DELAYS_MS)
@pytest.mark.parametrize("phase", PHASES)
def test_killed_python_host(store: pathlib.Path, nothing_left: None, phase: str, delay_ms: float) -> None:
    script = pathlib.Path(products.__file__).with_name("churn_host.py")
    with subprocess.Popen(census.apart(sys.executable, script, store), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          text=True) as host:
        _kill_in_phase(host, phase, 1, delay_ms / 1000)


@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
@pytest.mark.parametrize(("call", "count"), CALLS)
def test_killed_in_a_system_call(store: pathlib.Path, nothing_left: None, call: str, count: int) -> None:
    # Without -f only the host is traced: its helper lives on and has to notice. strace dies of its tracee's signal.
    traced = ["strace", "-qq", "-o", "/dev/null", f"--trace={call}", f"--inject={call}:signal=KILL:when={count}"]
    done = subprocess.run(census.apart(*traced, products.program("churn_host"), "churn", store), stdin=subprocess.DEVNULL,
                          stdout=subprocess.DEVNULL, timeout=60)
    assert done.returncode == -signal.SIGKILL
