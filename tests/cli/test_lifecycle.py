"""start, stop, kill, restart, rm, rename, wait, exec, logs, prune."""

from __future__ import annotations

import re
import signal
import time

import pytest

SLEEPER = ["busybox", "sleep", "1000"]
# As process 1 a shell ignores signals it has no trap for.
POLITE = ["busybox", "sh", "-c", "trap 'exit 7' TERM; echo ready; while :; do sleep 0.05; done"]


def start(cli, name: str, command: list[str], *flags: str) -> None:
    cli.ok("run", "-d", "--name", name, *flags, *command)


def start_polite(cli, name: str, *flags: str) -> None:
    start(cli, name, POLITE, *flags)
    deadline = time.monotonic() + 20
    while "ready" not in cli.ok("logs", name):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_stop_asks_first(cli) -> None:
    start_polite(cli, "polite")
    assert cli.ok("stop", "polite") == "polite\n"
    assert cli.format("polite", "{{.State.ExitCode}}") == "7"
    assert cli.ok("stop", "polite") == "polite\n", "a stopped one is left as it is"


def test_stop_kills_after_the_grace(cli) -> None:
    start(cli, "deaf", SLEEPER)
    began = time.monotonic()
    cli.ok("stop", "-t", "1", "deaf")
    assert time.monotonic() - began < 9
    assert cli.format("deaf", "{{.State.ExitCode}}") == "137"


def test_stop_with_another_signal(cli) -> None:
    start(cli, "usr", ["busybox", "sh", "-c", "trap 'exit 4' USR1; echo ready; while :; do sleep 0.05; done"])
    deadline = time.monotonic() + 20
    while "ready" not in cli.ok("logs", "usr"):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    cli.ok("stop", "-s", "USR1", "usr")
    assert cli.format("usr", "{{.State.ExitCode}}") == "4"


def test_kill_sends_any_signal(cli) -> None:
    start_polite(cli, "polite")
    assert cli.ok("kill", "-s", "TERM", "polite") == "polite\n"
    assert cli.ok("wait", "polite") == "7\n"
    done = cli("kill", "polite")
    assert done.returncode == 1
    assert "error[CT0303]" in done.stderr
    assert cli("kill", "-s", "NOPE", "polite").returncode == 1


def test_restart_runs_it_again(cli) -> None:
    start_polite(cli, "polite")
    before = cli.format("polite", "{{.State.Pid}}")
    assert cli.ok("restart", "-t", "5", "polite") == "polite\n"
    assert cli.format("polite", "{{.State.Running}}") == "true"
    assert cli.format("polite", "{{.State.Pid}}") != before


def test_wait_prints_each_code(cli) -> None:
    start(cli, "three", ["busybox", "sh", "-c", "sleep 0.3; exit 3"])
    start(cli, "four", ["busybox", "sh", "-c", "exit 4"])
    assert cli.ok("wait", "three", "four") == "3\n4\n"


def test_rm_refuses_what_runs_unless_forced(cli) -> None:
    start(cli, "busy", SLEEPER)
    done = cli("rm", "busy")
    assert done.returncode == 1
    assert "error[CT0304]" in done.stderr
    assert cli.ok("rm", "-f", "busy") == "busy\n"
    assert cli.ok("ps", "-aq") == ""


def test_several_names_go_on_after_an_error(cli) -> None:
    for name in ("one", "two"):
        cli.ok("create", "--name", name, "busybox")
    done = cli("rm", "one", "nosuch", "two")
    assert done.returncode == 1
    assert done.stdout == "one\ntwo\n"
    assert "no such container: nosuch" in done.stderr
    assert cli("rm", "nosuch").returncode == 1
    assert cli("rm", "-f", "nosuch").returncode == 0


def test_rename(cli) -> None:
    cli.ok("create", "--name", "old", "busybox")
    cli.ok("create", "--name", "other", "busybox")
    assert cli.ok("rename", "old", "new") == ""
    assert cli.format("new", "{{.Name}}") == "/new"
    assert cli("inspect", "old").returncode == 1
    assert cli("rename", "new", "other").returncode == 1
    assert cli("rename", "new", "b@d").returncode == 1
    assert cli("rename", "nosuch", "x1").returncode == 1


@pytest.mark.parametrize("verb", ["start", "stop", "kill", "restart", "wait", "logs", "attach"])
def test_an_unknown_container_is_said_so(cli, verb) -> None:
    done = cli(verb, "nosuch")
    assert done.returncode == 1
    assert done.stdout == ""
    assert "error[CT0301]: no such container: nosuch" in done.stderr


def test_start_of_several_and_of_a_running_one(cli) -> None:
    for name in ("one", "two"):
        cli.ok("create", "--name", name, *SLEEPER)
    assert cli.ok("start", "one", "two") == "one\ntwo\n"
    assert cli.ok("start", "one") == "one\n"
    assert cli("start", "-a", "one", "two").returncode == 1


def test_start_reports_a_missing_command(cli) -> None:
    cli.ok("create", "--name", "broken", "busybox", "nosuch")
    done = cli("start", "broken")
    assert done.returncode == 127
    assert "error[CT0306]" in done.stderr


