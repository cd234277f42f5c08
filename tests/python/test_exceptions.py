"""Exceptions: built from the library's table, each also the builtin one would expect."""

from __future__ import annotations

import errno
import pickle
import subprocess
import traceback

import contain
import pytest
from contain import _core, errors


def test_every_row_of_the_table_has_its_class() -> None:
    rows = _core.error_table()
    assert len(rows) > 20
    for row in rows:
        kind = getattr(contain, row["python_class"])
        assert issubclass(kind, contain.ContainError), row
        assert row["id"].startswith("CT0")


def test_every_public_error_is_reachable_or_a_base() -> None:
    named = {row["python_class"] for row in _core.error_table()}
    for name in errors.__all__:
        kind = getattr(errors, name)
        if not issubclass(kind, contain.ContainError):
            continue
        assert name in named or any(issubclass(getattr(contain, other), kind) for other in named), name


@pytest.mark.parametrize(
    ("kind", "builtin"),
    [
        ("Unsupported", NotImplementedError),
        ("PermissionDenied", PermissionError),
        ("ResourceExhausted", OSError),
        ("Timeout", TimeoutError),
        ("InvalidArgument", ValueError),
        ("ImageNotFound", LookupError),
        ("RegistryUnreachable", ConnectionError),
        ("CorruptImage", ValueError),
        ("NotFound", LookupError),
        ("AlreadyExists", FileExistsError),
        ("CommandNotFound", FileNotFoundError),
        ("CommandNotExecutable", PermissionError),
        ("ExitError", subprocess.CalledProcessError),
        ("LeakWarning", ResourceWarning),
    ],
)
def test_builtin_bases(kind: str, builtin: type[BaseException]) -> None:
    assert issubclass(getattr(contain, kind), builtin)


def test_a_real_error_carries_everything() -> None:
    with pytest.raises(contain.ImageNotFound) as caught:
        contain.Image.open("no/such:image")
    error = caught.value
    assert error.code == "CT0201"
    assert "no/such:image" in error.subject
    assert error.op
    assert error.errno is None
    assert isinstance(error.details["while"], list)
    assert "no/such:image" in str(error)


def test_hint_ends_the_traceback() -> None:
    with pytest.raises(contain.NotFound) as caught:
        contain.Container.open("missing")
    assert caught.value.hint
    assert traceback.format_exception(caught.value)[-1].strip() == f"help: {caught.value.hint}"


def test_errno_of_the_system_call() -> None:
    with pytest.raises(contain.ContainError) as caught:
        contain.Engine(store="/proc/no/store/here")
    assert caught.value.errno in (errno.ENOENT, errno.EACCES, errno.EPERM)
    assert "/proc/no/store/here" in str(caught.value) or "/proc/no" in str(caught.value)


def test_message_that_is_not_utf8() -> None:
    with pytest.raises(contain.ContainError) as caught:
        contain.Image.open("a\udcff")
    assert "\udcff" in str(caught.value) or "\\xff" in str(caught.value)


@pytest.mark.parametrize("name", [name for name in errors.__all__ if name != "LeakWarning"])
def test_errors_pickle(name: str) -> None:
    kind = getattr(contain, name)
    made = kind("what", code="CT0999", op="do", subject="it", errno=13, hint="try", details={"detail": "d"})
    copy = pickle.loads(pickle.dumps(made))
    assert type(copy) is kind
    for attribute in ("code", "op", "subject", "errno", "hint", "details", "args", "__notes__"):
        assert getattr(copy, attribute) == getattr(made, attribute)
    assert str(copy) == "what"


def test_exit_error_pickles_with_its_streams() -> None:
    made = contain.ExitError("what", returncode=3, cmd=("a", "b"), stdout=b"\xff", stderr=b"e")
    copy = pickle.loads(pickle.dumps(made))
    assert (copy.returncode, copy.cmd, copy.stdout, copy.stderr) == (3, ("a", "b"), b"\xff", b"e")


@pytest.mark.parametrize("timeout", [float("nan")])
def test_nonsense_timeout(busybox: contain.Image, timeout: float) -> None:
    with pytest.raises(contain.InvalidArgument):
        contain.run(busybox, "true", timeout=timeout)
