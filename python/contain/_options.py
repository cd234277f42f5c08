"""Keyword options of the public calls as the core takes them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from signal import Signals
from typing import TYPE_CHECKING, TypeAlias

from . import _core
from .errors import InvalidArgument
from .types import Limits, Mount, NetworkMode, PathLike, PurePathLike, Seconds, Security, User

if TYPE_CHECKING:
    from .image import Image

    ImageRef: TypeAlias = str | Image

DEFAULT_IMAGE = "hello-world"
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def seconds(value: Seconds) -> float:
    """A duration as seconds."""
    return value.total_seconds() if isinstance(value, timedelta) else float(value)


def optional_seconds(value: Seconds | None) -> float | None:
    """A duration as seconds; ``None`` stays ``None``."""
    return None if value is None else seconds(value)


def instant(value: datetime | timedelta | None) -> int | None:
    """An aware datetime, or a time ago, as nanoseconds since 1970."""
    if value is None:
        return None
    if isinstance(value, timedelta):
        value = datetime.now(timezone.utc) - value
    if value.tzinfo is None:
        raise InvalidArgument(
            "read the instant: a datetime without a time zone",
            code="CT0107",
            op="read the instant",
            hint="datetime.now(timezone.utc), or .astimezone()",
        )
    return (value - _EPOCH) // timedelta(microseconds=1) * 1000


def image_name(image: ImageRef) -> str:
    """A reference or id, as the core looks images up."""
    return image if isinstance(image, str) else image.id


def arguments(cmd: Iterable[str | os.PathLike[str]]) -> list[str]:
    """Command-line arguments; paths are taken as they are."""
    return [os.fspath(arg) for arg in cmd]


def data(value: bytes | str | None) -> bytes:
    """Bytes for stdin."""
    if value is None:
        return b""
    return value.encode() if isinstance(value, str) else bytes(value)


def path(value: PathLike | None) -> str:
    """A path on this host."""
    return "" if value is None else os.fspath(value)


def signal_number(value: int | Signals) -> int:
    """A signal as its number."""
    return int(value)


def container(
    image: ImageRef,
    cmd: Sequence[str],
    *,
    name: str | None = None,
    entrypoint: Sequence[str] | None = None,
    env: Mapping[str, str] | None = None,
    workdir: PurePathLike | None = None,
    user: User | None = None,
    hostname: str | None = None,
    mounts: Sequence[Mount] = (),
    network: NetworkMode = "private",
    limits: Limits | None = None,
    security: Security | None = None,
    labels: Mapping[str, str] | None = None,
    tty: bool = False,
    stdin: bool = False,
    read_only: bool = False,
    stop_signal: str | None = None,
    stop_timeout: Seconds = 10,
    auto_remove: bool = False,
    keep: bool = False,
    platform: str | None = None,
) -> _core.ContainerOptions:
    """How a container is made."""
    return _core.ContainerOptions(
        image=image_name(image),
        command=arguments(cmd),
        entrypoint=None if entrypoint is None else arguments(entrypoint),
        name=name or "",
        env=dict(env or {}),
        labels=dict(labels or {}),
        workdir=str(workdir or ""),
        user="" if user is None else str(user),
        hostname=hostname or "",
        limits=limits or Limits(),
        security=security or Security(),
        mounts=list(mounts),
        network=network,
        tty=tty,
        open_stdin=stdin,
        read_only=read_only,
        stop_signal=stop_signal or "",
        stop_timeout=seconds(stop_timeout),
        auto_remove=auto_remove,
        keep=keep,
        platform=platform or "",
    )


def execution(
    cmd: Sequence[str],
    *,
    env: Mapping[str, str] | None,
    workdir: PurePathLike | None,
    user: User | None,
    tty: bool,
    stdin: bool,
    size: tuple[int, int],
    privileged: bool,
) -> _core.ExecOptions:
    """How a command is run in a container."""
    return _core.ExecOptions(
        command=arguments(cmd),
        env=dict(env or {}),
        workdir=str(workdir or ""),
        user="" if user is None else str(user),
        tty=tty,
        open_stdin=stdin,
        size=size,
        privileged=privileged,
    )
