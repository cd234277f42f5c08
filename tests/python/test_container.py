"""Container: a life in steps, live properties, ownership."""

from __future__ import annotations

import gc
import io
import os
import pickle
import pty
import select
import signal
import subprocess
import sys
import termios
import threading
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

import contain
import pytest
from contain import State, Stream


def test_with_starts_and_removes(busybox: contain.Image) -> None:
    with contain.Container(busybox, "sleep", "1000") as c:
        assert c.state is State.RUNNING
        assert c.pid is not None and os.path.exists(f"/proc/{c.pid}")
        assert [one.id for one in contain.containers()] == [c.id]
    assert contain.containers(all=True) == []
    assert c.closed
    c.close()
    with pytest.raises(contain.NotFound):
        c.state  # noqa: B018


def test_create_then_start_then_wait(busybox: contain.Image) -> None:
    c = contain.Container(busybox, "sh", "-c", "exit 4")
    assert c.state is State.CREATED
    assert c.exit_code is None and c.started is None and c.pid is None
    assert contain.containers() == []
    assert [one.state for one in contain.containers(all=True)] == [State.CREATED]
    assert c.start() is c
    assert c.wait() == 4
    assert (c.state, c.exit_code) == (State.EXITED, 4)
    c.close()


def test_times_are_aware_and_in_order(busybox: contain.Image) -> None:
    with contain.Container(busybox, "true") as c:
        c.wait()
        created, started, finished = c.created, c.started, c.finished
    assert created is not None and started is not None and finished is not None
    assert created.tzinfo is timezone.utc
    assert created <= started <= finished <= datetime.now(timezone.utc)


def test_info_says_what_was_asked(busybox: contain.Image) -> None:
    labels = {"a": "1", "grün": "ja"}
    with contain.Container(busybox, "sleep", "1000", name="info-test", labels=labels) as c:
        info = c.info
        assert (info.name, info.id, info.labels) == ("info-test", c.id, labels)
        assert info.command == ("sleep", "1000")
        assert info.image_id == busybox.id
        assert info.owner_pid == os.getpid()
        assert not info.keep
        assert len(c.id) == 64 and c.id.startswith(c.short_id)
        assert [one.id for one in contain.containers(label={"a": "1"})] == [c.id]
        assert contain.containers(label={"a": "2"}) == []


def test_name_in_use(box: contain.Container, busybox: contain.Image) -> None:
    with pytest.raises(contain.AlreadyExists) as caught:
        contain.Container(busybox, name=box.name)
    assert isinstance(caught.value, FileExistsError)
    assert box.name in str(caught.value)


def test_rename_is_seen_at_once(box: contain.Container) -> None:
    other = contain.Container.open(box.id)
    box.rename("renamed-box")
    assert box.name == other.name == "renamed-box"
    assert contain.Container.open("renamed-box").id == box.id


def test_open_does_not_own(box: contain.Container) -> None:
    with contain.Container.open(box.short_id) as same:
        assert same.id == box.id
    assert box.state is State.RUNNING


def test_open_unknown() -> None:
    with pytest.raises(contain.NotFound) as caught:
        contain.Container.open("no-such-container")
    assert isinstance(caught.value, LookupError)
    assert (caught.value.code, caught.value.subject) == ("CT0301", "no-such-container")


def test_stop_sends_the_signal_then_kills(busybox: contain.Image) -> None:
    with contain.Container(busybox, "sh", "-c", "trap 'exit 9' TERM; echo ready; while :; do sleep 0.01; done") as c:
        next(c.logs(follow=True))
        assert c.stop(grace=20) == 9
        assert c.stop() == 9  # left as it is
    with contain.Container(busybox, "sleep", "1000") as c:  # as pid 1 it ignores SIGTERM
        began = time.monotonic()
        assert c.stop(grace=0.1) == 137
        assert time.monotonic() - began < 5


def test_kill(box: contain.Container) -> None:
    box.kill(signal.SIGKILL)
    assert box.wait(timeout=10) == 137
    with pytest.raises(contain.NotRunning):
        box.kill()


