"""From a source that a person gave to pieces of documents, whatever it is: a file, an archive, a folder, the Hub."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from trainer_core.data.documents import Piece
from trainer_core.data.formats import GZIP, kind_of
from trainer_core.data.sources import hub
from trainer_core.data.sources.archives import FOLDER, Member, Meter, chunks, digest, opened, printable, refuse_larger
from trainer_core.data.sources.columns import ColumnUndecided, text_column, without_text
from trainer_core.data.sources.encodings import decoded
from trainer_core.data.sources.local import confined
from trainer_core.data.sources.readers import delimited, jsons, parquet
from trainer_core.data.sources.readers.found import Broken, Found, NotTextError, Record, unreadable
from trainer_core.data.sources.readers.plain import document
from trainer_core.errors import Code, SpotterError
from trainer_core.tasks.orders import FileSource, HubSource, LocalSource

__all__ = ["ColumnUndecided", "Found", "Reading", "read"]

_SAMPLE_RECORDS = 1_000
_SAMPLE_CHARACTERS = 2**22
"""Of the records by which the column of text is found; the first one is taken however long it is."""
_FEW_BROKEN = 3
_MOST_BROKEN = 0.1
"""Share of broken records from which a file is refused, if they are not few."""
_RECORDS = ("csv", "tsv", "json", "jsonl", "parquet")
"""Formats in which a document is a record; in the others it is the file."""

Advanced = Callable[[int, int | None], None]


@dataclass(frozen=True, slots=True)
class Reading:
    """A source that is about to be read."""

    format: str
    """`txt`, `jsonl.gz`, `zip`, `folder`, `hub`."""
    text_column: str | None
    """The column or field that holds the text; None where files, or entries, are text as a whole."""
    pieces: Iterator[Piece]
    """Can be gone through once. Raises SpotterError if the source turns out to be damaged or without text, OSError."""
    found: Found
    """Grows as the pieces are read."""


def read(
    source: FileSource | LocalSource | HubSource,
    *,
    text_column: str | None,
    limit: int,
    advanced: Advanced,
    downloads: Path | None = None,
) -> Reading:
    """Open `source` for reading; at most `limit` bytes of it, unpacked.

    `text_column` is the column that was chosen, None to find it. `advanced` is told how many bytes were read, of how
    many (None if nobody can tell, yet). What has to be downloaded first lies in `downloads` until it was read, or, by
    default, where the system keeps temporary files.

    Raises ColumnUndecided if a person has to choose the column; SpotterError of field `file` (CORPUS_EMPTY,
    CORPUS_TOO_LARGE, CORPUS_UNREADABLE), `path` (CORPUS_NOT_FOUND), `column` (CONFIG_INVALID), or what `hub.from_hub`
    raises; OSError.
    """
    if isinstance(source, HubSource):
        rows = hub.from_hub(source, limit, advanced, downloads)
        return _of_rows("hub", rows, Found(), text_column, Meter(None, limit, advanced))
    if isinstance(source, LocalSource):
        path = confined(source)
        kind = FOLDER if path.is_dir() else kind_of(path.name)
    else:
        path, kind = source.path, kind_of(source.filename)
    sha256, size = digest(path, kind, lambda _: advanced(0, None))
    if not size:
        raise SpotterError(Code.CORPUS_EMPTY, "is empty", field="file")
    found = Found(source_bytes=size, sha256=sha256)
    if kind == FOLDER and hub.is_saved(path):
        return _of_rows(kind, hub.from_folder(path), found, text_column, Meter(None, limit, advanced))
    with opened(path, kind) as members:
        total = sum(member.size for member in members)
        refuse_larger(total, limit)
        column = _first_column(members, text_column, limit)
    columns = _Columns(column, text_column, limit)
    return Reading(kind, column, _from_files(path, kind, columns, Meter(total, limit, advanced), found), found)


def _of_rows(kind: str, rows: Iterator[Record], found: Found, chosen: str | None, meter: Meter) -> Reading:
    """The rows of a library that opens files by itself."""
    sample = _sample(rows)
    column = text_column(sample, chosen)
    return Reading(kind, column, _from_rows(chain(sample, rows), column, meter, found), found)


def _from_rows(rows: Iterable[Record], column: str | None, meter: Meter, found: Found) -> Iterator[Piece]:
    """The documents, hashed as they come if there was nothing else to be hashed."""
    total = None if found.sha256 else hashlib.sha256()
    for text in _texts(rows, column, found):
        data = text.encode()
        meter.unpack(len(data))
        meter.advance(len(data))
        if total:
            total.update(b"%d %b" % (len(data), data))
            found.source_bytes += len(data)
        yield from document([text])
    if total:
        found.sha256 = total.hexdigest()
    _refuse_empty(found)


def _from_files(path: Path, kind: str, columns: _Columns, meter: Meter, found: Found) -> Iterator[Piece]:
    with opened(path, kind) as members:
        for member in members:
            before, undecodable, encodings = found.read, found.undecodable_bytes, found.encodings.copy()
            try:
                yield from _from_file(member, columns, meter, found)
            except NotTextError as error:
                if not member.name or found.read > before:
                    raise _within(member, error) from error
                found.undecodable_bytes, found.encodings = undecodable, encodings
            except SpotterError as error:
                raise _within(member, error) from error
            found.skipped += found.read == before
    _refuse_empty(found)


def _from_file(member: Member, columns: _Columns, meter: Meter, found: Found) -> Iterator[Piece]:
    """The documents of one file. A name that tells no format is read as plain text."""
    if _format(member) in _RECORDS:
        column = columns.of(member)
        for text in _texts(_records(member, meter, found, column), column, found):
            yield from document([text])
    else:
        for piece in document(decoded(chunks(member, meter), found)):
            found.read += piece.begins
            yield piece


@dataclass(frozen=True, slots=True)
class _Columns:
    """Where the text is, in each of several files."""

    first: str | None
    """In the first of them that has columns."""
    chosen: str | None
    """As the person said."""
    limit: int
    """Bytes that are read to find it, at most."""

    def of(self, member: Member) -> str | None:
        """Raises NotTextError if it has no text, CORPUS_UNREADABLE if nobody can tell where it is."""
        if not member.name:
            return self.first
        sample = _sample_of(member, self.limit)
        try:
            if any(not isinstance(record, str) and self.first in record for record in sample):
                return text_column(sample, self.first)
            return text_column(sample, self.chosen)
        except ColumnUndecided as undecided:
            raise unreadable(
                f"could have its text in several columns ({', '.join(undecided.columns)})",
                "Give each of the tables the same columns.",
            ) from undecided
        except SpotterError as error:
            raise (without_text() if error.field == "column" else error) from error


def _records(member: Member, meter: Meter, found: Found, column: str | None = None) -> Iterator[Record | Broken]:
    """The records of a table, or of a list of texts or objects."""
    if _format(member) == "parquet":
        return parquet.rows(member, meter, found, column)
    texts = decoded(chunks(member, meter), found)
    match _format(member):
        case "json":
            return jsons.json_list(texts, found)
        case "jsonl":
            return jsons.json_lines(texts, found)
        case format:
            return delimited.rows(texts, "\t" if format == "tsv" else None, column)


def _format(member: Member) -> str:
    return (member.kind or "txt").removesuffix(GZIP)


def _texts(records: Iterable[Record | Broken], column: str | None, found: Found) -> Iterator[str]:
    """The text of each record that has one. Raises CORPUS_UNREADABLE if too many are broken."""
    for record in _whole(records, found):
        text = record if isinstance(record, str) else None if column is None else record.get(column)
        if isinstance(text, str) and text.strip():
            found.read += 1
            yield text
        else:
            found.blank += 1


def _whole(records: Iterable[Record | Broken], found: Found) -> Iterator[Record]:
    """The records that are not broken. Raises CORPUS_UNREADABLE at the end if too many are."""
    first: Broken | None = None
    whole = broken = 0
    for record in records:
        if isinstance(record, Broken):
            first = first or record
            broken += 1
            found.broken_lines += 1
        else:
            whole += 1
            yield record
    if first and (not whole or (broken >= _FEW_BROKEN and broken > _MOST_BROKEN * (whole + broken))):
        raise unreadable(
            f"has {broken:,} broken {'entry' if broken == 1 else 'entries'}"
            f"{f' of {whole + broken:,}' if whole else ''}: {first.where} {first.why}",
            first.next_step
            or ("Mend them, or remove them; a few are passed over." if whole else "Mend the file, then give it again."),
        )


def _first_column(members: Iterable[Member], chosen: str | None, limit: int) -> str | None:
    """The column of text of the first file that has one; None if there is no file with columns.

    Raises ColumnUndecided; what was wrong with the first file of records if all are without text, and most of the
    bytes are theirs: a licence that lies beside a table is not what was meant.
    """
    wrong: SpotterError | None = None
    records = others = 0
    for member in members:
        if _format(member) not in _RECORDS:
            others += member.size
            continue
        try:
            column = text_column(_sample_of(member, limit), chosen)
        except SpotterError as error:
            wrong = wrong or _within(member, error)
            records += member.size
            continue
        if column is not None:
            return column
        others += member.size
    if wrong and (chosen is not None or records > others):
        raise wrong
    return None


def _sample_of(member: Member, limit: int) -> list[Record]:
    """Raises SpotterError, OSError as reading does."""
    aside = Found()
    return _sample(_whole(_records(member, Meter(None, limit, _nobody), aside), aside))


def _sample(records: Iterator[Record]) -> list[Record]:
    sample: list[Record] = []
    characters = 0
    for record in records:
        sample.append(record)
        cells = [record] if isinstance(record, str) else record.values()
        characters += sum(len(cell) for cell in cells if isinstance(cell, str))
        if len(sample) == _SAMPLE_RECORDS or characters > _SAMPLE_CHARACTERS:
            break
    return sample


def _within(member: Member, error: SpotterError) -> SpotterError:
    """The error, with the name of the file that it is about, if there are several and it is about one of them."""
    if not member.name or error.code is not Code.CORPUS_UNREADABLE:
        return error
    message = f"holds {printable(member.name)}, which {error.message}"
    return SpotterError(error.code, message, field=error.field, next_step=error.next_step)


def _refuse_empty(found: Found) -> None:
    if not found.read:
        raise SpotterError(Code.CORPUS_EMPTY, "has no text", field="file")


def _nobody(_done: int, _total: int | None) -> None:
    """A sample is no progress."""
