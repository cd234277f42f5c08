"""Containers as objects."""

from __future__ import annotations

import json
import signal as signals
import warnings
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

from . import _core, _options
from ._options import DEFAULT_IMAGE
from .engine import Engine, default_engine
from .errors import ContainError, LeakWarning, NotFound
from .logs import LogStream
from .process import Attachment, Process
from .types import (
    Completed,
    ContainerInfo,
    IsolationRow,
    Limits,
    Mount,
    NetworkMode,
    PurePathLike,
    Seconds,
    Security,
    State,
    Stream,
    User,
)

if TYPE_CHECKING:
    from ._options import ImageRef

__all__ = ["Container"]


class Container:
    """A container. Making the object creates it (and pulls the image when absent); ``with`` starts it; the end of the
    block, of the object or of this process kills and removes it, unless ``keep``.

    Properties are read from kernel and store at each access; there is nothing to reload. Any thread may use it.

    Args:
        image: a reference, an id, or an :class:`~contain.Image`.
        cmd: replaces the image's CMD.
        name: default ``adjective_surname``.
        entrypoint: replaces the image's ENTRYPOINT; ``()`` clears it.
        env: added to the image's.
        workdir: a directory inside.
        user: of the first process; default the image's.
        hostname: default the short id.
        mounts: see :class:`~contain.Mount`.
        network: ``"private"`` has loopback only, ``"host"`` is the host's, ``"none"`` has not even loopback.
        limits: default the profile's.
        security: the isolation profile and its opt-outs.
        labels: label → value.
        tty: a pseudo-terminal instead of pipes.
        stdin: keep stdin open for :meth:`attach`; else it is ``/dev/null``.
        read_only: no writing to the root file system.
        stop_signal: ``"SIGTERM"`` unless the image says otherwise.
        stop_timeout: until SIGKILL follows it.
        auto_remove: removed when it exits.
        keep: it goes on after this object and this process, until stopped.
        platform: for a pull, ``"linux/arm64"``; default this machine's.
        engine: default :func:`contain.default_engine`.

    Raises:
        ImageNotFound: neither here nor at the registry.
        AlreadyExists: the name is taken.

    Example:
        >>> import contain
        >>> with contain.Container("hello-world") as c:
        ...     c.wait()
        0
    """

    def __init__(
        self,
        image: ImageRef = DEFAULT_IMAGE,
        *cmd: str,
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
        engine: Engine | None = None,
    ) -> None:
        self._open: _core.Container | None = None  # first, for __del__ of a half-made object
        self._owns = not keep
        self._engine = engine or default_engine()
        options = _options.container(
            image,
            cmd,
            name=name,
            entrypoint=entrypoint,
            env=env,
            workdir=workdir,
            user=user,
            hostname=hostname,
            mounts=mounts,
            network=network,
            limits=limits,
            security=security,
            labels=labels,
            tty=tty,
            stdin=stdin,
            read_only=read_only,
            stop_signal=stop_signal,
            stop_timeout=stop_timeout,
            auto_remove=auto_remove,
            keep=keep,
            platform=platform,
        )
        self._adopt(_core.create(self._engine._handle, options))

    def _adopt(self, core: _core.Container) -> None:
        self._open = core
        self._id = core.id
        self._last_name = core.name()
        if self._owns:
            self._engine._containers.add(self)

    @classmethod
    def open(cls, name: str, *, engine: Engine | None = None) -> Self:
        """A container that exists, by name, id or unique prefix of one. The object never owns it.

        Raises:
            NotFound: there is none.
        """
        made = cls.__new__(cls)
        made._open = None
        made._owns = False
        made._engine = engine or default_engine()
        made._adopt(_core.open_container(made._engine._handle, name))
        return made

    @property
    def _handle(self) -> _core.Container:
        if self._open is None:
            raise NotFound(f'use "{self._last_name}": it was removed', code="CT0301", op="use", subject=self._last_name)
        return self._open

    # --- what it is ---

    @property
    def id(self) -> str:
        """64 hex digits."""
        return self._id

    @property
    def short_id(self) -> str:
        """The first 12 of them."""
        return self._id[:12]

    @property
    def name(self) -> str:
        """Its name now; :meth:`rename` changes it."""
        if self._open is not None:
            self._last_name = self._open.name()
        return self._last_name

    @property
    def info(self) -> ContainerInfo:
        """All that store and kernel know at this moment."""
        return self._handle.info()

    @property
    def state(self) -> State:
        """Created, running, exited or dead."""
        return self._handle.state()

    @property
    def pid(self) -> int | None:
        """Host pid of the first process while it runs."""
        return self.info.pid

    @property
    def exit_code(self) -> int | None:
        """Of the last run; ``None`` while it runs or before."""
        exit = self.info.exit
        return None if exit is None else exit.code

    @property
    def oom_killed(self) -> bool:
        """Whether the memory limit ended the last run."""
        exit = self.info.exit
        return exit is not None and exit.oom_killed

    @property
    def created(self) -> datetime | None:
        """When it was made."""
        return self.info.created

    @property
    def started(self) -> datetime | None:
        """When it was last started."""
        return self.info.started

    @property
    def finished(self) -> datetime | None:
        """When the last run ended."""
        exit = self.info.exit
        return None if exit is None else exit.finished

    @property
    def labels(self) -> Mapping[str, str]:
        """Its labels."""
        return self.info.labels

    @property
    def image(self) -> str:
        """The image, as it was given."""
        return self.info.image

    @property
    def isolation(self) -> list[IsolationRow]:
        """Every row of the isolation profile as got, weakened or opted out."""
        return self._handle.isolation()

    def inspect(self) -> dict[str, Any]:
        """Docker's ``inspect`` object, and ``"Isolation"``."""
        document: dict[str, Any] = json.loads(self._handle.inspect())
        return document

    # --- its life ---

    def start(self) -> Self:
        """Returns once the command has been executed. A stopped container keeps its files. After Ctrl-C it does not
        run.

        Raises:
            AlreadyRunning: it runs.
            CommandNotFound, CommandNotExecutable: the command is no program.
            Unsupported: the kernel cannot give a row of the isolation profile.
        """
        self._handle.start()
        return self

    def start_attached(self) -> Attachment:
        """:meth:`start`, with a connection that misses no byte."""
        return Attachment(self._handle.start_attached())

    def attach(self) -> Attachment:
        """A connection to the first process's streams, from now on.

        Raises:
            NotRunning: it does not run.
        """
        return Attachment(self._handle.attach())

    def wait(self, *, timeout: Seconds | None = None) -> int:
        """Wait until it does not run and return the exit code.

        Raises:
            Timeout: it still runs.
        """
        return self._handle.wait(_options.optional_seconds(timeout)).code

    def stop(self, *, grace: Seconds | None = None) -> int:
        """Send the stop signal, SIGKILL after ``grace`` (default: ``stop_timeout``), and return the exit code. A
        container that does not run is left as it is."""
        return self._handle.stop(_options.optional_seconds(grace)).code

    def kill(self, sig: int | signals.Signals = signals.SIGKILL) -> None:
        """Send a signal to the first process.

        Raises:
            NotRunning: it does not run.
        """
        self._handle.kill(_options.signal_number(sig))

    def restart(self, *, grace: Seconds | None = None) -> Self:
        """:meth:`stop`, then :meth:`start`."""
        self._handle.restart(_options.optional_seconds(grace))
        return self

    def rename(self, name: str) -> None:
        """Give it another name.

        Raises:
            AlreadyExists: the name is taken.
        """
        self._handle.rename(name)

    def remove(self, *, force: bool = False) -> None:
        """Remove it and its files.

        Args:
            force: also while it runs: it is killed.

        Raises:
            AlreadyRunning: it runs, and no ``force``.
        """
        self._handle.remove(force)
        self._release()

    def detach(self) -> None:
        """It goes on after this object and this process. Only before :meth:`start`."""
        self._handle.detach()
        self._owns = False
        self._engine._containers.discard(self)

    def open_wait_fd(self) -> int:
        """A descriptor that is readable when the first process has ended; -1 when it does not run. Yours to close."""
        return self._handle.open_wait_fd()

    def close(self) -> None:
        """Kill and remove it if this object owns it; else only let go. Idempotent."""
        if self._open is not None and self._owns:
            self._open.remove(True)
        self._release()

    @property
    def closed(self) -> bool:
        """Whether this object has let go of its container."""
        return self._open is None

    def _release(self) -> _core.Container | None:
        core, self._open = self._open, None
        self._engine._containers.discard(self)
        return core

    # --- commands in it ---

    def exec(
        self,
        *cmd: str,
        input: bytes | str | None = None,
        check: bool = True,
        timeout: Seconds | None = None,
        env: Mapping[str, str] | None = None,
        user: User | None = None,
        workdir: PurePathLike | None = None,
        privileged: bool = False,
    ) -> Completed:
        """Run a command in it and collect what it writes.

        Args:
            input: for its stdin; default ``/dev/null``. A str is sent as UTF-8.
            check: raise :class:`~contain.ExitError` if it fails.
            timeout: kills the command.
            env: added to the container's.
            user: default the container's.
            workdir: default the container's.
            privileged: with all capabilities of the container's user namespace.

        Raises:
            ExitError: the exit code is not 0; carries both streams.
            CommandNotFound, CommandNotExecutable: the command is no program.
            NotRunning: the container does not run.
            Timeout: it did not end in time.
        """
        options = _options.execution(
            cmd,
            env=env,
            workdir=workdir,
            user=user,
            tty=False,
            stdin=input is not None,
            size=(0, 0),
            privileged=privileged,
        )
        done = self._handle.exec_run(options, _options.data(input), _options.optional_seconds(timeout))
        return done.check() if check else done

    def popen(
        self,
        *cmd: str,
        tty: bool = False,
        stdin: bool = True,
        env: Mapping[str, str] | None = None,
        user: User | None = None,
        workdir: PurePathLike | None = None,
        size: tuple[int, int] = (0, 0),
        privileged: bool = False,
    ) -> Process:
        """Start a command in it and talk to it while it runs.

        Args:
            tty: one pseudo-terminal instead of three pipes.
            stdin: with a stdin; else it is ``/dev/null``.
            size: rows and columns of the terminal.

        Raises:
            CommandNotFound, CommandNotExecutable: the command is no program.
            NotRunning: the container does not run.
        """
        options = _options.execution(
            cmd, env=env, workdir=workdir, user=user, tty=tty, stdin=stdin, size=size, privileged=privileged
        )
        return Process(self._handle.exec(options), tuple(cmd), tty=tty)

    def shell(self, *cmd: str) -> int:
        """An interactive shell (or other command) on this terminal; returns its exit code.

        Raises:
            Unsupported: stdin or stdout is no terminal, as in a notebook. The hint is the command to type in one.
        """
        from ._terminal import interact

        return interact(self, cmd or ("/bin/sh",))

    # --- what it wrote ---

    def logs(
        self,
        *,
        follow: bool = False,
        since: datetime | timedelta | None = None,
        until: datetime | timedelta | None = None,
        tail: int | None = None,
        stream: Stream | None = None,
    ) -> LogStream:
        """The lines that its first process wrote, oldest first.

        Args:
            follow: wait for more, until it ends.
            since: an aware datetime, or how long ago.
            until: the same.
            tail: only the last n lines.
            stream: only this one.
        """
        reader = _core.read_logs(
            self._handle,
            follow,
            tail,
            _options.instant(since),
            _options.instant(until),
            stream is not Stream.STDERR,
            stream is not Stream.STDOUT,
        )
        return LogStream(reader)

    def output(self, stream: Stream = Stream.STDOUT) -> bytes:
        """Everything its first process wrote to one stream so far."""
        return _core.log_text(self._handle, stream is Stream.STDERR)

    # --- as a Python object ---

    def __enter__(self) -> Self:
        try:
            if self.state is State.CREATED:
                self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_open", None) is not None and self._owns:
            warnings.warn(f"{self!r} was not closed", LeakWarning, source=self)

    def __repr__(self) -> str:
        if self._open is None:
            return f"<Container {self._last_name} {self.short_id} closed>"
        try:
            state = str(self._open.state())
        except ContainError:  # removed by somebody else, or the parent's after a fork
            state = "gone"
        return f"<Container {self._last_name} {self.short_id} {state}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return _reopen, (self._engine, self._id)


def _reopen(engine: Engine, id: str) -> Container:
    return Container.open(id, engine=engine)
