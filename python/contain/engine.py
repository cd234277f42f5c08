"""The engine: a store on disk and the supervisor of the containers that this process owns."""

from __future__ import annotations

import atexit
import logging
import os
import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, Self, Unpack

from . import _core, _options
from ._options import DEFAULT_IMAGE
from .errors import InvalidArgument
from .types import (
    Completed,
    ContainerInfo,
    ContainerOptions,
    ImageInfo,
    LogRecord,
    PathLike,
    PruneReport,
    Report,
    Seconds,
)

if TYPE_CHECKING:
    from ._options import ImageRef
    from .container import Container

__all__ = ["Engine", "default_engine"]


def _to_logging(record: LogRecord) -> None:
    logging.getLogger(f"contain.{record.component}").log(record.level, "%s", record.message)


class Engine:
    """Owns the connection to a store and one supervisor process. Any thread may use it; several processes may share a
    store.

    The supervisor starts with the first container. When the engine is closed, or this process ends in any way, the
    containers it owns end too.

    Args:
        store: the directory, created with mode 0700. Default: ``$CONTAIN_ROOT``, else ``/var/lib/contain`` for root,
            else ``$XDG_DATA_HOME/contain``.
        log: called with each :class:`~contain.types.LogRecord` on the thread whose call it belongs to, when that call
            ends. Default: ``logging.getLogger("contain.<component>")``.

    Raises:
        PermissionDenied: the store belongs to somebody else.

    Example:
        >>> import contain, tempfile
        >>> with contain.Engine(store=tempfile.mkdtemp()) as engine:
        ...     engine.containers(all=True)
        []
    """

    def __init__(self, *, store: PathLike | None = None, log: Callable[[LogRecord], None] | None = None) -> None:
        self._open: _core.Engine | None = _core.Engine(None if store is None else os.fspath(store), log or _to_logging)
        self._store = Path(os.fsdecode(self._open.root))
        self._containers: weakref.WeakSet[Container] = weakref.WeakSet()
        _engines.add(self)

    @property
    def _handle(self) -> _core.Engine:
        if self._open is None:
            raise InvalidArgument("use the engine: it is closed", code="CT0107", op="use the engine")
        return self._open

    @property
    def store(self) -> Path:
        """Its directory."""
        return self._store

    def run(
        self,
        image: ImageRef = DEFAULT_IMAGE,
        *cmd: str,
        input: bytes | str | None = None,
        check: bool = True,
        timeout: Seconds | None = None,
        **options: Unpack[ContainerOptions],
    ) -> Completed:
        """Run a command in a fresh container and remove it; see :func:`contain.run`."""
        made = _options.container(image, cmd, **options)
        done = _core.run(self._handle, made, _options.data(input), _options.optional_seconds(timeout))
        return done.check() if check else done

    def containers(self, *, all: bool = False, label: Mapping[str, str] | None = None) -> list[ContainerInfo]:
        """One snapshot of the store, newest first.

        Args:
            all: also those that do not run.
            label: label → value; an empty value matches any.
        """
        return self._handle.containers(all, dict(label or {}))

    def images(self, *, label: Mapping[str, str] | None = None) -> list[ImageInfo]:
        """The images of the store, newest first; dangling ones included."""
        return self._handle.images(dict(label or {}))

    def doctor(self) -> Report:
        """What this host can do, found by trying. Takes about 0.1 s and changes nothing."""
        return self._handle.doctor()

    def prune(self, *, all_images: bool = False, label: Mapping[str, str] | None = None) -> PruneReport:
        """Remove containers that do not run, and dangling images.

        Args:
            all_images: also every other image that no container uses.
            label: only what has these labels.
        """
        labels = dict(label or {})
        containers, freed = self._handle.prune_containers(labels)
        images, freed_by_images = self._handle.prune_images(all_images, labels)
        return PruneReport(containers=tuple(containers), images=tuple(images), reclaimed=freed + freed_by_images)

    def save(
        self, images: Sequence[ImageRef], to: PathLike | BinaryIO, *, format: Literal["docker", "oci"] = "docker"
    ) -> None:
        """Write images to one archive.

        Args:
            images: references come back with :meth:`contain.Image.load`; ids come back untagged.
            to: a path, or a binary file.
            format: ``"docker"`` is a docker-archive, ``"oci"`` an OCI image layout; both are tars.
        """
        from ._files import writing

        names = [_options.image_name(image) for image in images]
        with writing(to) as fd:
            _core.save(self._handle, names, fd, format == "oci")

    def close(self) -> None:
        """Remove the containers it owns and let go of the store. Idempotent."""
        for container in list(self._containers):
            container.close()
        self._open = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Engine {self._store}{'' if self._open else ' closed'}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return _engine_at, (str(self._store),)


_engines: weakref.WeakSet[Engine] = weakref.WeakSet()
_default: Engine | None = None
_default_guard = threading.Lock()

END_TIME = 2.0
"""Seconds that the end of the interpreter may wait for containers to go; then the supervisor finishes alone."""


def default_engine() -> Engine:
    """The engine of the one-liners: made from the environment on first use, closed at the interpreter's end."""
    global _default
    with _default_guard:
        if _default is None or _default._open is None:
            _default = Engine()
        return _default


def _engine_at(store: str) -> Engine:
    # For unpickling: a handle finds an engine that this process already has, else opens one.
    for engine in list(_engines):
        if engine._open is not None and str(engine.store) == store:
            return engine
    return Engine(store=store)


def _forget_parent() -> None:
    # The engines are the parent's: their handles are inert here, and the next one-liner makes a new one.
    global _default, _default_guard
    _default = None
    _default_guard = threading.Lock()
    _engines.clear()


def _close_all() -> None:
    open_ones = [engine for engine in list(_engines) if engine._open is not None]
    handles = [handle for engine in open_ones for one in list(engine._containers) if (handle := one._release())]
    _core.remove_all(handles, END_TIME)
    for engine in open_ones:
        engine._open = None


os.register_at_fork(after_in_child=_forget_parent)
atexit.register(_close_all)
