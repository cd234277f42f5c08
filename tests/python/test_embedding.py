"""A Python host with threads, subprocess, asyncio and multiprocessing alive does not notice the containers beside it."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import multiprocessing
import os
import pathlib
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import resource_tracker

import contain
import pytest

from support import images

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: the containers have id ranges of their own")

THREADS = 8


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory, busybox_image: images.Image) -> Iterator[contain.Engine]:
    directory = tmp_path_factory.mktemp("embedding")
    with contain.Engine(store=directory / "store") as engine:
        contain.Image.load(images.docker_archive(busybox_image, directory / "busybox.tar"), engine=engine)
        yield engine


def cycle(engine: contain.Engine, script: str) -> int:
    """One container's whole life; its exit code."""
    with contain.Container("busybox:latest", "sh", "-c", script, engine=engine) as container:
        return container.wait(timeout=60)


def thread_state() -> str:
    """Ids, capabilities, masks, namespaces, directories and cgroups of the calling thread."""
    task = pathlib.Path("/proc/thread-self")
    kept = re.compile(r"Umask|[UG]id|Groups|Sig(?!Q|Pnd)|Shd|Cap|NoNewPrivs|Seccomp|TracerPid")
    lines = [line for line in (task / "status").read_text().splitlines() if kept.match(line)]
    links = [os.readlink(path) for path in sorted((task / "ns").iterdir())]
    return "\n".join([*lines, *links, os.readlink(task / "cwd"), os.readlink(task / "root"), (task / "cgroup").read_text()])


def own_children() -> set[int | None]:
    """Processes, zombies too, whose parent this one is."""
    children: set[int | None] = set()
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # ended meanwhile
            stat = path.read_text()
            if int(stat.rpartition(")")[2].split()[1]) == os.getpid():
                children.add(int(stat.split()[0]))
    return children


def dispositions() -> list[object]:
    return [signal.getsignal(number) for number in sorted(signal.valid_signals())]


class Containers:
    """Runs containers in the background for the life of a ``with`` block; any wrong exit code is raised at its end."""

    def __init__(self, engine: contain.Engine) -> None:
        self._engine = engine
        self._stop = threading.Event()
        self._pool = ThreadPoolExecutor(THREADS)
        self.ran = 0

    def _work(self, number: int) -> None:
        while not self._stop.is_set():
            assert cycle(self._engine, f"exit {number}") == number
            self.ran += 1

    def __enter__(self) -> Containers:
        self._futures = [self._pool.submit(self._work, number) for number in range(THREADS)]
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for future in self._futures:
            future.result(60)
        self._pool.shutdown()


def _square(number: int) -> int:
    return number * number


async def _children() -> list[tuple[int, bytes]]:
    async def child(number: int) -> tuple[int, bytes]:
        process = await asyncio.create_subprocess_exec("sh", "-c", f"echo {number}; exit {number}",
                                                       stdout=asyncio.subprocess.PIPE)
        out, _ = await process.communicate()
        return process.returncode or 0, out

    return list(await asyncio.gather(*(child(number) for number in range(20))))


def with_subprocess() -> None:
    for number in range(30):
        assert subprocess.run(["sh", "-c", f"exit {number}"], check=False).returncode == number


def with_asyncio() -> None:
    assert asyncio.run(_children()) == [(number, f"{number}\n".encode()) for number in range(20)]


def with_multiprocessing() -> None:
    # Spawn, not fork: a process with threads must not fork without exec, with or without containers.
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        assert pool.map(_square, range(50)) == [number * number for number in range(50)]


@pytest.mark.parametrize("use", [with_subprocess, with_asyncio, with_multiprocessing])
def test_children_of_the_host(engine: contain.Engine, use: Callable[[], None]) -> None:
    with Containers(engine) as containers:
        use()
    assert containers.ran >= THREADS
    # Neither a container nor a child that nobody reaped; multiprocessing keeps a helper of its own.
    assert own_children() <= {resource_tracker._resource_tracker._pid}


def test_signals_of_the_host(engine: contain.Engine) -> None:
    seen: list[int] = []
    cycle(engine, "true")
    before = dispositions()
    old = signal.signal(signal.SIGCHLD, lambda number, frame: seen.append(number))
    try:
        with Containers(engine):
            for _ in range(20):
                subprocess.run(["true"], check=True)
    finally:
        signal.signal(signal.SIGCHLD, old)
    # Python merges signals that arrive together, so only more than own children would be a container's.
    assert 0 < len(seen) <= 20
    assert dispositions() == before


def test_threads_keep_their_state(engine: contain.Engine) -> None:
    def work(number: int) -> tuple[str, str]:
        before = thread_state()
        for _ in range(5):
            assert cycle(engine, f"exit {number}") == number
        return before, thread_state()

    with ThreadPoolExecutor(THREADS) as pool:
        for before, after in pool.map(work, range(THREADS)):
            assert after == before


def descriptors() -> list[str]:
    """What this process has open, sorted, without the numbers that tell two sockets apart."""
    targets = []
    for number in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):  # the one that lists them
            targets.append(os.readlink(f"/proc/self/fd/{number}"))
    return sorted(re.sub(r":\[\d+\]$", "", target) for target in targets)


def test_no_descriptor_leaks(engine: contain.Engine) -> None:
    for _ in range(5):
        cycle(engine, "true")
    gc.collect()  # what earlier tests dropped
    before = descriptors()
    for _ in range(100):
        cycle(engine, "true")
    end = time.monotonic() + 2
    while descriptors() != before and time.monotonic() < end:
        time.sleep(0.02)  # the thread that waited may still let go of the last container
    assert descriptors() == before


def test_a_forked_child_does_not_end_the_parents_containers(engine: contain.Engine) -> None:
    with contain.Container("busybox:latest", "sleep", "1000", engine=engine) as container:
        script = "import os, sys; sys.exit(0)"
        pid = os.fork()
        if pid == 0:
            os.execv(sys.executable, [sys.executable, "-c", script])
        assert os.waitpid(pid, 0)[1] == 0
        process = multiprocessing.get_context("fork").Process(target=_square, args=(2,))
        process.start()
        process.join(30)
        assert process.exitcode == 0
        assert container.exec("echo", "alive").stdout == b"alive\n"