def test_exec(cli) -> None:
    start(cli, "box", SLEEPER, "-e", "OUTER=1", "-w", "/tmp")
    assert cli.ok("exec", "box", "sh", "-c", "echo $OUTER; pwd") == "1\n/tmp\n"
    assert cli.ok("exec", "-e", "A=2", "-w", "/etc", "-u", "nobody", "box", "sh", "-c", "echo $A; pwd; id -un") == (
        "2\n/etc\nnobody\n")
    assert cli.ok("exec", "-i", "box", "cat", input="through") == "through"
    done = cli("exec", "box", "sh", "-c", "echo e >&2; exit 9")
    assert (done.returncode, done.stdout, done.stderr) == (9, "", "e\n")


@pytest.mark.parametrize(("words", "status"), [(["nosuch"], 127), (["/etc/passwd"], 126)])
def test_exec_of_what_cannot_be_executed(cli, words, status) -> None:
    start(cli, "box", SLEEPER)
    assert cli("exec", "box", *words).returncode == status


def test_exec_needs_a_running_container(cli) -> None:
    cli.ok("create", "--name", "idle", "busybox")
    done = cli("exec", "idle", "true")
    assert done.returncode == 1
    assert "error[CT0303]" in done.stderr
    assert cli("exec", "nosuch", "true").returncode == 1


def test_exec_detached_goes_on(cli) -> None:
    start(cli, "box", SLEEPER)
    assert cli.ok("exec", "-d", "box", "sh", "-c", "sleep 0.3; echo noise; echo done > /tmp/marker") == ""
    deadline = time.monotonic() + 20
    while cli("exec", "box", "cat", "/tmp/marker").stdout != "done\n":
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_exec_does_not_wait_for_its_background_children(cli) -> None:
    start(cli, "box", SLEEPER)
    began = time.monotonic()
    assert cli.ok("exec", "box", "sh", "-c", "sleep 100 & echo started") == "started\n"
    assert time.monotonic() - began < 50


def test_exec_passes_signals_on(cli) -> None:
    start(cli, "box", SLEEPER)
    running = cli.popen("exec", "box", "sh", "-c", "trap 'exit 5' TERM; echo ready; while :; do sleep 0.05; done")
    assert running.stdout.readline() == b"ready\n"
    running.send_signal(signal.SIGTERM)
    running.communicate(timeout=20)
    assert running.returncode == 5


def test_logs_keep_streams_apart_and_bytes_exact(cli) -> None:
    start(cli, "talk", ["busybox", "sh", "-c", "echo out; echo err >&2; printf end"])
    cli.ok("wait", "talk")
    done = cli("logs", "talk")
    assert (done.stdout, done.stderr) == ("out\nend", "err\n")


def test_logs_tail_since_until_and_timestamps(cli) -> None:
    start(cli, "count", ["busybox", "sh", "-c", "for i in 1 2 3; do echo $i; sleep 0.3; done"])
    cli.ok("wait", "count")
    assert cli.ok("logs", "--tail", "2", "count") == "2\n3\n"
    assert cli.ok("logs", "-n", "0", "count") == ""
    assert cli.ok("logs", "-n", "all", "count") == "1\n2\n3\n"
    stamped = cli.ok("logs", "-t", "count").splitlines()
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z \d", line) for line in stamped)
    second = stamped[1].split()[0]
    assert cli.ok("logs", "--since", second, "count") == "2\n3\n"
    assert cli.ok("logs", "--until", second, "count") in ("1\n", "1\n2\n")
    assert cli.ok("logs", "--since", "1h", "count") == "1\n2\n3\n"
    assert cli("logs", "--since", "yesterday", "count").returncode == 125
    assert cli("logs", "--tail", "x", "count").returncode == 125


def test_logs_follow_to_the_end(cli) -> None:
    start(cli, "slow", ["busybox", "sh", "-c", "for i in 1 2 3; do echo $i; sleep 0.2; done"])
    assert cli.ok("logs", "-f", "slow") == "1\n2\n3\n"


def test_logs_follow_shows_lines_as_they_come(cli) -> None:
    start(cli, "slow", ["busybox", "sh", "-c", "echo first; sleep 1000"])
    following = cli.popen("logs", "-f", "slow")
    assert following.stdout.readline() == b"first\n"
    following.terminate()
    following.wait(20)


def test_a_reader_of_logs_may_leave_early(cli) -> None:
    cli.ok("run", "--name", "long", "busybox", "seq", "100000")
    reading = cli.popen("logs", "long")
    assert reading.stdout.readline() == b"1\n"
    reading.stdout.close()
    assert reading.stderr.read() == b""
    assert reading.wait(20) == 141


def test_prune_removes_what_does_not_run(cli) -> None:
    start(cli, "runs", SLEEPER)
    identity = cli.ok("create", "--name", "idle", "-l", "a=1", "busybox").strip()
    assert cli.ok("container", "prune", "-f", "--filter", "label=a=2").splitlines()[-1].startswith("Total reclaimed space: ")
    out = cli.ok("container", "prune", input="y\n")
    assert "WARNING! This will remove all stopped containers." in out
    assert f"Deleted Containers:\n{identity}\n" in out
    assert cli.ok("ps", "-a", "--format", "{{.Names}}") == "runs\n"


def test_prune_asks_and_takes_no_for_an_answer(cli) -> None:
    cli.ok("create", "--name", "idle", "busybox")
    for answer in ("n\n", "", "yesno\n"):
        cli.ok("container", "prune", input=answer)
    assert cli.ok("ps", "-a", "--format", "{{.Names}}") == "idle\n"
    assert cli("container", "prune", "-f", "--filter", "nope=1").returncode == 1
    assert cli.ok("ps", "-a", "--format", "{{.Names}}") == "idle\n"
