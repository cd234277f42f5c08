"""ps, images, history, inspect: columns, templates, JSON, filters."""

from __future__ import annotations

import json
import re

import pytest


@pytest.fixture
def three(cli):
    """running, ended and created, in this order of age."""
    cli.ok("run", "-d", "--name", "running", "-l", "team=red", "busybox", "sleep", "1000")
    cli("run", "--name", "ended", "busybox", "sh", "-c", "exit 3  # and a rather long command line")
    cli.ok("create", "--name", "made", "-l", "team=blue", "busybox")
    return cli


def names(cli, *flags: str) -> list[str]:
    return cli.ok("ps", "--format", "{{.Names}}", *flags).split()


def test_ps_shows_what_runs(three) -> None:
    rows = three.ok("ps").splitlines()
    assert re.split(r" {2,}", rows[0]) == ["CONTAINER ID", "IMAGE", "COMMAND", "CREATED", "STATUS", "PORTS", "NAMES"]
    assert len(rows) == 2
    assert re.fullmatch(r'[0-9a-f]{12}   busybox   "sleep 1000"   \S.* ago\s+Up \S.*  running', rows[1])


def test_ps_all_newest_first(three) -> None:
    rows = three.ok("ps", "-a").splitlines()
    assert [row.split()[-1] for row in rows[1:]] == ["made", "ended", "running"]
    assert re.search(r"Created  ", rows[1])
    assert re.search(r'"sh -c \'exit 3  # a…"|"sh -c exit 3  # and…"', rows[2])
    assert re.search(r"Exited \(3\) \S.* ago", rows[2])


def test_columns_stand_under_their_headings(three) -> None:
    rows = three.ok("ps", "-a").splitlines()
    for heading in ("IMAGE", "COMMAND", "CREATED", "STATUS", "NAMES"):
        at = rows[0].index(heading)
        assert all(row[at - 1] == " " and row[at] != " " for row in rows[1:]), heading


def test_no_trunc_shows_everything(three) -> None:
    rows = three.ok("ps", "-a", "--no-trunc").splitlines()
    assert re.match(r"[0-9a-f]{64} ", rows[1])
    assert "and a rather long command line" in rows[2]


def test_quiet_and_counts(three) -> None:
    assert re.fullmatch(r"([0-9a-f]{12}\n){3}", three.ok("ps", "-aq"))
    assert re.fullmatch(r"([0-9a-f]{64}\n){3}", three.ok("ps", "-aq", "--no-trunc"))
    assert names(three, "-n", "2") == ["made", "ended"]
    assert names(three, "-l") == ["made"]


def test_ps_templates(three) -> None:
    assert three.ok("ps", "--format", "{{.Names}}: {{.State}} {{.Label \"team\"}}") == "running: running red\n"
    assert three.ok("ps", "--format", "table {{.Names}}\\t{{.Image}}") == "NAMES     IMAGE\nrunning   busybox\n"
    assert json.loads(three.ok("ps", "--format", "{{json .}}"))["Names"] == "running"
    for bad in ("{{.Nope}}", "{{", "{{json}}"):
        done = three("ps", "--format", bad)
        assert done.returncode == 1
        assert "error[CT0107]" in done.stderr


def test_ps_json_is_an_array_with_exact_values(three) -> None:
    rows = json.loads(three.ok("ps", "-a", "--format", "json"))
    assert [row["Names"] for row in rows] == ["made", "ended", "running"]
    assert rows[1]["ExitCode"] == 3
    assert rows[0]["ExitCode"] is None
    assert rows[2]["Command"] == ["sleep", "1000"]
    assert rows[2]["Labels"]["team"] == "red"
    assert re.fullmatch(r"[0-9a-f]{64}", rows[0]["ID"])
    assert re.fullmatch(r"\d{4}-.*T.*\.\d{9}Z", rows[0]["CreatedAt"])
    lines = three.ok("ps", "-a", "--format", "ndjson").splitlines()
    assert [json.loads(line) for line in lines] == rows


@pytest.mark.parametrize(("filters", "expected"), [
    (["name=run"], ["running"]),
    (["name=^/ended$"], ["ended"]),
    (["label=team"], ["made", "running"]),
    (["label=team=blue"], ["made"]),
    (["status=exited"], ["ended"]),
    (["status=created", "status=running"], ["made", "running"]),
    (["exited=3"], ["ended"]),
    (["exited=0"], []),
    (["before=ended"], ["running"]),
    (["since=ended"], ["made"]),
    (["ancestor=busybox"], ["made", "ended", "running"]),
    (["ancestor=nosuch"], []),
])
def test_ps_filters(three, filters, expected) -> None:
    flags = [word for text in filters for word in ("-f", text)]
    assert names(three, "-a", *flags) == expected


@pytest.mark.parametrize("bad", ["nope=1", "name", "status=asleep", "since=nosuch"])
def test_unknown_filters_are_errors(three, bad) -> None:
    assert three("ps", "-a", "-f", bad).returncode == 1


def test_an_empty_list_is_a_heading_or_an_empty_array(bare) -> None:
    assert re.split(r" {2,}", bare.ok("ps").strip()) == ["CONTAINER ID", "IMAGE", "COMMAND", "CREATED", "STATUS", "PORTS",
                                                        "NAMES"]
    assert bare.ok("ps", "--format", "json") == "[]\n"
    assert bare.ok("ps", "-q") == ""
    assert re.split(r" {2,}", bare.ok("images").strip()) == ["REPOSITORY", "TAG", "IMAGE ID", "CREATED", "SIZE"]


def test_inspect_prints_an_array(three) -> None:
    both = json.loads(three.ok("inspect", "running", "busybox"))
    assert [entry.get("Name") for entry in both][0] == "/running"
    assert both[1]["RepoTags"] == ["busybox:latest"]
    assert three.ok("inspect", "running").startswith('[\n    {\n        "')
    assert both[0]["Isolation"]


def test_inspect_by_type_and_format(three) -> None:
    assert three.ok("inspect", "-f", "{{.State.Status}} {{.Name}}", "running", "made") == "running /running\ncreated /made\n"
    assert three("inspect", "--type", "image", "running").returncode == 1
    assert three("inspect", "--type", "nope", "running").returncode == 125
    assert three("image", "inspect", "running").returncode == 1
    assert three("container", "inspect", "busybox").returncode == 1
    assert json.loads(three.ok("inspect", "-f", "{{json .Config.Cmd}}", "running")) == ["sleep", "1000"]


def test_inspect_of_the_unknown_prints_what_it_has(three) -> None:
    done = three("inspect", "nosuch", "running")
    assert done.returncode == 1
    assert [entry["Name"] for entry in json.loads(done.stdout)] == ["/running"]
    assert "nosuch" in done.stderr
    done = three("inspect", "nosuch")
    assert (done.returncode, done.stdout) == (1, "[]\n")
