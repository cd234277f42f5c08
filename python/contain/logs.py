"""The log of a container as an iterator."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Self

from . import _core
from ._lines import LineAssembler
from .types import LogLine

__all__ = ["LogStream"]


class LogStream(Iterator[LogLine]):
    """Lines of a container's log, oldest first; following, until it ends or this is closed.

    Iterate over it, or use it as a context manager to be sure that it stops following at once.
    """

    def __init__(self, reader: _core.LogReader) -> None:
        self._reader = reader
        self._lines = self._read()

    def _read(self) -> Iterator[LogLine]:
        assembler = LineAssembler()
        while (entry := self._reader.next()) is not None:
            yield from assembler.feed(entry.stream, entry.data, entry.time)
        yield from assembler.end()

    def __next__(self) -> LogLine:
        return next(self._lines)

    def close(self) -> None:
        """Stop reading. Idempotent."""
        self._lines = iter(())
        self._reader.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()
