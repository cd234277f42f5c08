"""The values of the library: frozen, comparable, picklable, without a connection to anything.

Bytes are exact; times are aware UTC datetimes; ``None`` stands for "not (yet)".
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path, PurePath, PurePosixPath
from typing import Any, Literal, Self, TypedDict

__all__ = [
    "Check",
    "Chunk",
    "Completed",
    "ContainerInfo",
    "ContainerOptions",
    "Credentials",
    "ExitStatus",
    "Grade",
    "HistoryEntry",
    "ImageInfo",
    "IsolationRow",
    "Limits",
    "LogLine",
    "LogRecord",
    "Mount",
    "NetworkMode",
    "PathLike",
    "Progress",
    "PruneReport",
    "PurePathLike",
    "Removal",
    "Report",
    "Seconds",
    "Security",
    "State",
    "Stream",
    "User",
]

Seconds = float | timedelta
"""A duration: seconds, or a :class:`datetime.timedelta`."""
PathLike = str | os.PathLike[str]
"""A path on this host."""
PurePathLike = str | PurePosixPath
"""A path inside a container."""
User = str | int
"""``"name"``, ``"name:group"``, ``"1000:1000"`` or ``1000``."""
NetworkMode = Literal["private", "host", "none"]


class Stream(StrEnum):
    """Which of the two output streams."""

    STDOUT = "stdout"
    STDERR = "stderr"


class State(StrEnum):
    """Where a container is in its life."""

    CREATED = "created"
    RUNNING = "running"
    EXITED = "exited"
    DEAD = "dead"


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExitStatus:
    """How a process ended."""

    code: int
    """0 to 255; a signal n gives 128 + n."""
    signal: int | None = None
    """The signal that ended it."""
    oom_killed: bool = False
    finished: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """A finished command with everything it wrote.

    Example:
        >>> import contain
        >>> contain.run("hello-world").returncode
        0
    """

    args: tuple[str, ...]
    returncode: int
    stdout: bytes = field(repr=False)
    stderr: bytes = field(repr=False)
    duration: timedelta
    signal: int | None = None
    oom_killed: bool = False
    finished: datetime | None = None

    @property
    def text(self) -> str:
        """Standard output as UTF-8; what is not becomes U+FFFD."""
        return _text(self.stdout)

    def lines(self) -> list[str]:
        """The lines of :attr:`text`, without their ends."""
        return self.text.splitlines()

    def json(self) -> Any:
        """Standard output parsed as JSON.

        Raises:
            json.JSONDecodeError: it is not JSON.
        """
        return json.loads(self.stdout)

    def check(self) -> Self:
        """Return this value if the command succeeded.

        Raises:
            ExitError: the exit code is not 0; carries both streams.
            OOMKilled: the memory limit ended it.
        """
        if self.returncode == 0:
            return self
        from .errors import ExitError, OOMKilled

        kind = OOMKilled if self.oom_killed else ExitError
        raise kind.from_completed(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """A piece of output; empty data is the end."""

    stream: Stream
    data: bytes

    @property
    def text(self) -> str:
        """The bytes as UTF-8; what is not becomes U+FFFD."""
        return _text(self.data)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """One line of output, with its line end if it had one."""

    time: datetime | None
    """When its first byte was written; ``None`` where that is not recorded."""
    stream: Stream
    data: bytes

    @property
    def text(self) -> str:
        """The line as UTF-8, without its end; what is not UTF-8 becomes U+FFFD."""
        return _text(self.data).removesuffix("\n").removesuffix("\r")


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerInfo:
    """What store and kernel know of a container at one moment."""

    id: str
    name: str
    image: str
    """As it was given."""
    image_id: str
    command: tuple[str, ...]
    """Entrypoint and command together."""
    state: State
    pid: int | None = None
    """Host pid of the first process while it runs."""
    exit: ExitStatus | None = None
    created: datetime | None = None
    started: datetime | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    tty: bool = False
    auto_remove: bool = False
    keep: bool = False
    """It outlives the process that made it."""
    owner_pid: int | None = None
    """The process whose end ends it."""
    error: str = ""
    """Why the last start failed."""

    @property
    def short_id(self) -> str:
        """The first 12 digits of the id."""
        return self.id[:12]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageInfo:
    """One row of ``contain images``."""

    id: str
    """``sha256:…``, the digest of the config document."""
    tags: tuple[str, ...] = ()
    """Empty for a dangling image."""
    repo_digests: tuple[str, ...] = ()
    created: datetime | None = None
    size: int = 0
    """Bytes of the unpacked layers."""
    os: str = ""
    architecture: str = ""
    variant: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def short_id(self) -> str:
        """The first 12 digits of the digest."""
        return self.id.removeprefix("sha256:")[:12]


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryEntry:
    """One line of ``contain history``, newest first."""

    image_id: str | None
    """``None`` but for the newest."""
    created: datetime | None = None
    created_by: str = ""
    comment: str = ""
    size: int = 0
    empty_layer: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """What removing an image did."""

    untagged: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a transfer is. ``digest`` is empty for the image as a whole."""

    digest: str
    phase: Literal["resolving", "waiting", "downloading", "unpacking", "verified", "exists", "done"]
    current: int = 0
    """Bytes."""
    total: int | None = None
    """Bytes; ``None`` while unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """For a registry: a name and a password, or an identity token."""

    username: str = ""
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PruneReport:
    """What a prune deleted."""

    containers: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    reclaimed: int = 0
    """Bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of a container's resources. ``None`` is the profile's default, 0 is no limit."""

    memory: int | str | None = None
    """Bytes, or ``"64m"``, ``"1.5g"`` (powers of 1024)."""
    cpus: float | None = None
    """1.5 = one and a half cpus' time."""
    cpu_shares: int | None = None
    """Weight, 2 to 262144; 1024 is normal."""
    pids: int | None = None
    rlimits: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """``{"nofile": (soft, hard)}``, docker's ulimit names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """Something mounted over the root file system; see :meth:`bind` and :meth:`tmpfs`."""

    kind: Literal["bind", "tmpfs"]
    target: str
    """Absolute path inside."""
    source: str = ""
    """Host path of a bind mount."""
    read_only: bool = False
    size: int = 0
    """Bytes of a tmpfs; 0 = half of memory."""
    mode: int = 0o1777
    """Of a tmpfs."""

    @classmethod
    def bind(cls, source: PathLike, target: PurePathLike, *, read_only: bool = False) -> Self:
        """A directory or file of this host."""
        return cls(kind="bind", source=str(Path(source).absolute()), target=str(target), read_only=read_only)

    @classmethod
    def tmpfs(cls, target: PurePathLike, *, size: int = 0, mode: int = 0o1777) -> Self:
        """An empty file system in memory; ``size`` in bytes, 0 = half of memory."""
        return cls(kind="tmpfs", target=str(target), size=size, mode=mode)


@dataclass(frozen=True, slots=True, kw_only=True)
class Security:
    """The isolation profile and its named opt-outs; every one is shown by ``inspect``."""

    profile: Literal["default", "sealed", "docker", "privileged"] = "default"
    caps_add: Sequence[str] = ()
    """``"NET_RAW"``, ``"CAP_NET_RAW"`` or ``"ALL"``."""
    caps_drop: Sequence[str] = ()
    no_new_privileges: bool = True
    seccomp: str | PurePath = ""
    """Empty = the profile's; ``"unconfined"``; else the path of a profile in docker's JSON."""
    host_userns: bool = False
    host_cgroupns: bool = False
    host_timens: bool = False
    landlock: bool = True
    abi32: bool = False
    """Allow i386 and x32 system calls."""
    unmask: Sequence[str] = ()
    """Paths of the mask list, or ``"ALL"``."""
    on_missing: Sequence[str] = ()
    """Rows that may be missing: the container starts without them."""
    strict: bool = False
    """Hardening rows that are missing refuse the start too."""


class Grade(StrEnum):
    """What a container got of a row of its profile, or a host offers."""

    GOT = "got"
    WEAKENED = "weakened"
    OPTED_OUT = "opted_out"
    OK = "ok"
    DEGRADED = "degraded"
    MISSING = "missing"


@dataclass(frozen=True, slots=True, kw_only=True)
class IsolationRow:
    """One row of the isolation profile as a container has it."""

    name: str
    """``"user_namespace"``, ``"seccomp"``…"""
    result: Grade
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing this host was asked to do."""

    group: str
    """``"kernel"``, ``"cgroups"``, ``"storage"``…"""
    name: str
    result: Grade
    detail: str = ""
    """What was found, and what is lost when it is not ok."""
    fix: str = ""
    """The command that helps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What this host can do; ``str()`` gives a table."""

    usable: bool
    """False when a row without which no container starts is missing."""
    checks: tuple[Check, ...] = ()

    def __iter__(self) -> Iterator[Check]:
        return iter(self.checks)

    def find(self, name: str) -> list[Check]:
        """The checks of a group, or those whose name contains ``name`` (blanks, ``-`` and ``_`` are the same)."""
        wanted = _plain(name)
        return [c for c in self.checks if _plain(c.group) == wanted or wanted in _plain(c.name)]

    def __str__(self) -> str:
        width = max((len(c.name) for c in self.checks), default=0)
        rows = []
        for check in self.checks:
            row = f"{check.group:<9} {check.name:<{width}} {check.result:<9} {check.detail}".rstrip()
            rows.append(f"{row}  [{check.fix}]" if check.fix and check.result is not Grade.OK else row)
        return "\n".join(rows)


def _plain(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter not in " -_")


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRecord:
    """One line of the library's log."""

    level: int
    """As in :mod:`logging`: DEBUG, INFO or WARNING."""
    component: str
    """The layer that speaks: ``"storage"``, ``"runtime"``…"""
    message: str


class ContainerOptions(TypedDict, total=False):
    """The keyword options of :class:`contain.Container`, as :func:`contain.run` takes them too."""

    name: str | None
    entrypoint: Sequence[str] | None
    env: Mapping[str, str]
    workdir: PurePathLike | None
    user: User | None
    hostname: str | None
    mounts: Sequence[Mount]
    network: NetworkMode
    limits: Limits
    security: Security
    labels: Mapping[str, str]
    tty: bool
    read_only: bool
    stop_signal: str | None
    stop_timeout: Seconds
    platform: str | None
