"""Images: values by digest in a store."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, BinaryIO, Literal, Self

from . import _core, _options
from ._files import reading
from .engine import Engine, default_engine
from .types import Credentials, HistoryEntry, ImageInfo, PathLike, Progress, Removal

__all__ = ["Image"]


class Image:
    """What a reference resolved to: a digest in an engine's store. It never changes, compares by digest, and pickles
    by (store, digest).

    Make one with :meth:`pull`, :meth:`open`, :meth:`ensure`, :meth:`load`, :meth:`from_rootfs`, :meth:`from_tar` or
    :meth:`default`. In all of them ``engine`` defaults to the one of :func:`contain.default_engine`.
    """

    __slots__ = ("_engine", "_handle")

    def __init__(self, id: str, *, engine: Engine | None = None) -> None:
        self._engine = engine or default_engine()
        self._handle = _core.Image(self._engine._handle, id)

    @classmethod
    def _of(cls, engine: Engine, core: _core.Image) -> Self:
        made = cls.__new__(cls)
        made._engine = engine
        made._handle = core
        return made

    @classmethod
    def default(cls, *, engine: Engine | None = None) -> Self:
        """``hello-world``, compiled into the library: one static program. Needs no registry."""
        engine = engine or default_engine()
        return cls._of(engine, _core.hello_world(engine._handle))

    @classmethod
    def open(cls, name: str, *, engine: Engine | None = None) -> Self:
        """The local image of a reference, an id or a unique prefix of one.

        Raises:
            ImageNotFound: the store has no such image.
        """
        engine = engine or default_engine()
        return cls._of(engine, _core.open_image(engine._handle, name))

    @classmethod
    def pull(
        cls,
        reference: str,
        *,
        platform: str | None = None,
        auth: Credentials | None = None,
        auth_file: PathLike | None = None,
        ca_file: PathLike | None = None,
        insecure_tls: bool = False,
        progress: Callable[[Progress], object] | None = None,
        engine: Engine | None = None,
    ) -> Self:
        """Pull from a registry. Every digest is verified; a failure, Ctrl-C included, keeps nothing.

        Args:
            platform: ``"linux/arm64/v8"``; default this machine's.
            auth: name and password, or a token.
            auth_file: a docker ``config.json`` to take credentials from; default none.
            ca_file: extra trust anchors, PEM.
            insecure_tls: accept any certificate. Plain HTTP is for loopback only.
            progress: called on this thread; what it raises ends the pull.

        Raises:
            RegistryUnreachable: no answer.
            AuthError: the credentials were refused.
            ImageNotFound: the registry has no such image, or not for this platform.
            DigestMismatch: the bytes are not what the manifest says.
        """
        return cls._pull(
            reference, False, platform, auth, auth_file, ca_file, insecure_tls, progress, engine or default_engine()
        )

    @classmethod
    def ensure(
        cls,
        reference: str,
        *,
        platform: str | None = None,
        auth: Credentials | None = None,
        auth_file: PathLike | None = None,
        ca_file: PathLike | None = None,
        insecure_tls: bool = False,
        progress: Callable[[Progress], object] | None = None,
        engine: Engine | None = None,
    ) -> Self:
        """The local image if there is one, else :meth:`pull`."""
        return cls._pull(
            reference, True, platform, auth, auth_file, ca_file, insecure_tls, progress, engine or default_engine()
        )

    @classmethod
    def _pull(
        cls,
        reference: str,
        only_when_absent: bool,
        platform: str | None,
        auth: Credentials | None,
        auth_file: PathLike | None,
        ca_file: PathLike | None,
        insecure_tls: bool,
        progress: Callable[[Progress], object] | None,
        engine: Engine,
    ) -> Self:
        core = _core.pull(
            engine._handle,
            reference,
            only_when_absent,
            platform or "",
            None if auth is None else (auth.username, auth.password, auth.identity_token),
            _options.path(auth_file),
            _options.path(ca_file),
            insecure_tls,
            progress,
        )
        return cls._of(engine, core)

    @classmethod
    def load(cls, archive: PathLike | BinaryIO, *, engine: Engine | None = None) -> list[Self]:
        """All images of a docker-archive or an OCI layout (a tar, gzip and zstd too, or a layout's directory).

        Raises:
            CorruptImage: damaged or hostile; nothing was kept.
        """
        engine = engine or default_engine()
        if isinstance(archive, str | os.PathLike):
            cores = _core.load_path(engine._handle, os.fspath(archive))
        else:
            with reading(archive) as fd:
                cores = _core.load_fd(engine._handle, fd)
        return [cls._of(engine, core) for core in cores]

    @classmethod
    def from_rootfs(cls, directory: PathLike, *, tag: str = "", engine: Engine | None = None) -> Self:
        """One layer from the files of a directory, which is read once and left alone."""
        engine = engine or default_engine()
        return cls._of(engine, _core.from_directory(engine._handle, os.fspath(directory), tag))

    @classmethod
    def from_tar(
        cls,
        tar: PathLike | BinaryIO,
        *,
        tag: str = "",
        message: str = "",
        changes: Sequence[str] = (),
        engine: Engine | None = None,
    ) -> Self:
        """One layer from a root file system tar (plain, gzip, zstd), as ``docker import``.

        Args:
            tar: a path, or a binary file.
            message: the history's comment.
            changes: Dockerfile instructions for the configuration: ``'CMD ["sh"]'``, ``"ENV A=1"``…

        Raises:
            CorruptImage: damaged or hostile; nothing was kept.
        """
        engine = engine or default_engine()
        with reading(tar) as fd:
            return cls._of(engine, _core.from_tar(engine._handle, fd, tag, message, list(changes)))

    @property
    def id(self) -> str:
        """``sha256:…``, the digest of the config document."""
        return self._handle.id

    @property
    def short_id(self) -> str:
        """The first 12 digits of the digest."""
        return self.id.removeprefix("sha256:")[:12]

    @property
    def info(self) -> ImageInfo:
        """All it answers about itself, at this moment."""
        return self._handle.info()

    @property
    def tags(self) -> tuple[str, ...]:
        """The references that lead here now; none for a dangling image."""
        return self.info.tags

    @property
    def created(self) -> datetime | None:
        """When it was built, as its builder says."""
        return self.info.created

    @property
    def size(self) -> int:
        """Bytes of the unpacked layers."""
        return self.info.size

    @property
    def labels(self) -> Mapping[str, str]:
        """Labels of the config."""
        return self.info.labels

    @property
    def layers(self) -> list[str]:
        """The layers' diff_ids, base first."""
        return self._handle.layers()

    @property
    def config(self) -> dict[str, Any]:
        """The config document (OCI image-spec, config.md)."""
        document: dict[str, Any] = json.loads(self._handle.config())
        return document

    @property
    def history(self) -> list[HistoryEntry]:
        """How it was built, newest first."""
        return self._handle.history()

    def inspect(self) -> dict[str, Any]:
        """Docker's ``image inspect`` object."""
        document: dict[str, Any] = json.loads(self._handle.inspect())
        return document

    def tag(self, reference: str) -> None:
        """Add a reference; moves it here if another image has it."""
        self._handle.tag(reference)

    def untag(self, reference: str) -> Removal:
        """Remove a reference, and the image with its last one.

        Raises:
            ImageInUse: it was the last reference and a container uses the image.
        """
        return _core.remove_image(self._engine._handle, reference, False, False)

    def remove(self, *, force: bool = False, prune: bool = True) -> Removal:
        """Remove the image from the store.

        Args:
            force: also when it has several references, or stopped containers use it.
            prune: its untagged parents too.

        Raises:
            ImageInUse: a container uses it.
        """
        return _core.remove_image(self._engine._handle, self.id, force, not prune)

    def save(self, to: PathLike | BinaryIO, *, format: Literal["docker", "oci"] = "docker") -> None:
        """Write it to an archive with all its references; see :meth:`contain.Engine.save`."""
        self._engine.save(list(self.tags) or [self.id], to, format=format)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Image) and self.id == other.id

    def __hash__(self) -> int:
        return hash(self.id)

    def __repr__(self) -> str:
        return f"<Image {self.short_id}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return _image_in, (self._engine, self.id)


def _image_in(engine: Engine, id: str) -> Image:
    return Image(id, engine=engine)