def test_kill_from_another_thread_while_stop_waits(box: contain.Container) -> None:
    killer = threading.Timer(0.3, box.kill)
    killer.start()
    began = time.monotonic()
    assert box.stop(grace=60) == 137
    assert time.monotonic() - began < 10
    killer.join()


def test_wait_has_a_timeout(box: contain.Container) -> None:
    with pytest.raises(contain.Timeout):
        box.wait(timeout=0.05)
    assert box.state is State.RUNNING


def test_started_twice(box: contain.Container) -> None:
    with pytest.raises(contain.AlreadyRunning):
        box.start()


def test_restart_keeps_files(busybox: contain.Image) -> None:
    with contain.Container(busybox, "sh", "-c", "echo x >> /tmp/runs; echo ready; sleep 1000") as c:
        next(c.logs(follow=True))
        pid = c.pid
        c.restart(grace=0)
        assert c.state is State.RUNNING and c.pid != pid
        with c.logs(follow=True) as lines:
            assert [next(lines).text for _ in range(2)] == ["ready", "ready"]
        assert c.exec("cat", "/tmp/runs").text == "x\nx\n"


def test_remove_needs_force_while_running(busybox: contain.Image) -> None:
    c = contain.Container(busybox, "sleep", "1000").start()
    with pytest.raises(contain.AlreadyRunning):
        c.remove()
    c.remove(force=True)
    assert contain.containers(all=True) == []
    assert c.closed


def test_keep_outlives_the_object(busybox: contain.Image) -> None:
    with contain.Container(busybox, "sleep", "1000", keep=True) as c:
        id = c.id
    same = contain.Container.open(id)
    assert same.state is State.RUNNING
    assert same.info.keep and same.info.owner_pid is None
    same.remove(force=True)


def test_detach_before_start(busybox: contain.Image) -> None:
    c = contain.Container(busybox, "sleep", "1000")
    c.detach()
    c.start()
    c.close()
    same = contain.Container.open(c.id)
    assert same.state is State.RUNNING
    same.remove(force=True)


def test_forgotten_container_warns_and_goes(busybox: contain.Image) -> None:
    c = contain.Container(busybox, "sleep", "1000").start()
    name = c.name
    with pytest.warns(contain.LeakWarning, match=name):
        del c
        gc.collect()
    assert contain.containers(all=True) == []


def test_failed_start_leaves_nothing(busybox: contain.Image) -> None:
    with pytest.raises(contain.CommandNotFound), contain.Container(busybox, "/no/such"):
        pass
    assert contain.containers(all=True) == []


def test_wait_fd_is_pollable(busybox: contain.Image) -> None:
    with contain.Container(busybox, "sleep", "1000") as c:
        fd = c.open_wait_fd()
        try:
            assert select.select([fd], [], [], 0) == ([], [], [])
            c.kill()
            assert select.select([fd], [], [], 10) == ([fd], [], [])
        finally:
            os.close(fd)
        c.wait()
        assert c.open_wait_fd() == -1


def test_repr_is_one_line_and_never_raises(busybox: contain.Image) -> None:
    c = contain.Container(busybox, "sleep", "1000", name="repr-test").start()
    assert repr(c) == f"<Container repr-test {c.short_id} running>"
    contain.Container.open(c.id).remove(force=True)
    assert "repr-test" in repr(c)
    c.close()
    assert repr(c) == f"<Container repr-test {c.short_id} closed>"


def test_pickles_as_a_handle_that_does_not_own(box: contain.Container) -> None:
    copy = pickle.loads(pickle.dumps(box))
    assert copy.id == box.id
    copy.close()
    assert box.state is State.RUNNING


def test_inspect_and_isolation(box: contain.Container) -> None:
    seen = box.inspect()
    assert seen["Id"] == box.id
    assert seen["State"]["Running"] is True
    rows = {row.name: row.result for row in box.isolation}
    assert rows["user_namespace"] is contain.Grade.GOT
    assert rows["seccomp"] is contain.Grade.GOT


