"""What needs no container: versions, help, wrong command lines."""

from __future__ import annotations

import json
import re

import pytest

VERBS = ["run", "create", "start", "stop", "kill", "restart", "rm", "rename", "ps", "logs", "exec", "attach", "wait",
         "inspect", "pull", "load", "save", "import", "images", "tag", "rmi", "history", "prune", "doctor", "version",
         "explain", "container ls", "container run", "container rm", "container prune", "image ls", "image rm",
         "image pull", "image prune", "system prune"]


@pytest.mark.parametrize("flag", ["--version", "-v"])
def test_version_is_one_line(bare, flag) -> None:
    assert re.fullmatch(r"contain version \d+\.\d+\.\d+\n", bare.ok(flag))
    assert not bare.root.exists()


def test_version_verb_has_client_and_server(bare) -> None:
    number = bare.ok("--version").split()[-1]
    assert f"Version:           {number}\n" in bare.ok("version")
    assert bare.ok("version", "--format", "{{.Client.Version}} {{.Server.Version}}") == f"{number} {number}\n"
    assert json.loads(bare.ok("version", "--format", "json"))["Client"]["Os"] == "linux"


@pytest.mark.parametrize("words", [[], ["--help"], ["-h"], ["help"]])
def test_overview_lists_every_verb(bare, words) -> None:
    text = bare.ok(*words)
    assert text.startswith("Usage:  contain ")
    for verb in VERBS:
        if " " not in verb:
            assert re.search(rf"^  {verb} +[A-Z]", text, re.M), verb


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help(bare, verb) -> None:
    text = bare.ok(*verb.split(), "--help")
    assert text.startswith(f"Usage:  contain {verb} ")
    assert text == bare.ok("help", *verb.split())
    assert not bare.root.exists(), "help needs no store"


@pytest.mark.parametrize("group", ["container", "image", "system"])
def test_a_group_alone_lists_its_verbs(bare, group) -> None:
    assert f"Usage:  contain {group} COMMAND" in bare.ok(group)


@pytest.mark.parametrize(("typed", "meant"), [("rnu", "run"), ("imgaes", "images"), ("hsitory", "history")])
def test_an_unknown_verb_suggests_the_nearest(bare, typed, meant) -> None:
    done = bare(typed)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith(f"contain: '{typed}' is not a contain command\n")
    assert f"Did you mean this?\n  contain {meant}\n" in done.stderr
    assert "See 'contain --help'." in done.stderr


def test_an_unknown_verb_in_a_group(bare) -> None:
    done = bare("image", "lss")
    assert done.returncode == 1
    assert "'image lss' is not a contain command" in done.stderr
    assert "contain image ls\n" in done.stderr


@pytest.mark.parametrize(("words", "message", "status"), [
    (["run"], "'contain run' requires at least 1 argument", 1),
    (["rename", "a"], "'contain rename' requires 2 arguments", 1),
    (["ps", "x"], "'contain ps' accepts no arguments", 1),
    (["images", "a", "b"], "'contain images' requires at most 1 argument", 1),
    (["run", "--nope", "x"], "unknown flag: --nope", 125),
    (["run", "-Z", "x"], "unknown shorthand flag: 'Z' in -Z", 125),
    (["run", "--name"], "flag needs an argument: --name", 125),
    (["ps", "--nope"], "unknown flag: --nope", 125),
    (["run", "-m", "lots", "x"], 'invalid argument "lots" for "-m, --memory" flag: not a size', 125),
    (["run", "-d", "-a", "stdout", "x"], "conflicting options: cannot specify both --attach and --detach", 125),
    (["run", "--init", "x"], "flag --init is not supported", 125),
    (["run", "-p", "80:80", "x"], "flag -p is not supported", 125),
    (["--nope", "ps"], "unknown flag: --nope", 125),
])
def test_wrong_command_lines_fail_in_docker_words(bare, words, message, status) -> None:
    done = bare(*words)
    assert done.returncode == status
    assert done.stdout == ""
    assert message in done.stderr
    assert "--help'." in done.stderr
    assert not bare.root.exists()


def test_explain_lists_and_explains_codes(bare) -> None:
    rows = bare.ok("explain").splitlines()
    assert rows[0].split() == ["CODE", "NAME", "MEANING"]
    code, name = rows[1].split()[:2]
    for word in (code, name, code.lower(), code[2:]):
        assert bare.ok("explain", word).startswith(f"{code}  {name}\n")
    done = bare("explain", "CT9999")
    assert done.returncode == 1
    assert "CT9999" in done.stderr


def test_a_full_disk_is_noticed(bare) -> None:
    with open("/dev/full", "wb") as full:
        done = bare.popen("--help", stdout=full, stdin=None)
        _, stderr = done.communicate(timeout=20)
    assert done.returncode == 1
    assert b"No space left on device" in stderr


def test_a_closed_pipe_is_no_error_message(bare) -> None:
    done = bare.popen("--help")
    done.stdout.close()
    assert done.stderr.read() == b""
    assert done.wait(20) in (0, 141)


def test_doctor_reports_in_words_and_json(bare) -> None:
    done = bare("doctor")
    assert done.returncode in (0, 1)
    assert re.search(r"^  (ok|degraded|missing) +\S", done.stdout, re.M)
    report = json.loads(bare("doctor", "--json").stdout)
    assert report["checks"]


def test_errors_have_the_five_rows_and_no_colour_in_a_pipe(bare) -> None:
    done = bare("start", "nosuch")
    assert done.returncode == 1
    assert re.match(r"error\[CT0301\]: no such container: nosuch\n", done.stderr)
    assert "  more:  contain explain CT0301\n" in done.stderr
    assert "\x1b" not in done.stderr


def test_root_flag_chooses_the_store(bare, tmp_path) -> None:
    other = tmp_path / "other"
    bare.ok("--root", str(other), "ps")
    assert other.is_dir()
    assert not bare.root.exists()
