"""Paths and binary files as descriptors, for archives that the core reads and writes."""

from __future__ import annotations

import io
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from .types import PathLike


def _is_plain_file(file: object) -> bool:
    # A GzipFile or a socket's makefile() has a fileno() too, but its bytes are not those of the descriptor.
    raw = getattr(file, "raw", file)
    return isinstance(raw, io.FileIO)


@contextmanager
def reading(source: PathLike | BinaryIO) -> Iterator[int]:
    """A descriptor at the place from which ``source`` would be read."""
    if isinstance(source, str | os.PathLike):
        with open(source, "rb") as file:
            yield file.fileno()
    elif _is_plain_file(source) and (source.seekable() or not isinstance(source, io.BufferedReader)):
        if source.seekable():  # the descriptor may be ahead of a buffered reader
            os.lseek(source.fileno(), source.tell(), os.SEEK_SET)
        yield source.fileno()
    else:
        with tempfile.TemporaryFile() as copy:
            shutil.copyfileobj(source, copy)
            copy.seek(0)
            yield copy.fileno()


@contextmanager
def writing(target: PathLike | BinaryIO) -> Iterator[int]:
    """A descriptor whose bytes end up in ``target``. A path that could not be written completely is removed."""
    if isinstance(target, str | os.PathLike):
        done = False
        try:
            with open(target, "wb") as file:
                yield file.fileno()
            done = True
        finally:
            if not done and os.path.exists(target):
                os.unlink(target)
    elif _is_plain_file(target):
        target.flush()
        yield target.fileno()
    else:
        with tempfile.TemporaryFile() as copy:
            yield copy.fileno()
            copy.seek(0)
            shutil.copyfileobj(copy, target)
