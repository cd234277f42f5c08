"""Threads: every call releases the GIL, and one object may be used from several."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import contain
import pytest


def test_eight_threads_run_containers(busybox: contain.Image) -> None:
    def work(number: int) -> list[int]:
        return [contain.run(busybox, "sh", "-c", f"exit {number}", check=False).returncode for _ in range(3)]

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(8))) == [[number] * 3 for number in range(8)]


def test_one_container_used_by_eight_threads(box: contain.Container) -> None:
    def work(number: int) -> str:
        assert box.state is contain.State.RUNNING
        with box.popen("cat") as p:
            echoed = p.communicate(str(number).encode())[0].decode()
        return echoed + box.exec("echo", "-n", str(number)).text

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(24))) == [f"{number}{number}" for number in range(24)]


@pytest.mark.parametrize("where", ["main thread", "other thread"])
@pytest.mark.parametrize("what", ["wait", "exec", "process", "logs", "read", "run"])
def test_the_gil_is_released(busybox: contain.Image, box: contain.Container, what: str, where: str) -> None:
    def process() -> None:
        with box.popen("sleep", "0.5") as p:
            p.wait()

    calls = {
        "wait": lambda: box.wait(timeout=0.5),
        "exec": lambda: box.exec("sleep", "0.5"),
        "process": process,
        "logs": lambda: threading.Timer(0.5, stream.close).start() or list(stream),
        "read": lambda: box.attach().read(timeout=0.5),
        "run": lambda: contain.run(busybox, "sleep", "0.5"),
    }
    stream = box.logs(follow=True)
    counted = 0
    done = threading.Event()

    def count() -> None:
        nonlocal counted
        while not done.wait(0.01):
            counted += 1

    counter = threading.Thread(target=count)
    counter.start()
    try:
        if where == "main thread":
            call_ignoring_timeout(calls[what])
        else:
            other = threading.Thread(target=call_ignoring_timeout, args=(calls[what],))
            other.start()
            other.join()
    finally:
        done.set()
        counter.join()
        stream.close()
    assert counted > 10  # of about 50


def call_ignoring_timeout(call: object) -> None:
    assert callable(call)
    try:
        call()
    except contain.Timeout:
        pass


def test_log_function_may_use_the_library(tmp_path: object) -> None:
    seen = []

    def log(record: contain.LogRecord) -> None:
        if not seen:
            seen.append(record)
            engine.containers(all=True)

    with contain.Engine(store=f"{tmp_path}/store", log=log) as engine:
        engine.run("hello-world")


def test_log_function_that_raises_is_no_error_of_the_call(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    heard, reported = [], []

    def log(record: contain.LogRecord) -> None:
        heard.append(record)
        raise RuntimeError("no")

    monkeypatch.setattr(sys, "unraisablehook", lambda raised: reported.append(str(raised.exc_value)))
    with contain.Engine(store=f"{tmp_path}/store", log=log) as engine:
        assert engine.run("hello-world").returncode == 0
    assert reported == ["no"] * len(heard)


def test_daemon_thread_in_a_call_does_not_hold_up_the_interpreters_end() -> None:
    program = (
        "import contain, threading, time\n"
        "c = contain.Container('hello-world', entrypoint=['/hello'])\n"
        "threading.Thread(target=lambda: contain.run('hello-world'), daemon=True).start()\n"
    )
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-c", program], timeout=60)
    assert done.returncode == 0
    assert time.monotonic() - began < 20
