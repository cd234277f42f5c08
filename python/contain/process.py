"""A command in a container, shaped like :class:`subprocess.Popen`, and a connection to its first process."""

from __future__ import annotations

import errno
import io
import os
import select
import selectors
import signal as signals
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Self

from . import _core, _options
from ._lines import LineAssembler
from .errors import NotRunning, Timeout
from .types import Chunk, ExitStatus, LogLine, Seconds, Stream

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = ["Attachment", "Process"]

_PIECE = 64 * 1024


class _PtyFile(io.RawIOBase):
    """The master of a pseudo-terminal: reading says EIO when the other side has gone, which is its end of file."""

    def __init__(self, fd: int) -> None:
        self._file = io.FileIO(fd, "rb")

    def fileno(self) -> int:
        return self._file.fileno()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int | None:
        try:
            return self._file.readinto(buffer)
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            return 0

    def close(self) -> None:
        self._file.close()
        super().close()


def _buffered(file: io.BufferedReader) -> bytes:
    # What a readline() before has read ahead: select() would not tell of it.
    os.set_blocking(file.fileno(), False)
    try:
        return file.read1(len(file.peek(1)))
    finally:
        os.set_blocking(file.fileno(), True)


def _own_copy(fd: int) -> int:
    copy = os.dup(fd)  # close-on-exec (PEP 446)
    os.set_blocking(copy, True)
    return copy


