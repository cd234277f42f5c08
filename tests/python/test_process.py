"""Container.popen: streams and exit code live together, as in subprocess."""

from __future__ import annotations

import select
import signal
import threading
import time
from collections.abc import Callable

import contain
import pytest
from contain import Stream


def test_streams_and_exit_code(box: contain.Container) -> None:
    with box.popen("sh", "-c", "echo out; echo err >&2; exit 7") as p:
        assert p.stdout.read() == b"out\n"
        assert p.stderr is not None
        assert p.stderr.read() == b"err\n"
        assert p.wait(timeout=10) == 7
        assert p.returncode == p.poll() == 7
        assert p.status is not None and p.status.finished is not None


def test_lines_arrive_while_it_runs(box: contain.Container) -> None:
    with box.popen("sh", "-c", "for i in 1 2 3; do echo $i; read x; done; printf end") as p:
        assert p.stdin is not None
        seen = []
        for line in p.lines():
            seen.append((line.stream, line.text))
            if line.text != "end":
                p.stdin.write(b"\n")
        assert seen == [(Stream.STDOUT, text) for text in ("1", "2", "3", "end")]
        assert p.wait() == 0


def test_lines_after_readline_lose_nothing(box: contain.Container) -> None:
    with box.popen("printf", "a\\nb\\nc\\n") as p:
        p.wait()
        assert p.stdout.readline() == b"a\n"
        assert [line.text for line in p.lines()] == ["b", "c"]


def test_both_streams_in_one_iteration(box: contain.Container) -> None:
    with box.popen("sh", "-c", "echo a; sleep 0.1; echo b >&2; sleep 0.1; echo c") as p:
        assert [(line.stream, line.text) for line in p.lines()] == [
            (Stream.STDOUT, "a"),
            (Stream.STDERR, "b"),
            (Stream.STDOUT, "c"),
        ]


def test_closing_stdin_is_end_of_file(box: contain.Container) -> None:
    with box.popen("cat") as p:
        assert p.stdin is not None
        p.stdin.write(b"\x00\xff")
        p.stdin.close()
        assert p.stdout.read() == b"\x00\xff"
        assert p.wait(timeout=10) == 0


def test_no_stdin(box: contain.Container) -> None:
    with box.popen("cat", stdin=False) as p:
        assert p.stdin is None
        assert p.communicate() == (b"", b"")


def test_communicate_with_more_than_a_pipe_holds(box: contain.Container) -> None:
    data = bytes(range(256)) * 8192
    with box.popen("sh", "-c", "tee /proc/self/fd/2") as p:
        out, err = p.communicate(data, timeout=60)
    assert out == err == data
    assert p.returncode == 0


def test_communicate_with_a_command_that_does_not_listen(box: contain.Container) -> None:
    with box.popen("true") as p:
        assert p.communicate(b"x" * 1000000, timeout=60) == (b"", b"")
        assert p.returncode == 0


def test_communicate_times_out(box: contain.Container) -> None:
    with box.popen("sleep", "1000") as p, pytest.raises(contain.Timeout):
        p.communicate(timeout=0.2)


def test_wait_times_out(box: contain.Container) -> None:
    with box.popen("sleep", "1000") as p:
        with pytest.raises(contain.Timeout):
            p.wait(timeout=0.05)
        assert p.poll() is None and p.returncode is None


def test_signal_and_exit_code(box: contain.Container) -> None:
    with box.popen("sleep", "1000") as p:
        p.signal(signal.SIGTERM)
        assert p.wait(timeout=10) == 128 + signal.SIGTERM
        assert p.status is not None and p.status.signal == signal.SIGTERM
        with pytest.raises(contain.NotRunning):
            p.signal(signal.SIGTERM)
        p.terminate()  # nothing to end: as subprocess, no error


def test_signal_from_another_thread_while_waiting(box: contain.Container) -> None:
    with box.popen("sleep", "1000") as p:
        killer = threading.Timer(0.2, p.kill)
        killer.start()
        assert p.wait(timeout=30) == 137
        killer.join()


def test_end_of_the_block_kills(box: contain.Container) -> None:
    with box.popen("sleep", "4242") as p:
        assert p.poll() is None
    assert p.returncode == 137
    assert "4242" not in box.exec("ps").text


def test_detached_command_goes_on(box: contain.Container) -> None:
    with box.popen("sleep", "4243", stdin=False) as p:
        p.detach()
    del p
    assert "4243" in box.exec("ps").text


def test_fileno_is_readable_at_the_end(box: contain.Container) -> None:
    with box.popen("sleep", "0.2") as p:
        assert select.select([p], [], [], 0) == ([], [], [])
        assert select.select([p], [], [], 10) == ([p], [], [])
        assert p.wait() == 0


def test_terminal(box: contain.Container) -> None:
    with box.popen("sh", "-c", "tty; stty size; read x; stty size; echo got $x", tty=True, size=(30, 100)) as p:
        assert p.stderr is None and p.stdin is not None
        assert p.stdout.readline().startswith(b"/dev/")
        assert p.stdout.readline() == b"30 100\r\n"
        p.resize(40, 120)
        p.stdin.write(b"word\n")
        rest = p.stdout.read()
        assert b"40 120\r\n" in rest and rest.endswith(b"got word\r\n")
        assert p.wait(timeout=10) == 0


def test_environment_user_and_directory(box: contain.Container) -> None:
    with box.popen("sh", "-c", "echo $A $(id -u) $(pwd)", env={"A": "a"}, user="ana", workdir="/tmp") as p:
        assert p.communicate()[0] == b"a 1000 /tmp\n"


def test_missing_command_is_an_error_of_popen(box: contain.Container) -> None:
    with pytest.raises(contain.CommandNotFound):
        box.popen("/no/such")


def test_repr(box: contain.Container) -> None:
    with box.popen("sleep", "1000") as p:
        assert repr(p) == f"<Process {p.pid} sleep running>"
    assert repr(p).endswith("sleep returncode 137>")


def test_no_descriptor_is_left(box: contain.Container, open_fds: Callable[[], set[str]]) -> None:
    box.exec("true")
    before = open_fds()
    for _ in range(5):
        with box.popen("cat") as p:
            p.communicate(b"x")
        del p
    deadline = time.monotonic() + 5
    while len(open_fds()) > len(before):
        assert time.monotonic() < deadline, open_fds() - before
        time.sleep(0.05)
