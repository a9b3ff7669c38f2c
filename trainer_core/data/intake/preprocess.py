"""What is done to a document's text before anything else: Unicode, control characters, white space, length. Pure.

A document comes in pieces and leaves in pieces, so that it may be larger than memory; where it was cut makes no
difference to what comes out. Cleaning twice is the same as cleaning once.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from trainer_core.data.card import Preprocessing
from trainer_core.data.documents import Piece
from trainer_core.data.pieces import with_last

SEAM = 2**16
"""Most characters that wait for the next piece. Only white space, or accents over accents, go on for longer."""

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_LINE_ENDS = ("\r\n", "\r", "\v", "\f", "\x85", "\u2028", "\u2029")
_BLANK_LINES = re.compile(r"\n{4,}")
_JOINING = re.compile("[\u1160-\u11ff]")
"""Hangul letters that NFC joins to the one before, though they are no marks."""


@dataclass(slots=True)
class Changes:
    """What cleaning changed so far."""

    normalized: int = 0
    """Documents that NFC changed."""
    control_characters: int = 0
    whitespace_characters: int = 0


def clean(document: Iterable[str], options: Preprocessing, changes: Changes) -> Iterator[str]:
    """The pieces of one document, as `options` want them; `changes` grows as they are taken."""
    held, normalized = "", False
    for piece, last in with_last(document):
        text = held + piece
        seam = len(text) if last else _seam(text)
        held = text[seam:]
        cleaned, changed = _cleaned(text[:seam], options, changes, last=last)
        normalized |= changed
        yield cleaned
    changes.normalized += normalized


def cut(document: Iterable[str], longest: int | None) -> Iterator[Piece]:
    """One document as documents of at most `longest` characters each, cut after a line or a word where one ends."""
    begins, size = True, 0
    for text in document:
        start = 0
        while start < len(text):
            if size == longest:
                begins, size = True, 0
            end = len(text)
            if longest is not None and end - start > longest - size:
                end = _end_of_words(text, start, start + longest - size, longest // 2)
            yield Piece(text[start:end], begins)
            begins = end < len(text)
            size = 0 if begins else size + end - start
            start = end


def _cleaned(text: str, options: Preprocessing, changes: Changes, *, last: bool) -> tuple[str, bool]:
    """`text` cleaned, and whether NFC changed it. A letter follows on it, unless it is the `last` of its document."""
    normalized = False
    if options.whitespace:
        length = len(text)
        for end in _LINE_ENDS:
            text = text.replace(end, "\n")
        changes.whitespace_characters += length - len(text)
    if options.control and _CONTROL.search(text):
        text, removed = _CONTROL.subn("", text)
        changes.control_characters += removed
    # After the control characters: what stood on both sides of one may go together now.
    if options.normalize and not unicodedata.is_normalized("NFC", text):
        text, normalized = unicodedata.normalize("NFC", text), True
    if options.whitespace:
        length = len(text)
        *lines, rest = text.split("\n")
        text = "\n".join([*map(str.rstrip, lines), rest.rstrip() if last else rest])
        if "\n\n\n\n" in text:
            text = _BLANK_LINES.sub("\n\n\n", text)
        changes.whitespace_characters += length - len(text)
    return text, normalized


def _seam(text: str) -> int:
    """Where the last letter begins: what comes before it stays the same whatever follows."""
    for index in range(len(text) - 1, max(-1, len(text) - SEAM), -1):
        if _starts_anew(text[index]):
            return index
    return 0 if len(text) <= SEAM else len(text)


def _starts_anew(character: str) -> bool:
    """Whether NFC never joins `character` to the one before it, and it is no white space or control character."""
    return unicodedata.category(character)[0] in "LNPS" and not _JOINING.match(character)


def _end_of_words(text: str, start: int, end: int, back: int) -> int:
    """The last end of a line, else of a word, within `back` characters before `end`; `end` if there is none."""
    first = max(start, end - back)
    return (text.rfind("\n", first, end) + 1) or (text.rfind(" ", first, end) + 1) or end