class Process:
    """A command that :meth:`contain.Container.popen` started.

    Its streams are pipes between this process and the command; nothing is copied on the way. At the end of a ``with``
    block, or of the object, a command that still runs is killed, unless :meth:`detach` was called.

    Any thread may use it; reading one stream from two threads is as undefined as for any file.
    """

    args: tuple[str, ...]
    """The command."""
    stdin: io.FileIO | None
    """Unbuffered; closing it is end of file for the command. ``None`` when it was not asked for."""
    stdout: io.BufferedReader
    """With a terminal, this is both output streams together."""
    stderr: io.BufferedReader | None
    """``None`` with a terminal."""

    def __init__(self, core: _core.Process, args: tuple[str, ...], *, tty: bool) -> None:
        self._handle = core
        self._tty = tty
        self._status: ExitStatus | None = None
        self._detached = False
        self.args = args
        fd_in, fd_out, fd_err = core.fds()
        self.stdin = None if fd_in < 0 else io.FileIO(_own_copy(fd_in), "wb")
        if fd_in >= 0 and not tty:
            core.close_stdin()  # ours is now the only writing end, so that closing it is seen
        if tty:
            self.stdout = io.BufferedReader(_PtyFile(_own_copy(fd_out)))
            self.stderr = None
        else:
            self.stdout = io.BufferedReader(io.FileIO(_own_copy(fd_out), "rb"))
            self.stderr = io.BufferedReader(io.FileIO(_own_copy(fd_err), "rb"))

    @property
    def pid(self) -> int:
        """Host pid, for display."""
        return self._handle.pid

    @property
    def returncode(self) -> int | None:
        """0 to 255, 128 + n for signal n; ``None`` while it runs."""
        return self.poll()

    @property
    def status(self) -> ExitStatus | None:
        """How it ended; ``None`` while it runs."""
        if self._status is None:
            self._status = self._handle.poll()
        return self._status

    def fileno(self) -> int:
        """A descriptor that is readable when the process has ended. For select, poll and event loops; do not close."""
        return self._handle.wait_fd

    def poll(self) -> int | None:
        """The exit code, or ``None`` while it runs."""
        status = self.status
        return None if status is None else status.code

    def wait(self, timeout: Seconds | None = None) -> int:
        """Wait for the end and return the exit code.

        Raises:
            Timeout: it still runs.
        """
        if self._status is None:
            self._status = self._handle.wait(_options.optional_seconds(timeout))
        return self._status.code

    def signal(self, number: int | signals.Signals) -> None:
        """Send a signal.

        Raises:
            NotRunning: it has ended.
        """
        self._handle.signal(_options.signal_number(number))

    def terminate(self) -> None:
        """SIGTERM; nothing if it has ended."""
        self._signal_if_running(signals.SIGTERM)

    def kill(self) -> None:
        """SIGKILL; nothing if it has ended."""
        self._signal_if_running(signals.SIGKILL)

    def _signal_if_running(self, number: signals.Signals) -> None:
        if self.poll() is None:
            try:
                self.signal(number)
            except NotRunning:  # it ended meanwhile
                pass

    def resize(self, rows: int, columns: int) -> None:
        """Set the size of its terminal."""
        self._handle.resize(rows, columns)

    def detach(self) -> None:
        """Leave it running when this object ends."""
        self._handle.detach()
        self._detached = True

    def _exchange(self, input: bytes, deadline: float | None) -> Iterator[Chunk]:
        unsent = memoryview(input)
        with selectors.DefaultSelector() as ready:
            for name, file in ((Stream.STDOUT, self.stdout), (Stream.STDERR, self.stderr)):
                if file is not None and not file.closed:
                    if data := _buffered(file):
                        yield Chunk(stream=name, data=data)
                    ready.register(file, selectors.EVENT_READ, (name, file))
            if self.stdin is not None and not self.stdin.closed and unsent:
                ready.register(self.stdin, selectors.EVENT_WRITE)
            while ready.get_map():
                left = None if deadline is None else deadline - time.monotonic()
                if left is not None and left <= 0:
                    raise Timeout(f"talk to {self.args[0]}: it still runs", code="CT0106", op="communicate")
                for key, _ in ready.select(left):
                    if key.data is None:
                        unsent = self._send_some(unsent)
                        if not unsent:
                            ready.unregister(key.fileobj)
                        continue
                    name, file = key.data
                    # read1(): what is there, without waiting for more
                    if data := file.read1(_PIECE):
                        yield Chunk(stream=name, data=data)
                    else:
                        ready.unregister(file)

    def _send_some(self, unsent: memoryview) -> memoryview:
        assert self.stdin is not None
        try:
            # A pipe that polls as writable takes this much without blocking (pipe(7)).
            rest = unsent[os.write(self.stdin.fileno(), unsent[: select.PIPE_BUF]) :]
        except BrokenPipeError:  # the command does not want it: as subprocess does, no error
            rest = unsent[:0]
        if not rest and not self._tty:
            self.stdin.close()
        return rest

    def chunks(self) -> Iterator[Chunk]:
        """Pieces of both streams as they arrive, to the end of both."""
        return self._exchange(b"", None)

    def lines(self) -> Iterator[LogLine]:
        """Lines of both streams as they are completed, to the end of both. ``time`` is ``None``."""
        assembler = LineAssembler()
        for chunk in self.chunks():
            yield from assembler.feed(chunk.stream, chunk.data)
        yield from assembler.end()

    def communicate(self, input: bytes | None = None, timeout: Seconds | None = None) -> tuple[bytes, bytes]:
        """Send ``input``, close stdin, collect both streams and wait for the end.

        Raises:
            Timeout: it still runs; what was read so far is lost.
        """
        deadline = None if timeout is None else time.monotonic() + _options.seconds(timeout)
        if not input and self.stdin is not None and not self._tty:
            self.stdin.close()
        collected: dict[Stream, bytearray] = {Stream.STDOUT: bytearray(), Stream.STDERR: bytearray()}
        for chunk in self._exchange(input or b"", deadline):
            collected[chunk.stream] += chunk.data
        self.wait(None if deadline is None else max(0.0, deadline - time.monotonic()))
        return bytes(collected[Stream.STDOUT]), bytes(collected[Stream.STDERR])

    def close(self) -> None:
        """Close the streams and, unless it was detached, kill it if it still runs. Idempotent."""
        for file in (self.stdin, self.stdout, self.stderr):
            if file is not None:
                file.close()
        if not self._detached:
            self.kill()
            self.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def __repr__(self) -> str:
        code = self.poll()
        how = "running" if code is None else f"returncode {code}"
        return f"<Process {self.pid} {self.args[0]} {how}>"


class Attachment:
    """A connection to a container's first process: its output from now on, and its stdin. Closing it leaves the
    container running."""

    def __init__(self, core: _core.Attachment) -> None:
        self._open: _core.Attachment | None = core

    @property
    def _handle(self) -> _core.Attachment:
        if self._open is None:
            raise ValueError("I/O operation on a closed attachment")
        return self._open

    def fileno(self) -> int:
        """A descriptor that is readable when :meth:`read` would not wait; do not close."""
        return self._handle.fd

    def read(self, timeout: Seconds | None = None) -> Chunk:
        """The next piece of output; empty data once the container has ended.

        Raises:
            Timeout: none arrived.
        """
        return self._handle.read(_options.optional_seconds(timeout))

    def __iter__(self) -> Iterator[Chunk]:
        while (chunk := self.read()).data:
            yield chunk

    def write(self, data: bytes) -> int:
        """Send all of ``data`` to stdin."""
        self._handle.write(data)
        return len(data)

    def close_stdin(self) -> None:
        """End of file for the process, once everything written has arrived."""
        self._handle.close_stdin()

    def resize(self, rows: int, columns: int) -> None:
        """Set the size of the terminal."""
        self._handle.resize(rows, columns)

    def close(self) -> None:
        """Let go of the streams. Idempotent."""
        self._open = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()
