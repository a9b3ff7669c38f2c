"""Tables with a delimiter between the cells: CSV and TSV. The first row names the columns."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from itertools import chain

from trainer_core.data.sources.columns import is_prose
from trainer_core.data.sources.readers.found import RECORD, Broken, Record, unreadable
from trainer_core.data.sources.readers.lines import TOO_LONG, lines

_DELIMITERS = ",;\t|"
_NAME = 64
"""Characters of the longest name of a column; a first row with longer cells is a row like the others."""
_TOO_MANY = "has more cells than there are columns"
_QUOTE = "Put quotes around every text that has a delimiter in it."


class _Lines:
    """Hands lines to the parser, and no more of them for one row than a row may have."""

    def __init__(self, source: Iterable[str | None]) -> None:
        self._source = iter(source)
        self._characters = 0
        self.number = 0
        """Of the line that was handed out last, from 1."""
        self.row = 1
        """Number of the line on which the row that is being read begins."""
        self.ended = False

    def next_row(self) -> None:
        self._characters = 0
        self.row = self.number + 1

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        try:
            line = next(self._source)
        except StopIteration:
            self.ended = True
            raise
        self.number += 1
        if line is None:
            raise unreadable(f"has a line {self.number:,} that {TOO_LONG}", "Divide it into rows of a moderate length.")
        self._characters += len(line)
        if self._characters > RECORD:
            raise self.never_closed()
        return line

    def never_closed(self) -> Exception:
        return unreadable(
            f"has a quote that opens on line {self.row:,} and never closes",
            'Close it, or write the quotes that belong to the text twice (""); then give the file again.',
        )


def rows(texts: Iterable[str], delimiter: str | None, text_column: str | None = None) -> Iterator[Record | Broken]:
    """The rows by the names of their columns, as far as they go; `delimiter` is found in the first line if it is None.

    Cells beyond the last column belong to it, unless the text is in another one: then the row is broken.
    Raises CORPUS_UNREADABLE for a quote that never closes, or a line that is too long.
    """
    source = lines(texts)
    head: list[str | None] = []
    for line in source:
        head.append(line)
        if line is None or line.strip():
            break
    first = (head[-1] or "") if head else ""
    csv.field_size_limit(RECORD)  # of the whole process: no other place reads tables
    feed = _Lines(chain(head, source))
    mark = delimiter or max(_DELIMITERS, key=first.count)
    reader = csv.reader(feed, delimiter=mark, strict=True)
    names: list[str] | None = None
    while True:
        feed.next_row()
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error:
            if feed.ended:
                raise feed.never_closed() from None
            yield Broken(f"line {feed.row:,}", "is no row of a table")
            continue
        if not row:
            continue
        if names is None:
            names = _names(row)
            if names is not None:
                continue
            names = [f"column {number}" for number in range(1, len(row) + 1)]
        last = len(names) - 1
        if any(cell.strip() for cell in row[last + 1 :]):
            if text_column not in (None, names[last]):
                yield Broken(f"line {feed.row:,}", _TOO_MANY, _QUOTE)
                continue
            row[last:] = [mark.join(row[last:])]
        yield dict(zip(names, row, strict=False))


def _names(first: list[str]) -> list[str] | None:
    """The columns' names, each once; None if the first row is one like the others, which nobody may be shown."""
    if any(len(cell) > _NAME or "\n" in cell or is_prose([cell]) for cell in first):
        return None
    names: list[str] = []
    for number, cell in enumerate(first, start=1):
        title = cell.strip()
        names.append(title if title and title not in names else f"column {number}")
    return names
