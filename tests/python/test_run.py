"""contain.run: one call, one return type, both streams always kept."""

from __future__ import annotations

import dataclasses
import pickle
import signal
import subprocess
import time
from datetime import datetime, timedelta, timezone

import contain
import pytest


def test_hello_world_needs_nothing(busybox: contain.Image) -> None:
    done = contain.run()
    assert done.returncode == 0
    assert done.text.strip() != ""
    assert done.stderr == b""


def test_streams_are_apart_and_exact(busybox: contain.Image) -> None:
    done = contain.run(busybox, "sh", "-c", r"printf 'a\377\000b'; printf 'err\n' >&2")
    assert (done.stdout, done.stderr) == (b"a\xff\x00b", b"err\n")
    assert done.args == ("sh", "-c", r"printf 'a\377\000b'; printf 'err\n' >&2")


def test_text_lines_and_json(busybox: contain.Image) -> None:
    done = contain.run(busybox, "printf", '{"a":\n1}\n')
    assert done.text == '{"a":\n1}\n'
    assert done.lines() == ['{"a":', "1}"]
    assert done.json() == {"a": 1}


def test_result_is_a_frozen_picklable_value(busybox: contain.Image) -> None:
    done = contain.run(busybox, "echo", "hi")
    assert pickle.loads(pickle.dumps(done)) == done
    with pytest.raises(dataclasses.FrozenInstanceError):
        done.returncode = 1  # type: ignore[misc]
    assert done.duration > timedelta(0)
    assert done.finished is not None and done.finished.tzinfo is timezone.utc
    assert abs(datetime.now(timezone.utc) - done.finished) < timedelta(minutes=1)


def test_input_reaches_stdin(busybox: contain.Image) -> None:
    assert contain.run(busybox, "cat", input=b"\x00\xff").stdout == b"\x00\xff"
    assert contain.run(busybox, "cat", input="grün").text == "grün"
    assert contain.run(busybox, "cat").stdout == b""


def test_large_input_and_output_do_not_block(busybox: contain.Image) -> None:
    data = bytes(range(256)) * 16384  # 4 MiB, far above any pipe
    assert contain.run(busybox, "cat", input=data).stdout == data


def test_failure_raises_with_both_streams(busybox: contain.Image) -> None:
    with pytest.raises(contain.ExitError) as caught:
        contain.run(busybox, "sh", "-c", "echo out; echo err >&2; exit 3")
    error = caught.value
    assert isinstance(error, subprocess.CalledProcessError)
    assert (error.returncode, error.stdout, error.stderr) == (3, b"out\n", b"err\n")
    assert error.cmd == ("sh", "-c", "echo out; echo err >&2; exit 3")
    assert error.code == "CT0311"
    assert "status 3" in str(error)
    assert any("err" in note for note in error.__notes__)


@pytest.mark.parametrize("code", [0, 1, 7, 125, 126, 127, 128, 255])
def test_every_exit_code_arrives_unchecked(busybox: contain.Image, code: int) -> None:
    assert contain.run(busybox, "sh", "-c", f"exit {code}", check=False).returncode == code


def test_signal_gives_128_plus_n(busybox: contain.Image) -> None:
    done = contain.run(busybox, "sh", "-c", "sh -c 'kill -9 $$'; exit $?", check=False)
    assert done.returncode == 128 + signal.SIGKILL


def test_timeout_ends_the_container(busybox: contain.Image) -> None:
    began = time.monotonic()
    with pytest.raises(contain.Timeout) as caught:
        contain.run(busybox, "sleep", "1000", timeout=0.3)
    assert isinstance(caught.value, TimeoutError)
    assert time.monotonic() - began < 10
    assert contain.containers(all=True) == []


def test_timeout_takes_a_timedelta(busybox: contain.Image) -> None:
    with pytest.raises(contain.Timeout):
        contain.run(busybox, "sleep", "1000", timeout=timedelta(milliseconds=100))


def test_options_reach_the_container(busybox: contain.Image) -> None:
    done = contain.run(
        busybox,
        "sh",
        "-c",
        'echo "$A $(pwd) $(id -u) $(hostname)"',
        env={"A": "grün"},
        workdir="/tmp",
        user="ana",
        hostname="here",
    )
    assert done.text == "grün /tmp 1000 here\n"
    assert contain.run(busybox, "id", "-u", user=7).text == "7\n"


def test_entrypoint_is_replaced(busybox: contain.Image) -> None:
    assert contain.run(busybox, "b", entrypoint=["echo", "a"]).text == "a b\n"


def test_arguments_need_not_be_utf8(busybox: contain.Image) -> None:
    assert contain.run(busybox, "printf", "%s", "\udcff").stdout == b"\xff"


def test_mounts(busybox: contain.Image, tmp_path: object) -> None:
    from pathlib import Path

    host = Path(str(tmp_path))
    (host / "file").write_text("from the host")
    mounts = [contain.Mount.bind(host, "/data", read_only=True), contain.Mount.tmpfs("/scratch", size=1 << 20)]
    done = contain.run(busybox, "sh", "-c", "cat /data/file; touch /data/x; touch /scratch/y", mounts=mounts, check=False)
    assert done.text == "from the host"
    assert b"ead-only" in done.stderr


def test_memory_limit_raises_oom_killed(busybox: contain.Image) -> None:
    # tail keeps an endless line in memory.
    with pytest.raises(contain.OOMKilled) as caught:
        contain.run(busybox, "sh", "-c", "tail < /dev/zero", limits=contain.Limits(memory="16m"))
    assert isinstance(caught.value, contain.ExitError)
    assert caught.value.returncode == 137


def test_bad_limits_are_refused(busybox: contain.Image) -> None:
    with pytest.raises(contain.InvalidArgument, match="lots"):
        contain.run(busybox, limits=contain.Limits(memory="lots"))
    with pytest.raises(contain.InvalidArgument):
        contain.run(busybox, network="bridge0")  # type: ignore[arg-type]


def test_missing_command(busybox: contain.Image) -> None:
    with pytest.raises(contain.CommandNotFound) as caught:
        contain.run(busybox, "/no/such/program")
    assert isinstance(caught.value, FileNotFoundError)
    assert "/no/such/program" in str(caught.value)
    assert contain.containers(all=True) == []


def test_command_that_is_no_program(busybox: contain.Image) -> None:
    with pytest.raises(contain.CommandNotExecutable) as caught:
        contain.run(busybox, "/etc/plain")
    assert isinstance(caught.value, PermissionError)


def test_unknown_user(busybox: contain.Image) -> None:
    with pytest.raises(contain.StartError, match="nobody-here"):
        contain.run(busybox, "true", user="nobody-here")


def test_unreachable_registry(busybox: contain.Image) -> None:
    with pytest.raises(contain.RegistryUnreachable) as caught:
        contain.run("127.0.0.1:1/no/such:image", "true")
    assert isinstance(caught.value, ConnectionError)
    assert "127.0.0.1:1" in str(caught.value)
