"""The pytest plug-in, as a user's project sees it: in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import xml.etree.ElementTree as xml
from pathlib import Path

import contain
import pytest


class Project:
    """A directory with one test file."""

    def __init__(self, where: Path) -> None:
        self.where = where

    def run(self, tests: str, *options: str) -> tuple[dict[str, int], str]:
        """(outcome → count, output) of ``pytest``."""
        (self.where / "test_user.py").write_text("import contain, pytest\n" + tests)
        report = self.where / "report.xml"
        argv = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-rs", f"--junitxml={report}", *options]
        done = subprocess.run(
            [*argv, "test_user.py"],
            cwd=self.where,
            env={**os.environ, "CONTAIN_ROOT": str(self.where / "default-store")},
            capture_output=True,
            text=True,
        )
        suite = xml.parse(report).getroot()[0]
        counts = {name: int(suite.attrib[name]) for name in ("tests", "failures", "errors", "skipped")}
        return counts, done.stdout + done.stderr


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_inert_unless_used(project: Project) -> None:
    counts, output = project.run("def test_nothing(): pass\n", "--strict-markers")
    assert counts == {"tests": 1, "failures": 0, "errors": 0, "skipped": 0}, output
    assert not (project.where / "default-store").exists()


def test_container_is_named_after_the_test_and_goes_with_it(project: Project, busybox: contain.Image) -> None:
    counts, output = project.run(
        """
@pytest.mark.parametrize("what", ["a b", "c/d"])
def test_one(container, contain_engine, what):
    c = container("hello-world")
    assert c.name.startswith("test_one-") and what[0] in c.name
    assert c.wait() == 0
    second = container("hello-world")
    assert second.name == c.name + "-2"
    assert len(contain_engine.containers(all=True)) == 2

def test_after(contain_engine):
    assert contain_engine.containers(all=True) == []
"""
    )
    assert counts == {"tests": 3, "failures": 0, "errors": 0, "skipped": 0}, output
    assert not (project.where / "default-store").exists()


def test_failed_tests_show_their_containers_logs(project: Project) -> None:
    counts, output = project.run(
        """
def test_fails(container):
    c = container("hello-world", name="the-one")
    c.wait()
    assert False

def test_passes(container):
    container("hello-world", name="the-other").wait()
"""
    )
    assert counts["failures"] == 1, output
    assert "container the-one" in output
    assert "(exit code 0)" in output
    assert "the-other" not in output
    first = contain.run("hello-world").text.strip().splitlines()[0]
    assert first in output


def test_what_the_host_lacks_is_skipped_with_the_reason(project: Project) -> None:
    report = contain.doctor()
    good = next(check for check in report if check.result is contain.Grade.OK)
    bad = next((check for check in report if check.result is not contain.Grade.OK), None)
    tests = f"""
@pytest.mark.contain_requires({good.name!r})
def test_good(): pass
"""
    if bad is not None:
        tests += f"""
@pytest.mark.contain_requires({bad.name!r})
def test_bad(): pass
"""
    counts, output = project.run(tests, "--strict-markers")
    assert counts["failures"] == counts["errors"] == 0, output
    assert counts["skipped"] == (0 if bad is None else 1), output
    assert not (project.where / "default-store").exists()
    if bad is not None:
        assert f"{bad.name} is {bad.result}" in " ".join(output.split())


def test_unknown_requirement_is_an_error(project: Project) -> None:
    counts, output = project.run("@pytest.mark.contain_requires('no such check')\ndef test_it(): pass\n")
    assert counts["errors"] + counts["failures"] == 1, output
    assert "no such check" in output