def test_security_opt_out_is_shown(busybox: contain.Image) -> None:
    security = contain.Security(no_new_privileges=False, caps_drop=["ALL"])
    with contain.Container(busybox, "sleep", "1000", security=security) as c:
        rows = {row.name: row.result for row in c.isolation}
        assert rows["no_new_privileges"] is contain.Grade.OPTED_OUT
        assert c.exec("sh", "-c", "grep CapEff /proc/self/status").text.split() == ["CapEff:", "0" * 16]


# --- logs ---


def test_logs_are_lines_in_order_with_stream_and_time(busybox: contain.Image) -> None:
    script = "echo one; sleep 0.05; echo two >&2; sleep 0.05; printf three"
    with contain.Container(busybox, "sh", "-c", script) as c:
        c.wait()
        lines = list(c.logs())
        assert [(line.stream, line.data) for line in lines] == [
            (Stream.STDOUT, b"one\n"),
            (Stream.STDERR, b"two\n"),
            (Stream.STDOUT, b"three"),
        ]
        assert [line.text for line in lines] == ["one", "two", "three"]
        times = [line.time for line in lines if line.time is not None]
        assert len(times) == 3 and times == sorted(times)
        assert [line.text for line in c.logs(stream=Stream.STDERR)] == ["two"]
        assert [line.text for line in c.logs(tail=2)] == ["two", "three"]
        assert [line.text for line in c.logs(since=times[1])] == ["two", "three"]
        assert [line.text for line in c.logs(since=timedelta(hours=1))] == ["one", "two", "three"]
        assert list(c.logs(since=timedelta(0))) == []
        assert c.output() == b"one\nthree"
        assert c.output(Stream.STDERR) == b"two\n"


def test_logs_refuse_a_naive_datetime(box: contain.Container) -> None:
    with pytest.raises(contain.InvalidArgument, match="time zone"):
        box.logs(since=datetime(2026, 1, 1))


def test_logs_follow_to_the_end(busybox: contain.Image) -> None:
    with contain.Container(busybox, "sh", "-c", "for i in 1 2 3; do echo $i; sleep 0.1; done") as c:
        assert [line.text for line in c.logs(follow=True)] == ["1", "2", "3"]


def test_following_can_be_closed(busybox: contain.Image) -> None:
    with contain.Container(busybox, "sh", "-c", "echo first; sleep 1000") as c, c.logs(follow=True) as stream:
        assert next(stream).text == "first"
        began = time.monotonic()
        stream.close()
        assert time.monotonic() - began < 2
        assert list(stream) == []


def test_slow_reader_of_much_output(busybox: contain.Image) -> None:
    with contain.Container(busybox, "sh", "-c", "seq 200000") as c:
        total = 0
        for line in c.logs(follow=True):
            total += int(line.data)
        assert total == 200000 * 200001 // 2


# --- attach ---


def test_start_attached_misses_nothing(busybox: contain.Image) -> None:
    c = contain.Container(busybox, "sh", "-c", "echo ready; cat; echo bye >&2", stdin=True)
    with c.start_attached() as attached:
        assert attached.read(timeout=10).data == b"ready\n"
        with pytest.raises(contain.Timeout):
            attached.read(timeout=0.05)
        attached.write(b"hello\n")
        assert attached.read(timeout=10).data == b"hello\n"
        attached.close_stdin()
        rest = list(attached)
    assert [(chunk.stream, chunk.data) for chunk in rest] == [(Stream.STDERR, b"bye\n")]
    assert c.wait() == 0
    c.close()


def test_attach_to_a_running_container(busybox: contain.Image) -> None:
    with contain.Container(busybox, "cat", stdin=True) as c:
        with c.attach() as attached:
            attached.write(b"x")
            assert attached.read(timeout=10).text == "x"
        assert c.state is State.RUNNING


# --- exec ---


