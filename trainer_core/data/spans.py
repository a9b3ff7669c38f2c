"""Texts as spans of bytes of one file, read a piece at a time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from trainer_core.data.blocks import passages
from trainer_core.data.documents import Documents

Spans = NDArray[np.uint64]
"""Where texts start and end in `documents.bin`, ascending, shape (texts, 2)."""

AT_ONCE = 2**20
"""Bytes read at once."""


def each(spans: Spans) -> Iterator[tuple[int, int]]:
    """Start and end of each, without having millions of Python's numbers in memory at once."""
    for first in range(0, len(spans), 4_096):
        yield from map(tuple, spans[first : first + 4_096].tolist())


def spans_of(documents: Documents) -> Spans:
    """Of every document; takes no memory of its own."""
    return np.lib.stride_tricks.sliding_window_view(documents.offsets, 2)


def bytes_in(spans: Spans) -> int:
    return int((spans[:, 1] - spans[:, 0]).sum())


def passages_in(documents: Documents, spans: Spans, longest: int) -> Iterator[tuple[bytes, bool]]:
    """The text of `spans` in passages of at most `longest` bytes, and whether each is the last of its span.

    Raises OSError.
    """
    at = 0
    with documents.path.open("rb") as file:
        for start, end in each(spans):
            if start != at:
                file.seek(start)
            at = start
            for passage in passages(pieces_of(file, end - start), longest):
                at += len(passage)
                yield passage, at == end


def sample(documents: Documents, spans: Spans, most: int, longest: int = 2**16) -> Iterator[str]:
    """About `most` bytes of text from all over `spans`, in passages; all of it if there is no more. Raises OSError."""
    total = bytes_in(spans)
    read = taken = 0
    for passage, _ in passages_in(documents, spans, longest):
        if taken * total <= read * most:
            taken += len(passage)
            yield passage.decode()
        read += len(passage)


def pieces_of(file: BinaryIO, length: int) -> Iterator[bytes]:
    """The next `length` bytes of `file`. Raises OSError, also if there are fewer."""
    while length > 0:
        piece = file.read(min(length, AT_ONCE))
        if not piece:
            raise OSError("the text of the data set ends too early")
        length -= len(piece)
        yield piece


def read(file: BinaryIO, start: int, end: int) -> bytes:
    """Wherever `file` is, it stays there. Raises OSError."""
    return os.pread(file.fileno(), end - start, start)
