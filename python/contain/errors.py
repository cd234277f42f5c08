"""Exceptions. Each also is the builtin one would expect, so ``except TimeoutError`` and the like just work.

The compiled core picks the class from the C++ error table (:func:`contain._core.error_table`), never from a message.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from .types import Completed

__all__ = [
    "AlreadyExists",
    "AlreadyRunning",
    "AuthError",
    "Busy",
    "CommandNotExecutable",
    "CommandNotFound",
    "ContainError",
    "ContainerError",
    "CorruptImage",
    "DigestMismatch",
    "ExitError",
    "HostError",
    "ImageError",
    "ImageInUse",
    "ImageNotFound",
    "Interrupted",
    "InvalidArgument",
    "LeakWarning",
    "NotFound",
    "NotRunning",
    "OOMKilled",
    "PermissionDenied",
    "PullError",
    "RegistryUnreachable",
    "ResourceExhausted",
    "StartError",
    "Timeout",
    "Unsupported",
]


class ContainError(Exception):
    """Base of every error of the library.

    The hint, where there is one, is also a note (PEP 678), so a traceback ends with the command that helps.
    """

    code: str
    """``"CT0301"``: stable, one per distinct reaction."""
    op: str
    """What was done: a verb or a system call."""
    subject: str
    """What it was done to."""
    errno: int | None
    """Of the system call, where one failed."""
    hint: str
    """The command or change that helps; may be empty."""
    details: dict[str, Any]
    """More facts. ``"detail"``: the cause in words; ``"while"``: what the callers were doing, innermost first."""

    def __init__(
        self,
        message: str,
        *,
        code: str = "",
        op: str = "",
        subject: str = "",
        errno: int | None = None,
        hint: str = "",
        details: Mapping[str, Any] | None = None,
    ) -> None:
        # Not super(): the builtin half of a subclass (OSError, CalledProcessError) wants other arguments.
        Exception.__init__(self, message)
        self.code = code
        self.op = op
        self.subject = subject
        self.errno = errno
        self.hint = hint
        self.details = dict(details or {})
        if hint:
            self.add_note(f"help: {hint}")

    def __str__(self) -> str:
        return str(self.args[0])

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.args[0]!r}, code={self.code!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.args, self.errno, self.__dict__)


def _rebuild(cls: type[ContainError], args: tuple[str, ...], errno: int | None, state: dict[str, Any]) -> ContainError:
    # OSError keeps errno in a slot of its own, outside __dict__.
    made = cls.__new__(cls)
    made.args = args
    made.errno = errno
    made.__dict__.update(state)
    return made


class HostError(ContainError):
    """The host could not do what was asked."""


class Unsupported(HostError, NotImplementedError):
    """The kernel or host lacks a feature; the message names it."""


class PermissionDenied(HostError, PermissionError):
    """A permission is missing."""


class ResourceExhausted(HostError, OSError):
    """Disk, descriptors, memory or ids ran out, or the kernel refused a limit."""


class Timeout(ContainError, TimeoutError):
    """The operation did not finish in time."""


class InvalidArgument(ContainError, ValueError):
    """An argument is not valid."""


class Busy(ContainError):
    """Another operation holds this object."""


class Interrupted(ContainError):
    """The operation was cancelled. Ctrl-C gives KeyboardInterrupt, not this."""


class ImageError(ContainError):
    """Something about an image or its registry."""


class ImageNotFound(ImageError, LookupError):
    """No such image, or it has no variant for this platform."""


class ImageInUse(ImageError):
    """Containers or tags need this image."""


class PullError(ImageError):
    """The registry answered something unexpected."""


class RegistryUnreachable(ImageError, ConnectionError):
    """The registry cannot be reached."""


class AuthError(ImageError):
    """The registry refused the credentials."""


class DigestMismatch(ImageError):
    """Content does not match its digest; nothing was kept."""


class CorruptImage(ImageError, ValueError):
    """An archive or document is damaged or hostile; nothing was kept."""


class ContainerError(ContainError):
    """Something about a container."""


class NotFound(ContainerError, LookupError):
    """No such container."""


class AlreadyExists(ContainerError, FileExistsError):
    """The name is taken."""


class NotRunning(ContainerError):
    """The container or process does not run."""


class AlreadyRunning(ContainerError):
    """The container runs."""


class StartError(ContainerError):
    """The container or command could not be started."""


class CommandNotFound(StartError, FileNotFoundError):
    """The command does not exist in the container (127 in a shell)."""


class CommandNotExecutable(StartError, PermissionError):
    """The command exists in the container but cannot be executed (126 in a shell)."""


class ExitError(ContainerError, subprocess.CalledProcessError):
    """A command exited with a status other than 0. Both streams are kept, as bytes."""

    returncode: int
    cmd: tuple[str, ...]
    stdout: bytes
    stderr: bytes

    def __init__(
        self,
        message: str,
        *,
        returncode: int = 1,
        cmd: tuple[str, ...] = (),
        stdout: bytes = b"",
        stderr: bytes = b"",
        **facts: Any,
    ) -> None:
        ContainError.__init__(self, message, **facts)
        self.returncode = returncode
        self.cmd = cmd
        self.stdout = stdout
        self.stderr = stderr

    @classmethod
    def from_completed(cls, done: Completed) -> Self:
        """The error of a command that failed."""
        from . import _core

        row = next(row for row in _core.error_table() if row["python_class"] == cls.__name__)
        how = f"was ended by signal {done.signal}" if done.signal else f"exited with status {done.returncode}"
        if done.oom_killed:
            how = "used up its memory limit"
        error = cls(
            f"{' '.join(done.args) or 'the command'}: {how}",
            returncode=done.returncode,
            cmd=done.args,
            stdout=done.stdout,
            stderr=done.stderr,
            code=row["id"],
            op="run",
            subject=done.args[0] if done.args else "",
            hint=row["hint"],
            details={"signal": done.signal, "oom_killed": done.oom_killed, "duration": done.duration},
        )
        if tail := done.stderr.decode("utf-8", "replace").strip().splitlines()[-10:]:
            error.add_note("stderr:\n" + "\n".join(f"  {line}" for line in tail))
        return error


class OOMKilled(ExitError):
    """The container used up its memory limit."""

    def __init__(self, message: str, *, returncode: int = 137, **facts: Any) -> None:
        super().__init__(message, returncode=returncode, **facts)


class LeakWarning(ResourceWarning):
    """A container was garbage-collected without being closed."""
