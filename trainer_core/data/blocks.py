"""Text as bytes of UTF-8, cut where a reader would cut it, and the words by which two passages are the same.

Cuts fall between characters. They depend on nothing before the place they are counted from, so a long text can be cut
while it is read, and from any cut on it is cut in the same places again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

LONG = 80
"""Bytes of words from which a line, a paragraph or a run of short lines tells that it is the same as another."""
_FEW = 8
"""A passage of no more different bytes than this is a rule or a border, however long it is."""

_WORDS = bytes(byte if byte >= 128 or byte == 10 or re.match(rb"\w", bytes([byte])) else 32 for byte in range(256))
"""Keeps letters, digits and line ends; whatever is not ASCII counts as a letter."""
_NO_LETTERS = bytes(byte for byte in range(256) if _WORDS[byte] == 32)
_ODD = np.random.default_rng(0).integers(2**63, size=LONG // 8, dtype=np.uint64) * np.uint64(2) + np.uint64(1)


@dataclass(frozen=True, slots=True)
class Runs:
    """Runs of short lines."""

    starts: NDArray[np.int64]
    """Where each one begins in the text, shape (runs,)."""
    ends: NDArray[np.int64]
    """Where the last short line of each one ends."""
    letters: NDArray[np.uint8]
    """By which two are the same, shape (runs, LONG)."""

    def keys(self) -> NDArray[np.uint64]:
        """A hash of the letters of each."""
        return np.asarray((np.ascontiguousarray(self.letters).view(np.uint64) * _ODD).sum(axis=1, dtype=np.uint64))

    def are_rules(self) -> NDArray[np.bool_]:
        """What `is_rule` says of each."""
        return np.asarray((np.diff(np.sort(self.letters, axis=1), axis=1) != 0).sum(axis=1) < _FEW)


def blocks(pieces: Iterable[bytes], size: int) -> Iterator[bytes]:
    """A document in blocks of about `size` bytes, ended at blank lines where there are any, else at line ends.

    `pieces` joined are the document, and so are the blocks; none is longer than twice `size`.
    """
    rest = b""
    for piece in pieces:
        rest += piece
        start = 0
        while len(rest) - start >= 2 * size:
            end = _block_end(rest, start, size)
            yield rest[start:end]
            start = end
        rest = rest[start:]
    while len(rest) > size:
        end = _block_end(rest, 0, size)
        yield rest[:end]
        rest = rest[end:]
    if rest:
        yield rest


def passages(pieces: Iterable[bytes], longest: int) -> Iterator[bytes]:
    """A document in passages of at most `longest` bytes that begin with a space where there is one.

    There a word begins for any tokenizer, so that passages come to the tokens that the whole document comes to: for
    GPT-2's way of looking for words exactly, unless white space goes on after the space.
    """
    rest = b""
    for piece in pieces:
        rest = rest + piece if rest else piece
        start = 0
        while len(rest) - start > longest:
            middle, last = start + longest // 2, start + longest
            end = rest.rfind(b" ", middle, last)
            if end < 0:
                end = rest.rfind(b"\n", middle, last) + 1 or before_character(rest, last)
            yield rest[start:end]
            start = end
        rest = rest[start:] if start else rest
    if rest:
        yield rest


def long_parts(text: bytes, size: int) -> Iterator[tuple[int, int, bytes]]:
    """Start, end and words of every long paragraph in `text`, and of every long line in it.

    A line over `size` bytes counts as several. Words alone tell whether two are the same, not how they are set.
    """
    at = 0
    for paragraph in text.translate(_WORDS).split(b"\n\n"):
        if len(paragraph) >= LONG:
            if len(words := b" ".join(paragraph.split())) >= LONG:
                yield at, min(at + len(paragraph) + 2, len(text)), words
            if b"\n" in paragraph or len(paragraph) > size:
                for start, end, line in _long_lines(paragraph, size):
                    if len(words := b" ".join(line.split())) >= LONG:
                        yield at + start, min(at + end, len(text)), words
        at += len(paragraph) + 2


def runs_of_lines(text: bytes) -> Runs:
    """Every run in `text`: the `LONG` letters from the beginning of a short line on, whatever lines they are set in."""
    lettered = text.translate(None, _NO_LETTERS)
    letters = np.frombuffer(lettered.replace(b"\n", b""), np.uint8)
    ends = _line_ends(lettered) - np.arange(1, lettered.count(b"\n") + 2)  # of each line, among the letters
    sizes = np.diff(ends, prepend=0)
    starts = ends - sizes
    first = np.flatnonzero((sizes > 0) & (sizes < LONG) & (starts + LONG <= len(letters)))
    last = np.searchsorted(ends, starts[first] + LONG)
    last -= sizes[last] >= LONG  # such a line stands for itself
    places = np.minimum(_line_ends(text), len(text))
    begins = np.append(0, places)[first]
    windows = sliding_window_view(letters, LONG)[starts[first]] if len(first) else np.empty((0, LONG), np.uint8)
    return Runs(begins, places[last], windows)


def is_rule(words: bytes) -> bool:
    """Whether these are no words but the line of a table, which is the same in any text."""
    return len(set(words)) <= _FEW


def before_character(text: bytes, at: int) -> int:
    """The start of the character that the byte at `at` belongs to."""
    while text[at] & 0xC0 == 0x80:
        at -= 1
    return at


def _line_ends(text: bytes) -> NDArray[np.int64]:
    """Where each line ends, behind its line end; the last one has none, but counts as if."""
    return np.append(np.flatnonzero(np.frombuffer(text, np.uint8) == ord("\n")), len(text)) + 1


def _long_lines(text: bytes, size: int) -> Iterator[tuple[int, int, bytes]]:
    """Start, end and bytes of each long line of `text`; one over `size` is cut at every `size` bytes."""
    at = 0
    for line in text.split(b"\n"):
        length = len(line)
        if length >= LONG:
            start = 0
            while length - start > size:
                end = before_character(line, start + size)
                yield at + start, at + end, line[start:end]
                start = end
            yield at + start, at + length + 1, line[start:]
        at += length + 1


def _block_end(text: bytes, start: int, size: int) -> int:
    """Where the block that begins at `start` ends: within twice `size`."""
    last = start + 2 * size
    if (at := text.find(b"\n\n", start + size - 2, last)) >= 0:
        return at + 2
    if (at := text.find(b"\n", start + size - 1, last)) >= 0:
        return at + 1
    if len(text) < last:
        return len(text)
    # In the middle of a line, where `_long_lines` cuts it too.
    line = max(start, text.rfind(b"\n", start, start + size - 1) + 1)
    return before_character(text, line + size)
