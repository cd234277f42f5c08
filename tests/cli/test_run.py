"""run and create: flags, exit statuses, and what is left behind when something is wrong."""

from __future__ import annotations

import os
import pathlib
import re
import signal
import subprocess
import time

import pytest


def names(cli) -> list[str]:
    return cli.ok("ps", "-a", "--format", "{{.Names}}").split()


@pytest.mark.parametrize("code", [0, 1, 3, 125, 255])
def test_the_exit_status_is_the_commands(cli, code) -> None:
    assert cli("run", "--rm", "busybox", "sh", "-c", f"exit {code}").returncode == code


def test_a_signal_gives_128_more(cli) -> None:
    assert cli("run", "--rm", "busybox", "sh", "-c", "sh -c 'kill -TERM $$'; exit $?").returncode == 143


def test_stdout_and_stderr_stay_apart_byte_for_byte(cli) -> None:
    done = subprocess.run(cli.command("run", "--rm", "busybox", "sh", "-c", r"printf 'a\0\377'; printf 'b\n' >&2"),
                          env=cli.environment, capture_output=True, check=True)
    assert (done.stdout, done.stderr) == (b"a\0\xff", b"b\n")


def test_no_byte_is_lost_of_much_output(cli) -> None:
    done = cli("run", "--rm", "busybox", "seq", "200000")
    assert done.stdout == "".join(f"{n}\n" for n in range(1, 200001))


def test_stdin_reaches_the_command_and_ends(cli) -> None:
    data = os.urandom(1 << 20)
    done = subprocess.run(cli.command("run", "--rm", "-i", "busybox", "cat"), env=cli.environment, input=data,
                          capture_output=True, check=True, timeout=60)
    assert done.stdout == data


def test_without_i_stdin_is_empty(cli) -> None:
    assert cli.ok("run", "--rm", "busybox", "cat", input="not for you") == ""


def test_options_end_at_the_image(cli) -> None:
    assert cli.ok("run", "--rm", "busybox", "echo", "-d", "--name", "x", "--", "--help") == "-d --name x -- --help\n"


def test_detach_prints_the_id_and_leaves_it_running(cli) -> None:
    identity = cli.ok("run", "-d", "--name", "web", "busybox", "sleep", "1000").strip()
    assert re.fullmatch(r"[0-9a-f]{64}", identity)
    assert cli.format("web", "{{.State.Running}}") == "true"


def test_rm_removes_it_in_both_ways(cli) -> None:
    cli.ok("run", "--rm", "--name", "gone", "busybox", "true")
    assert names(cli) == []
    cli.ok("run", "-d", "--rm", "--name", "gone", "busybox", "sleep", "0.2")
    deadline = time.monotonic() + 20
    while names(cli) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert names(cli) == []


def test_environment_flags_and_files(cli, tmp_path) -> None:
    file = tmp_path / "list.env"
    file.write_text("# a comment\n\nFROM_FILE=file\nBOTH=file\nINHERITED\nABSENT\n")
    out = cli.ok("run", "--rm", "--env-file", str(file), "-e", "BOTH=flag", "-eA=1", "--env=B=x y", "busybox", "env",
                 env={"INHERITED": "outside"})
    assert {"FROM_FILE=file", "BOTH=flag", "A=1", "B=x y", "INHERITED=outside"} <= set(out.splitlines())
    assert "ABSENT" not in out


def test_a_bad_env_file_names_its_line(cli, tmp_path) -> None:
    file = tmp_path / "bad.env"
    file.write_text("GOOD=1\nbad name=2\n")
    done = cli("run", "--rm", "--env-file", str(file), "busybox", "true")
    assert done.returncode == 125
    assert "line 2" in done.stderr


@pytest.mark.parametrize(("flags", "command", "expected"), [
    (["-w", "/tmp"], ["pwd"], "/tmp\n"),
    (["-w", "/made/for/it"], ["pwd"], "/made/for/it\n"),
    (["-u", "65534:1"], ["id", "-u"], "65534\n"),
    (["-u", "nobody"], ["id", "-un"], "nobody\n"),
    (["-h", "box"], ["hostname"], "box\n"),
    (["--entrypoint", "/bin/echo"], ["a", "b"], "a b\n"),
    (["--ulimit", "nofile=123:456"], ["sh", "-c", "ulimit -n; ulimit -Hn"], "123\n456\n"),
    (["--tmpfs", "/scratch:size=1m"], ["sh", "-c", "grep ' /scratch tmpfs' /proc/mounts | wc -l"], "1\n"),
    (["--network", "none"], ["sh", "-c", "cat /sys/class/net/lo/operstate 2>/dev/null || echo down"], "down\n"),
])
def test_flags_reach_the_container(cli, flags, command, expected) -> None:
    assert cli.ok("run", "--rm", *flags, "busybox", *command) == expected


