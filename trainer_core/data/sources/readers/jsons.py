"""JSON: a list of texts or objects, and JSON Lines, one of them a line. Only the text of an object is kept.

A list is decoded entry by entry with the standard library, so that no more than one of them is in memory.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from itertools import chain

from trainer_core.data.sources.encodings import mended
from trainer_core.data.sources.readers.found import RECORD, Broken, Found, NotTextError, Record, unreadable
from trainer_core.data.sources.readers.lines import TOO_LONG, lines

_DECODER = json.JSONDecoder()
_BLANK = re.compile(r"[ \t\r\n]*")


def json_lines(texts: Iterable[str], found: Found) -> Iterator[Record | Broken]:
    """The entry of each line that is not blank."""
    for number, line in enumerate(lines(texts), start=1):
        where = f"line {number:,}"
        if line is None:
            yield Broken(where, TOO_LONG)
        elif line.strip():
            try:
                yield _record(json.loads(line), where, found)
            except (ValueError, RecursionError):
                yield Broken(where, "is not valid JSON")


def json_list(texts: Iterable[str], found: Found) -> Iterator[Record | Broken]:
    """The entries of a list, or of the list in the field `data` of an object.

    A file with an object a line is read as JSON Lines. Raises CORPUS_UNREADABLE if it is no valid JSON, or no list.
    """
    parts = iter(texts)
    head = next(parts, "")
    if _is_lines(head):
        yield from json_lines(chain([head], parts), found)
        return
    number = 0
    try:
        for number, entry in enumerate(_entries(_Scanner(chain([head], parts))), start=1):
            yield _record(entry, f"entry {number:,}", found)
    except _InvalidError as error:
        raise unreadable(
            f"is not valid JSON after entry {number:,} ({error})" if number else f"is not valid JSON ({error})",
            "Save it as a JSON list again, or, with one object a line, as .jsonl.",
        ) from error


class _InvalidError(Exception):
    """What is no JSON, in a few words."""


class _Scanner:
    """Reads JSON from text that comes in parts, a value at a time."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._texts = iter(texts)
        self._text = ""
        self._at = 0

    def peek(self) -> str:
        """The next character that is not white space; nothing at the end."""
        while True:
            blank = _BLANK.match(self._text, self._at)
            self._at = blank.end() if blank else self._at
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more():
                return ""

    def take(self, choices: str) -> str:
        """Go past the next character, which has to be one of these. Raises _InvalidError."""
        char = self.peek()
        if not char or char not in choices:
            raise _InvalidError(f"no {' or '.join(choices)} where one should be")
        self._at += 1
        return char

    def value(self) -> object:
        """Go past the next value. Raises _InvalidError."""
        self.peek()
        while len(self._text) - self._at <= 2 * RECORD:
            try:
                value, end = _DECODER.raw_decode(self._text, self._at)
            except json.JSONDecodeError as error:
                if not self._more():  # so it was not for want of its end
                    raise _InvalidError(error.msg) from error
            except (ValueError, RecursionError) as error:
                raise _InvalidError("a number is too long, or lists are nested too deeply") from error
            else:
                if end < len(self._text) or not self._more():  # more digits could follow a number
                    self._at = end
                    return value
        raise _InvalidError(f"it has no end within {RECORD:,} characters")

    def _more(self) -> bool:
        """Read on, at least as much as there is, so that decoding it anew costs twice as much at most."""
        parts, wanted = [self._text[self._at :]], len(self._text) - self._at
        for part in self._texts:
            parts.append(part)
            wanted -= len(part)
            if wanted < 0:
                break
        if len(parts) == 1:
            return False
        self._text, self._at = "".join(parts), 0
        return True


def _is_lines(head: str) -> bool:
    """Whether a file that begins with `head` has an object a line."""
    first, _, rest = head.lstrip().partition("\n")
    if not first.startswith("{") or not rest.lstrip().startswith("{"):
        return False
    try:
        json.loads(first)
    except (ValueError, RecursionError):
        return False
    return True


def _entries(scanner: _Scanner) -> Iterator[object]:
    """The entries of the list, once everything else is there, too. Raises _InvalidError; CORPUS_UNREADABLE."""
    listed = False
    if scanner.peek() == "[":
        yield from _list(scanner)
        listed = True
    elif scanner.peek() == "{":
        after = scanner.take("{")
        if scanner.peek() == "}":
            after = scanner.take("}")
        while after != "}":
            name = scanner.value()
            scanner.take(":")
            if name == "data" and scanner.peek() == "[":
                yield from _list(scanner)
                listed = True
            else:
                scanner.value()
            after = scanner.take(",}")
    else:
        scanner.value()
    if not listed:
        raise NotTextError(
            'must be a list of texts, a list of objects with a text field, or {"data": [...]}',
            "Save it as such a list, or, with one object a line, as .jsonl.",
        )
    if scanner.peek():
        raise _InvalidError("there is more after its end")


def _list(scanner: _Scanner) -> Iterator[object]:
    after = scanner.take("[")
    if scanner.peek() == "]":
        after = scanner.take("]")
    while after != "]":
        yield scanner.value()
        after = scanner.take(",]")


def _record(value: object, where: str, found: Found) -> Record | Broken:
    if isinstance(value, str):
        return mended(value, found)
    if isinstance(value, dict):
        return {mended(name, found): mended(text, found) for name, text in value.items() if isinstance(text, str)}
    return Broken(where, "is neither a text nor an object")
