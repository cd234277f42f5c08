"""Output in pieces to whole lines, both streams apart and in order."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from .types import LogLine, Stream


class LineAssembler:
    """Feed it pieces; it gives lines. A line's time is that of its first byte."""

    def __init__(self) -> None:
        self._open: dict[Stream, tuple[datetime | None, bytearray]] = {}

    def feed(self, stream: Stream, data: bytes, time: datetime | None = None) -> Iterator[LogLine]:
        """The lines that ``data`` completes."""
        for piece in _split_at_newlines(data):
            began, line = self._open.setdefault(stream, (time, bytearray()))
            line += piece
            if piece.endswith(b"\n"):
                del self._open[stream]
                yield LogLine(time=began, stream=stream, data=bytes(line))

    def end(self) -> Iterator[LogLine]:
        """What is left without a line end."""
        for stream, (began, line) in self._open.items():
            yield LogLine(time=began, stream=stream, data=bytes(line))
        self._open.clear()


def _split_at_newlines(data: bytes) -> Iterator[bytes]:
    # bytes.splitlines() would split at a lone carriage return too, which progress bars write.
    start = 0
    while (end := data.find(b"\n", start)) >= 0:
        yield data[start : end + 1]
        start = end + 1
    if start < len(data):
        yield data[start:]