def test_the_hostname_is_the_short_id(cli) -> None:
    cli.ok("run", "--name", "named", "busybox", "hostname")
    assert cli.ok("logs", "named").strip() == cli.format("named", "{{.Id}}")[:12]


def test_read_only_root_refuses_writes(cli) -> None:
    assert cli("run", "--rm", "--read-only", "busybox", "touch", "/x").returncode == 1


def test_limits_are_accepted_and_shown(cli) -> None:
    cli.ok("create", "--name", "small", "-m", "64m", "--cpus", "0.5", "--pids-limit", "50", "busybox", "true")
    shown = cli.format("small", "{{.HostConfig.Memory}} {{.HostConfig.NanoCpus}} {{.HostConfig.PidsLimit}}")
    assert shown == f"{64 << 20} 500000000 50"


def test_volumes_make_their_source_and_mounts_do_not(cli, tmp_path) -> None:
    absent = tmp_path / "made" / "here"
    cli.ok("run", "--rm", "-v", f"{absent}:/data", "busybox", "sh", "-c", "echo hi > /data/file")
    assert (absent / "file").read_text() == "hi\n"
    done = cli("run", "--rm", "-v", f"{absent}:/data:ro", "busybox", "touch", "/data/other")
    assert done.returncode == 1
    missing = tmp_path / "never"
    done = cli("run", "--rm", "--mount", f"type=bind,source={missing},target=/data", "busybox", "true")
    assert done.returncode == 125
    assert str(missing) in done.stderr
    assert not missing.exists()
    assert names(cli) == []


def test_labels_and_label_files(cli, tmp_path) -> None:
    file = tmp_path / "labels"
    file.write_text("from.file=1\n")
    cli.ok("create", "--name", "labelled", "-l", "team=red", "--label-file", str(file), "busybox")
    assert cli.format("labelled", '{{index .Config.Labels "team"}}{{index .Config.Labels "from.file"}}') == "red1"


def test_cidfile_holds_the_id_and_must_be_new(cli, tmp_path) -> None:
    file = tmp_path / "cid"
    identity = cli.ok("run", "-d", "--cidfile", str(file), "busybox", "sleep", "1000").strip()
    assert file.read_text() == identity
    done = cli("run", "--rm", "--cidfile", str(file), "busybox", "true")
    assert done.returncode == 125
    assert "cidfile" in done.stderr


def test_a_name_in_use_is_refused(cli) -> None:
    cli.ok("create", "--name", "taken", "busybox")
    done = cli("run", "--name", "taken", "busybox", "true")
    assert done.returncode == 125
    assert "error[CT0302]: the name is taken: taken" in done.stderr
    assert "help:" in done.stderr


@pytest.mark.parametrize(("words", "status", "code"), [
    (["busybox", "nosuchcommand"], 127, "CT0306"),
    (["busybox", "/no/such/file"], 127, "CT0306"),
    (["busybox", "/etc/passwd"], 126, "CT0307"),
    (["busybox", "/etc"], 126, "CT0307"),
    (["-u", "stranger", "busybox", "true"], 125, "CT0308"),
    (["-w", "/etc/passwd", "busybox", "true"], 125, "CT0309"),
    (["-w", "relative", "busybox", "true"], 125, "CT0107"),
    (["--network", "nosuch", "busybox", "true"], 125, "CT0107"),
    (["--name", "b@d", "busybox", "true"], 125, "CT0107"),
    (["--security-opt", "nope", "busybox", "true"], 125, "CT0107"),
    (["-v", "data:/data", "busybox", "true"], 125, "CT0107"),
    (["--pull", "never", "nosuchimage", "true"], 125, "CT0201"),
])
def test_a_failed_start_leaves_nothing_behind(cli, tmp_path, words, status, code) -> None:
    file = tmp_path / "cid"
    done = cli("run", "--cidfile", str(file), *words)
    assert done.returncode == status, done.stderr
    assert f"error[{code}]" in done.stderr
    assert f"more:  contain explain {code}" in done.stderr
    assert done.stdout == ""
    assert names(cli) == []
    assert not file.exists()


def test_an_unknown_image_is_looked_for_and_not_found(cli) -> None:
    done = cli("run", "127.0.0.1:1/nosuch", "true")
    assert done.returncode == 125
    assert "Unable to find image '127.0.0.1:1/nosuch:latest' locally\n" in done.stderr
    assert "error[CT0203]" in done.stderr
    assert names(cli) == []