def test_exec_collects_both_streams(box: contain.Container) -> None:
    done = box.exec("sh", "-c", "echo $A; pwd >&2; cat", input="in", env={"A": "a"}, workdir="/tmp", user="ana")
    assert (done.stdout, done.stderr) == (b"a\nin", b"/tmp\n")
    assert box.exec("id", "-u", user="ana").text == "1000\n"


def test_exec_raises_and_keeps_output(box: contain.Container) -> None:
    with pytest.raises(contain.ExitError) as caught:
        box.exec("sh", "-c", "echo out; exit 5")
    assert (caught.value.returncode, caught.value.stdout) == (5, b"out\n")
    assert box.exec("false", check=False).returncode == 1


def test_exec_missing_command(box: contain.Container) -> None:
    with pytest.raises(contain.CommandNotFound):
        box.exec("/no/such")


def test_exec_timeout_kills_the_command(box: contain.Container) -> None:
    with pytest.raises(contain.Timeout):
        box.exec("sleep", "12345", timeout=0.2)
    deadline = time.monotonic() + 5
    while "12345" in box.exec("ps").text:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_exec_needs_a_running_container(busybox: contain.Image) -> None:
    with contain.Container(busybox, "true") as c:
        c.wait()
        with pytest.raises(contain.NotRunning):
            c.exec("true")


def test_shell_refuses_without_a_terminal(box: contain.Container, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())  # as in a notebook
    with pytest.raises(contain.Unsupported) as caught:
        box.shell()
    assert f"contain exec -it {box.name}" in caught.value.hint


def test_shell_on_a_terminal(box: contain.Container, default_store: Path) -> None:
    program = f"import contain, sys; sys.exit(contain.Container.open({box.id!r}).shell())"
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(ours, (33, 99))
    before = termios.tcgetattr(theirs)
    shell = subprocess.Popen([sys.executable, "-c", program], stdin=theirs, stdout=theirs, stderr=theirs)
    shown = b""
    try:
        os.write(ours, b"stty size; echo $((40 + 2)); exit 3\n")
        deadline = time.monotonic() + 30
        while shell.poll() is None or select.select([ours], [], [], 0)[0]:
            if select.select([ours], [], [], 0.1)[0]:
                shown += os.read(ours, 4096)
            assert time.monotonic() < deadline, shown
        assert shell.returncode == 3, shown
        assert b"33 99" in shown and b"42" in shown
        assert termios.tcgetattr(theirs) == before
    finally:
        shell.kill()
        shell.wait()
        os.close(ours)
        os.close(theirs)


# --- engine ---


def test_prune_removes_what_does_not_run(box: contain.Container, busybox: contain.Image) -> None:
    stopped = contain.Container(busybox, "true", keep=True)
    report = contain.prune()
    assert report.containers == (stopped.id,)
    assert box.state is State.RUNNING


def test_doctor_reports_checks() -> None:
    report = contain.doctor()
    assert report.usable
    assert report.checks
    assert report.find("kernel")
    assert str(report).splitlines()[0].startswith(report.checks[0].group)


def test_engines_are_apart(busybox: contain.Image, tmp_path: object) -> None:
    with contain.Engine(store=f"{tmp_path}/other") as other:
        assert str(other.store) == f"{tmp_path}/other"
        c = contain.Container("hello-world", engine=other)
        assert [one.id for one in other.containers(all=True)] == [c.id]
        assert contain.containers(all=True) == []
    assert c.closed
    with pytest.raises(contain.InvalidArgument, match="closed"):
        other.containers()


def test_log_goes_to_a_function_or_to_logging(tmp_path: object, caplog: pytest.LogCaptureFixture) -> None:
    records: list[contain.LogRecord] = []
    with contain.Engine(store=f"{tmp_path}/heard", log=records.append) as engine:
        engine.run("hello-world")
    assert all(record.component and record.message for record in records)
    caplog.set_level("DEBUG", "contain")
    with contain.Engine(store=f"{tmp_path}/logged") as engine:
        engine.run("hello-world")
    assert [record.name for record in caplog.records] == [f"contain.{record.component}" for record in records]
