"""Ctrl-C ends every blocking call within 100 ms, and what it had begun is undone."""

from __future__ import annotations

import io
import os
import random
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator

import contain
import pytest

LIMIT = 0.1
DELAY = 0.4
ATTEMPTS = 3  # the promise is about the library; a busy machine may be late once


def latency_of(call: Callable[[], object], delay: float = DELAY) -> float:
    """Seconds from SIGINT to KeyboardInterrupt out of ``call``."""
    sent = 0.0
    ready = threading.Event()

    def interrupt() -> None:
        nonlocal sent
        ready.wait()
        time.sleep(delay)
        sent = time.monotonic()
        os.kill(os.getpid(), signal.SIGINT)

    sender = threading.Thread(target=interrupt)
    sender.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            ready.set()
            call()
            sender.join()  # it came back by itself: the signal is still to come
            pytest.fail("the call did not block")
        return time.monotonic() - sent
    finally:
        sender.join()


def assert_prompt(call: Callable[[], object]) -> None:
    measured = []
    for _ in range(ATTEMPTS):
        measured.append(latency_of(call))
        if measured[-1] < LIMIT:
            return
    pytest.fail(f"KeyboardInterrupt after {[f'{seconds * 1000:.0f} ms' for seconds in measured]}")


@pytest.fixture
def stalled_registry() -> Iterator[str]:
    """An address that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


def test_run(busybox: contain.Image) -> None:
    assert_prompt(lambda: contain.run(busybox, "sleep", "1000"))
    assert contain.containers(all=True) == []


def test_run_with_input(busybox: contain.Image) -> None:
    assert_prompt(lambda: contain.run(busybox, "sleep", "1000", input=b"x" * (1 << 22)))
    assert contain.containers(all=True) == []


def test_wait(box: contain.Container) -> None:
    assert_prompt(box.wait)
    assert box.state is contain.State.RUNNING


def test_wait_with_timeout(box: contain.Container) -> None:
    assert_prompt(lambda: box.wait(timeout=60))


def test_exec(box: contain.Container) -> None:
    assert_prompt(lambda: box.exec("sleep", "31337"))
    deadline = time.monotonic() + 5
    while "31337" in box.exec("ps").text:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_process_wait(box: contain.Container) -> None:
    with box.popen("sleep", "1000") as p:
        assert_prompt(p.wait)
        assert_prompt(lambda: p.wait(timeout=60))


def test_process_read(box: contain.Container) -> None:
    with box.popen("sleep", "1000") as p:
        assert_prompt(p.stdout.read)
    with box.popen("sleep", "1000") as p:
        assert_prompt(lambda: list(p.lines()))
    with box.popen("sleep", "1000") as p:
        assert_prompt(p.communicate)


def test_following_logs(box: contain.Container) -> None:
    assert_prompt(lambda: list(box.logs(follow=True)))


def test_attachment(box: contain.Container) -> None:
    with box.attach() as attached:
        assert_prompt(attached.read)


def test_stop(box: contain.Container) -> None:
    # sleep as pid 1 ignores SIGTERM
    assert_prompt(lambda: box.stop(grace=60))


def test_restart(box: contain.Container) -> None:
    assert_prompt(lambda: box.restart(grace=60))


def test_pull_from_a_stalled_registry(stalled_registry: str) -> None:
    assert_prompt(lambda: contain.Image.pull(f"{stalled_registry}/some/image:1"))
    assert not any("some/image" in tag for image in contain.images() for tag in image.tags)


def test_pull_with_progress(stalled_registry: str) -> None:
    assert_prompt(lambda: contain.Image.pull(f"{stalled_registry}/some/image:1", progress=lambda _: None))


def test_create_that_pulls(stalled_registry: str, busybox: contain.Image) -> None:
    assert_prompt(lambda: contain.Container(f"{stalled_registry}/some/image:1"))
    assert_prompt(lambda: contain.run(f"{stalled_registry}/some/image:1"))
    assert contain.containers(all=True) == []


def test_import_from_a_pipe_that_never_ends() -> None:
    reading, writing = os.pipe()
    try:
        before = {image.id for image in contain.images()}
        with io.FileIO(reading, "rb", closefd=False) as file:
            assert_prompt(lambda: contain.Image.from_tar(file))  # type: ignore[arg-type]
        assert {image.id for image in contain.images()} == before
    finally:
        os.close(writing)
        os.close(reading)


def test_handler_that_returns_does_not_end_the_call(box: contain.Container) -> None:
    heard: list[int] = []
    before = signal.signal(signal.SIGUSR1, lambda number, _: heard.append(number))
    try:
        sender = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGUSR1))
        sender.start()
        with pytest.raises(contain.Timeout):
            box.wait(timeout=0.5)
        sender.join()
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert heard == [signal.SIGUSR1]


def test_handler_runs_while_the_call_blocks(box: contain.Container) -> None:
    heard: list[float] = []
    before = signal.signal(signal.SIGUSR1, lambda *_: heard.append(time.monotonic()))
    try:
        sender = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGUSR1))
        began = time.monotonic()
        sender.start()
        with pytest.raises(contain.Timeout):
            box.wait(timeout=1.0)
        sender.join()
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert heard[0] - began < 0.9


def test_interrupted_start_leaves_nothing_running(busybox: contain.Image) -> None:
    moments = random.Random(2)
    interrupted = 0
    for _ in range(20):
        c = contain.Container(busybox, "sleep", "1000")

        def start_and_stay(c: contain.Container = c) -> None:
            c.start()
            time.sleep(1)  # the signal came after the start

        try:
            latency_of(start_and_stay, moments.uniform(0, 0.03))
            interrupted += 1
            assert c.state is not contain.State.RUNNING or c.started is not None
        finally:
            c.close()
    assert interrupted == 20
    assert contain.containers(all=True) == []


def test_interrupted_with_block_removes_the_container(busybox: contain.Image) -> None:
    moments = random.Random(3)

    def whole_life() -> None:
        with contain.Container(busybox, "sleep", "1000") as c:
            c.wait()

    for _ in range(20):
        latency_of(whole_life, moments.uniform(0, 0.05))
        assert contain.containers(all=True) == []
