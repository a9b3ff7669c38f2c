"""Which files can be read, by the ending of their name. Light: chat asks it before anything is downloaded."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from trainer_core.errors import Code, SpotterError

Format = Literal["txt", "md", "csv", "tsv", "json", "jsonl", "parquet"]
"""How a file that is not packed is written."""

FORMATS: tuple[Format, ...] = get_args(Format)
KINDS: tuple[str, ...] = (*FORMATS, "zip")
"""Endings of the files that can be read; each of `FORMATS` also with `.gz` after it."""
VERSION = 2
"""Grows when the same file comes to be read as other documents."""

GZIP = ".gz"


def kind_of(filename: str) -> str:
    """The kind that the name's ending says: `txt`, `jsonl.gz`, `zip`, ... Raises CORPUS_UNREADABLE for any other."""
    kind = known_kind(filename)
    if kind is None:
        known = ", ".join(f".{name}" for name in FORMATS)
        ending = Path(filename).suffix.lower() or "a name without an ending"
        raise SpotterError(
            Code.CORPUS_UNREADABLE,
            f"{ending} is not a kind that can be read; give one of {known} (each also as {GZIP}), or a .zip of them",
            field="file",
            next_step=f"Save it as one of {known}, or put such files into a .zip.",
        )
    return kind


def known_kind(filename: str) -> str | None:
    """The kind that the name's ending says; None if it is none of those that are known."""
    name = Path(filename).name.lower()
    stem = name.removesuffix(GZIP)
    for kind in FORMATS if name.endswith(GZIP) else KINDS:
        if stem.endswith(f".{kind}") and stem != f".{kind}":
            return f"{kind}{name[len(stem) :]}"
    return None


# What follows is read by corpus.py only, until it goes.
Kind = str

_COLUMNS = ("text", "content", "body", "document", "article", "message", "review", "comment", "description", "sentence")
_PROSE = 20
"""Mean characters from which an unnamed column counts as prose: longer than labels, numbers, dates and ids."""

Record = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Parsed:
    """The documents of a file, in order, none of them blank."""

    documents: tuple[str, ...]
    text_column: str | None


def decode(data: bytes) -> str:
    """`data` as strict UTF-8 (a byte order mark is dropped). Raises CORPUS_UNREADABLE for anything binary."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _unreadable(f"is not UTF-8 text (byte {error.start:,} does not fit); save it as UTF-8") from error
    if "\0" in text:
        raise _unreadable("is binary (it has NUL bytes); give plain UTF-8 text")
    return text.replace("\r\n", "\n")


def parse(kind: Kind, text: str) -> Parsed:
    """The documents in `text`. Raises CORPUS_UNREADABLE, naming the line where there is one."""
    if kind in ("txt", "md"):
        return _kept([text], None)
    if kind not in ("csv", "json", "jsonl"):
        raise _unreadable(f".{kind} files cannot be read yet")
    records = _csv(text) if kind == "csv" else _json(text) if kind == "json" else _jsonl(text)
    parsed = _from_records(records)
    try:
        for document in parsed.documents:
            document.encode()
    except UnicodeEncodeError as error:
        raise _unreadable("has half a surrogate pair in a \\u escape; write it as valid Unicode") from error
    return parsed


def _csv(text: str) -> list[Record]:
    csv.field_size_limit(sys.maxsize)  # the default refuses a cell over 128 KiB, which is one long article
    header_line = text.lstrip("\n").partition("\n")[0]
    delimiter = max(",;\t|", key=header_line.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        rows = [row for row in reader if row]
    except csv.Error as error:
        raise _unreadable(f"is not a CSV table (line {reader.line_num:,}: {error}); save it as CSV again") from error
    return [dict(zip(rows[0], row, strict=False)) for row in rows[1:]]


def _json(text: str) -> Sequence[object]:
    value = _loaded(text, "is not valid JSON")
    if isinstance(value, dict):
        value = value.get("data")
    if not isinstance(value, list):
        raise _unreadable('must be a list of texts, a list of objects with a text field, or {"data": [...]}')
    return value


def _jsonl(text: str) -> Sequence[object]:
    return [
        _loaded(line, f"is not valid JSON on line {number:,}")
        for number, line in enumerate(text.split("\n"), start=1)
        if line.strip()
    ]


def _loaded(text: str, complaint: str) -> object:
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _unreadable(f"{complaint}; every text must be a JSON string or an object with a text field") from error
    return value


def _from_records(records: Iterable[object]) -> Parsed:
    texts: list[str] = []
    objects: list[Record] = []
    for number, record in enumerate(records, start=1):
        if isinstance(record, str):
            texts.append(record)
        elif isinstance(record, dict):
            objects.append(record)
        else:
            raise _unreadable(f"has neither a text nor an object as entry {number:,}; give texts, or objects with one")
    if texts and objects:
        raise _unreadable("mixes plain texts and objects; give one or the other")
    if not objects:
        return _kept(texts, None)
    column = _text_column(objects)
    return _kept((value for record in objects if isinstance(value := record.get(column), str)), column)


def _text_column(records: Sequence[Record]) -> str:
    """The column that holds the prose. Raises CORPUS_UNREADABLE if there is none."""
    cells: dict[str, list[str]] = {}
    for record in records:
        for column, value in record.items():
            if isinstance(value, str) and value.strip():
                cells.setdefault(column, []).append(value)
    by_name = {column.strip().lower(): column for column in reversed(cells)}
    for name in _COLUMNS:
        if name in by_name:
            return by_name[name]
    length = {column: sum(map(len, values)) / len(values) for column, values in cells.items() if _is_prose(values)}
    if not length:
        raise _unreadable("has no column of text; name the column that holds the text `text`")
    return max(length, key=length.__getitem__)


def _is_prose(values: Sequence[str]) -> bool:
    """Whether cells read like sentences: long enough, and mostly with a letter and a space in them."""
    worded = sum(1 for value in values if " " in value.strip() and any(map(str.isalpha, value)))
    return sum(map(len, values)) >= _PROSE * len(values) and 2 * worded >= len(values)


def _kept(texts: Iterable[str], column: str | None) -> Parsed:
    return Parsed(tuple(text for text in texts if text.strip()), column)


def _unreadable(message: str) -> SpotterError:
    return SpotterError(Code.CORPUS_UNREADABLE, message, field="file")