def test_create_then_start_keeps_files(cli) -> None:
    identity = cli.ok("create", "--name", "twice", "busybox", "sh", "-c", "echo x >> /count; wc -l < /count").strip()
    assert cli.format("twice", "{{.State.Status}}") == "created"
    assert cli.ok("start", "-a", identity[:12]) == "1\n"
    assert cli.ok("start", "-a", "twice") == "2\n"


def test_attach_chooses_streams(cli) -> None:
    done = cli("run", "--rm", "-a", "stderr", "busybox", "sh", "-c", "echo out; echo err >&2")
    assert (done.stdout, done.stderr) == ("", "err\n")
    assert cli("run", "-a", "nope", "busybox").returncode == 125


def test_t_without_a_terminal_is_docker_s_error(cli) -> None:
    done = cli("run", "--rm", "-it", "busybox", "true")
    assert done.returncode == 1
    assert "the input device is not a TTY" in done.stderr
    assert names(cli) == []


def test_t_alone_needs_no_terminal(cli) -> None:
    assert cli.ok("run", "--rm", "-t", "busybox", "echo", "hi") == "hi\r\n"


TRAP = "trap 'echo got; exit 9' TERM; echo ready; while :; do sleep 0.05; done"


def test_signals_are_passed_on(cli) -> None:
    running = cli.popen("run", "--rm", "busybox", "sh", "-c", TRAP)
    assert running.stdout.readline() == b"ready\n"
    running.send_signal(signal.SIGTERM)
    out, _ = running.communicate(timeout=20)
    assert (out, running.returncode) == (b"got\n", 9)


def test_three_interrupts_give_the_prompt_back(cli) -> None:
    running = cli.popen("run", "--name", "deaf", "busybox", "sh", "-c", "trap '' INT; echo ready; exec sleep 1000")
    assert running.stdout.readline() == b"ready\n"
    while running.poll() is None:
        running.send_signal(signal.SIGINT)
        time.sleep(0.1)
    assert running.returncode == 1
    assert b"got 3 SIGTERM/SIGINTs, forcefully exiting" in running.stderr.read()
    assert cli.format("deaf", "{{.State.Running}}") == "true"


def test_without_the_proxy_a_signal_ends_only_the_client(cli) -> None:
    running = cli.popen("run", "--name", "stays", "--sig-proxy=false", "busybox", "sh", "-c", TRAP)
    assert running.stdout.readline() == b"ready\n"
    running.send_signal(signal.SIGTERM)
    assert running.wait(20) == -signal.SIGTERM
    assert cli.format("stays", "{{.State.Running}}") == "true"


def test_killing_the_client_leaves_the_container(cli) -> None:
    running = cli.popen("run", "--name", "stays", "busybox", "sh", "-c", TRAP)
    assert running.stdout.readline() == b"ready\n"
    running.kill()
    running.wait(20)
    assert cli.format("stays", "{{.State.Running}}") == "true"


def test_a_reader_that_goes_away_ends_the_client_in_silence(cli) -> None:
    running = cli.popen("run", "--name", "chatty", "busybox", "yes")
    running.stdout.read(10)
    running.stdout.close()
    assert running.stderr.read() == b""
    assert running.wait(20) == 141


def test_sigpipe_is_normal_in_the_container(cli) -> None:
    done = cli("run", "--rm", "busybox", "grep", "SigIgn", "/proc/self/status")
    assert done.stdout.split() == ["SigIgn:", "0000000000000000"]


def test_ids_and_unique_prefixes_are_names(cli) -> None:
    identity = cli.ok("create", "busybox").strip()
    for name in (identity, identity[:12], identity[:5]):
        assert cli.format(name, "{{.Id}}") == identity


def test_privileges_are_few_by_default(cli, tmp_path: pathlib.Path) -> None:
    out = cli.ok("run", "--rm", "busybox", "grep", "-E", "NoNewPrivs|Seccomp:", "/proc/self/status")
    assert re.search(r"NoNewPrivs:\s+1", out)
    assert re.search(r"Seccomp:\s+2", out)
    out = cli.ok("run", "--rm", "--security-opt", "no-new-privileges=false", "--security-opt", "seccomp=unconfined", "busybox",
                 "grep", "-E", "NoNewPrivs|Seccomp:", "/proc/self/status")
    assert re.search(r"NoNewPrivs:\s+0", out)
    assert re.search(r"Seccomp:\s+0", out)
