"""run -it, attach and exec -it on a real pty."""

from __future__ import annotations

import os
import signal
import time

CONTROL_P, CONTROL_Q = b"\x10", b"\x11"


def test_the_first_size_is_the_terminals(terminal) -> None:
    screen = terminal("run", "--rm", "-it", "busybox", "stty", "size", rows=33, columns=77)
    screen.expect(b"33 77\r\n")
    assert screen.end() == 0


def test_a_resize_arrives(terminal) -> None:
    screen = terminal("run", "--rm", "-it", "busybox", "sh", "-c",
                      "trap 'stty size' WINCH; echo ready; while :; do sleep 0.05; done")
    screen.expect(b"ready")
    screen.resize(44, 101)
    screen.process.send_signal(signal.SIGWINCH)
    screen.expect(b"44 101")


def test_keys_go_through_raw(terminal) -> None:
    screen = terminal("run", "--rm", "-it", "busybox", "sh", "-c", "stty raw -echo; echo ready; head -c 4 | od -An -tx1")
    screen.expect(b"ready")
    screen.type(b"\x03\x1a\x0d\x1b")
    screen.expect(b"03 1a 0d 1b")
    assert screen.end() == 0


def test_control_c_interrupts_the_command_and_not_the_client(terminal) -> None:
    screen = terminal("run", "--rm", "-it", "busybox")
    screen.expect(b"# ")
    screen.type(b"sleep 1000\r")
    screen.expect(b"sleep 1000")
    time.sleep(0.3)
    screen.type(b"\x03")
    screen.expect(b"# ")
    screen.type(b"exit 6\r")
    assert screen.end() == 6


def test_control_d_ends_the_shell(terminal) -> None:
    screen = terminal("run", "--rm", "-it", "busybox")
    screen.expect(b"# ")
    screen.type(b"\x04")
    assert screen.end() == 0


def test_control_p_control_q_detaches_and_attach_returns(cli, terminal) -> None:
    screen = terminal("run", "-it", "--name", "shell", "busybox")
    screen.expect(b"# ")
    screen.type(b"marker=here\r")
    screen.expect(b"# ")
    screen.type(CONTROL_P + CONTROL_Q)
    assert screen.end() == 0
    assert cli.format("shell", "{{.State.Running}}") == "true"

    again = terminal("attach", "shell")
    again.type(b"echo $marker\r")
    again.expect(b"here\r\n")
    again.type(b"exit 5\r")
    assert again.end() == 5


def test_other_detach_keys(cli, terminal) -> None:
    screen = terminal("run", "-it", "--name", "shell", "--detach-keys", "ctrl-x,q", "busybox")
    screen.expect(b"# ")
    screen.type(CONTROL_P + CONTROL_Q + b"echo still\r")
    screen.expect(b"still\r\n")
    screen.type(b"\x18q")
    assert screen.end() == 0
    assert cli.format("shell", "{{.State.Running}}") == "true"
    assert cli("run", "--detach-keys", "nope", "busybox").returncode == 125


def test_a_fatal_signal_gives_the_terminal_back(cli, terminal) -> None:
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
        screen = terminal("run", "-it", "--name", f"shell{number.value}", "busybox")
        screen.expect(b"# ")
        screen.process.send_signal(number)
        assert screen.end() == -number
        assert cli.format(f"shell{number.value}", "{{.State.Running}}") == "true"


def test_an_error_before_the_start_leaves_the_terminal_alone(terminal) -> None:
    screen = terminal("run", "--rm", "-it", "busybox", "nosuch")
    screen.expect(b"CT0306")
    assert screen.end() == 127


def test_errors_are_coloured_on_a_terminal(cli, terminal, monkeypatch) -> None:
    screen = terminal("start", "nosuch")
    screen.expect(b"\x1b[1;31merror[CT0301]\x1b[0m")
    monkeypatch.setitem(cli.environment, "NO_COLOR", "1")
    screen = terminal("start", "nosuch")
    assert b"\x1b" not in screen.expect(b"error[CT0301]")


def test_exec_it(cli, terminal) -> None:
    cli.ok("run", "-d", "--name", "box", "busybox", "sleep", "1000")
    screen = terminal("exec", "-it", "box", "sh", rows=20, columns=50)
    screen.expect(b"# ")
    screen.type(b"stty size; tty; exit 8\r")
    screen.expect(b"20 50\r\n")
    screen.expect(b"/dev/pts/")
    assert screen.end() == 8


def test_exec_it_detaches(cli, terminal) -> None:
    cli.ok("run", "-d", "--name", "box", "busybox", "sleep", "1000")
    screen = terminal("exec", "-it", "box", "sh")
    screen.expect(b"# ")
    screen.type(CONTROL_P + CONTROL_Q)
    assert screen.end() == 0


def test_start_ai_attaches_a_shell(cli, terminal) -> None:
    cli.ok("create", "-it", "--name", "shell", "busybox")
    screen = terminal("start", "-ai", "shell")
    screen.expect(b"# ")
    screen.type(b"exit 2\r")
    assert screen.end() == 2


def test_attach_without_a_terminal(cli) -> None:
    cli.ok("run", "-dit", "--name", "shell", "busybox")
    done = cli("attach", "shell")
    assert done.returncode == 1
    assert "the input device is not a TTY" in done.stderr


def test_attach_to_a_pipe_and_half_close(cli) -> None:
    cli.ok("run", "-di", "--name", "upper", "busybox", "tr", "a-z", "A-Z")
    done = cli("attach", "upper", input="loud\n")
    assert (done.returncode, done.stdout) == (0, "LOUD\n")
    done = cli("attach", "upper")
    assert done.returncode == 1
    assert "error[CT0303]" in done.stderr


def test_dit_combines(cli) -> None:
    cli.ok("run", "-dit", "--name", "shell", "busybox")
    assert cli.format("shell", "{{.Config.Tty}} {{.Config.OpenStdin}}") == "true true"


def test_a_stopped_client_comes_back_raw(terminal) -> None:
    screen = terminal("run", "--rm", "-it", "busybox")
    screen.expect(b"# ")
    os.kill(screen.process.pid, signal.SIGSTOP)
    os.kill(screen.process.pid, signal.SIGCONT)
    screen.type(b"echo $((3 + 4))\r")
    screen.expect(b"7\r\n")
    screen.type(b"exit\r")
    assert screen.end() == 0
