"""Text as bytes of UTF-8, cut where a reader would cut it, and the words by which two passages are the same.

Cuts fall between characters. They depend on nothing before the place they are counted from, so a long text can be cut
while it is read, and from any cut on it is cut in the same places again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

LONG = 80
"""Bytes of words from which a line or paragraph tells that it is the same as another."""
_FEW = 8
"""A passage of no more different bytes than this is a rule or a border, however long it is."""

_WORDS = bytes(byte if byte >= 128 or byte == 10 or re.match(rb"\w", bytes([byte])) else 32 for byte in range(256))
"""Keeps letters, digits and line ends; whatever is not ASCII counts as a letter."""


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


def is_rule(words: bytes) -> bool:
    """Whether these are no words but the line of a table, which is the same in any text."""
    return len(set(words)) <= _FEW


def before_character(text: bytes, at: int) -> int:
    """The start of the character that the byte at `at` belongs to."""
    while text[at] & 0xC0 == 0x80:
        at -= 1
    return at


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
