"""The pytest plug-in: containers as fixtures, skips with a reason, logs in the report. Inert unless used.

Fixtures:
    contain_engine: an engine on a store of its own, for the whole session.
    container: ``container(image, *cmd, **options)`` starts a container named after the test; it goes with the test.

Marker:
    ``@pytest.mark.contain_requires("landlock", …)`` skips the test, with doctor's reason, where a check is not ok.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any, Protocol

import pytest

if TYPE_CHECKING:
    from .container import Container
    from .engine import Engine
    from .types import Report

_MARKER = "contain_requires"
_LOG_LINES = 50
_containers = pytest.StashKey["list[Container]"]()
_report = pytest.StashKey["Report"]()


class ContainerFactory(Protocol):
    """What the fixture ``container`` gives."""

    def __call__(self, image: Any = ..., *cmd: str, **options: Any) -> Container:
        """Make and start a container; arguments as :class:`contain.Container` takes them."""


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker."""
    config.addinivalue_line(
        "markers", f"{_MARKER}(*checks): skip, with the reason, unless `contain doctor` finds these checks ok"
    )


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what this host cannot do."""
    wanted = [name for marker in item.iter_markers(_MARKER) for name in marker.args]
    if not wanted:
        return
    if (report := item.config.stash.get(_report, None)) is None:
        report = item.config.stash[_report] = _ask_doctor()
    if reasons := _unmet(report, wanted):
        pytest.skip("; ".join(reasons))


def _ask_doctor() -> Report:
    from .engine import Engine

    # Not the default engine: a skip is no reason to make a store in the user's data directory.
    with tempfile.TemporaryDirectory(prefix="contain-doctor-") as store, Engine(store=store) as engine:
        return engine.doctor()


def _unmet(report: Report, wanted: list[str]) -> list[str]:
    from .types import Grade

    reasons = []
    for name in wanted:
        checks = report.find(name)
        if not checks:
            raise pytest.UsageError(f"{_MARKER}: `contain doctor` has no check {name!r}")
        for check in checks:
            if check.result is not Grade.OK:
                help = f" (help: {check.fix})" if check.fix else ""
                reasons.append(f"{check.name} is {check.result}: {check.detail}{help}")
    return reasons


@pytest.fixture(scope="session")
def contain_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """An engine on a store of its own, which goes with the session."""
    from .engine import Engine

    with Engine(store=tmp_path_factory.mktemp("contain", numbered=True) / "store") as engine:
        yield engine


@pytest.fixture
def container(request: pytest.FixtureRequest, contain_engine: Engine) -> Iterator[ContainerFactory]:
    """A factory of started containers, named after the test and removed with it."""
    from ._options import DEFAULT_IMAGE
    from .container import Container

    made: list[Container] = request.node.stash.setdefault(_containers, [])
    stem = _name_for(request.node.name)

    def factory(image: Any = DEFAULT_IMAGE, *cmd: str, **options: Any) -> Container:
        options.setdefault("name", f"{stem}-{len(made) + 1}" if made else stem)
        options.setdefault("engine", contain_engine)
        one = Container(image, *cmd, **options)
        made.append(one)
        return one.start()

    yield factory
    for one in reversed(made):
        one.close()


def _name_for(test: str) -> str:
    # A container's name starts with a letter or digit and holds [a-zA-Z0-9_.-].
    return re.sub(r"[^a-zA-Z0-9_.-]+", "-", test).strip("-_.")[:60] or "test"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Attach the logs of a failed test's containers."""
    report = yield
    if call.when == "call" and report.failed:
        for one in item.stash.get(_containers, []):
            if not one.closed:
                report.sections.append((f"container {one.name}", _tail(one)))
    return report


def _tail(of: Container) -> str:
    from .errors import ContainError

    try:
        info = of.info
        end = f"exit code {info.exit.code}" if info.exit else str(info.state)
        lines = [f"{line.stream:<6} {line.text}" for line in of.logs(tail=_LOG_LINES)]
    except ContainError as error:  # a report must not hide the failure it is about
        return f"no logs: {error}"
    return "\n".join([*lines, f"({end})"])
