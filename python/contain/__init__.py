"""Containers as a library: run, talk to and throw away containers with ordinary objects. No daemon.

Example:
    >>> import contain
    >>> contain.run("hello-world").returncode
    0
    >>> with contain.Container("hello-world") as c:
    ...     c.wait()
    0
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Unpack

from ._core import __version__
from ._options import DEFAULT_IMAGE
from .container import Container
from .engine import Engine, default_engine
from .errors import *  # noqa: F403
from .errors import __all__ as _errors
from .image import Image
from .logs import LogStream
from .process import Attachment, Process
from .types import *  # noqa: F403
from .types import __all__ as _types

if TYPE_CHECKING:
    from ._options import ImageRef
    from .types import Completed, ContainerInfo, ContainerOptions, ImageInfo, PruneReport, Report, Seconds

__all__ = [
    "DEFAULT_IMAGE",
    "Attachment",
    "Container",
    "Engine",
    "Image",
    "LogStream",
    "Process",
    "__version__",
    "containers",
    "default_engine",
    "doctor",
    "images",
    "prune",
    "run",
    *_errors,
    *_types,
]

# Silent unless the program configures logging; without a handler Python would print warnings to stderr.
logging.getLogger("contain").addHandler(logging.NullHandler())


def run(
    image: ImageRef = DEFAULT_IMAGE,
    *cmd: str,
    input: bytes | str | None = None,
    check: bool = True,
    timeout: Seconds | None = None,
    **options: Unpack[ContainerOptions],
) -> Completed:
    """Run a command in a fresh container, wait for it, and remove the container.

    Args:
        image: a reference, an id, or an :class:`Image`; pulled when absent.
        cmd: replaces the image's CMD.
        input: for its stdin; default ``/dev/null``. A str is sent as UTF-8.
        check: raise :class:`ExitError` if it fails; else look at ``returncode``.
        timeout: kills the container.
        options: those of :class:`Container`.

    Raises:
        ExitError: the exit code is not 0; carries both streams.
        OOMKilled: the memory limit ended it.
        Timeout: it did not end in time.
        KeyboardInterrupt: within 100 ms of Ctrl-C; the container is gone then.

    Example:
        >>> import contain
        >>> print(contain.run("hello-world").lines()[0] != "")
        True
    """
    return default_engine().run(image, *cmd, input=input, check=check, timeout=timeout, **options)


def containers(*, all: bool = False, label: Mapping[str, str] | None = None) -> list[ContainerInfo]:
    """One snapshot of the default engine's store, newest first; see :meth:`Engine.containers`."""
    return default_engine().containers(all=all, label=label)


def images(*, label: Mapping[str, str] | None = None) -> list[ImageInfo]:
    """The images of the default engine's store, newest first."""
    return default_engine().images(label=label)


def doctor() -> Report:
    """What this host can do, found by trying; see :meth:`Engine.doctor`."""
    return default_engine().doctor()


def prune(*, all_images: bool = False, label: Mapping[str, str] | None = None) -> PruneReport:
    """Remove containers that do not run, and dangling images; see :meth:`Engine.prune`."""
    return default_engine().prune(all_images=all_images, label=label)
