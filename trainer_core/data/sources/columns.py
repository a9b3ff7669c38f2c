"""Which column of a table holds the text: by its name, else by its prose, else a person has to say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from trainer_core.data.headings import listed
from trainer_core.data.sources.readers.found import NotTextError, Record, unreadable
from trainer_core.errors import Code, SpotterError

_NAMES = ("text", "content", "body", "document", "article", "message", "review", "comment", "description", "sentence")
_PROSE = 20
"""Mean characters from which a column counts as prose: longer than labels, numbers, dates and ids."""
_CLEARLY = 2.0
"""How many times longer than the next one a column of prose is taken without asking."""
_CHOICES = 5
"""Columns that a person is asked to choose from: as many as one row of buttons holds."""


class ColumnUndecided(Exception):  # noqa: N818 - it is a question to a person, no error
    """Several columns could be the text."""

    def __init__(self, columns: tuple[str, ...]) -> None:
        super().__init__(f"several columns could be the text: {listed(columns)}")
        self.columns = columns
        """The likeliest first, at most five."""


def text_column(records: Sequence[Record], chosen: str | None) -> str | None:
    """The column with the text, by a sample of the records; None if they are texts without columns.

    Raises ColumnUndecided; CONFIG_INVALID of field `column` if there is none that is called `chosen`;
    CORPUS_UNREADABLE if none looks like text.
    """
    tables = [record for record in records if not isinstance(record, str)]
    if not tables:
        return None
    if len(tables) < len(records):
        raise unreadable(
            "mixes plain texts and objects; give one or the other", "Make every entry a text, or an object with one."
        )
    if chosen is not None:
        return _called(chosen, tables)
    cells: dict[str, list[str]] = {}
    for record in tables:
        for column, value in record.items():
            if isinstance(value, str) and value.strip():
                cells.setdefault(column, []).append(value)
    by_name = {column.strip().lower(): column for column in reversed(cells)}
    for name in _NAMES:
        if name in by_name:
            return by_name[name]
    return _longest_prose(cells)


def without_text() -> NotTextError:
    return NotTextError(
        "has no column of text",
        "Name the column that holds the text `text`, or say which one it is.",
    )


def _called(chosen: str, tables: Iterable[Mapping[str, object]]) -> str:
    columns = dict.fromkeys(column for record in tables for column in record)
    if chosen in columns:
        return chosen
    alike = [column for column in columns if column.strip().lower() == chosen.strip().lower()]
    if alike:
        return alike[0]
    raise SpotterError(
        Code.CONFIG_INVALID,
        f"there is no column {chosen[:64]!r}; there are: {listed(columns)}",
        field="column",
        next_step="Name one of these columns, or leave it out to have it found.",
    )


def _longest_prose(cells: Mapping[str, Sequence[str]]) -> str:
    lengths = {column: sum(map(len, values)) / len(values) for column, values in cells.items() if is_prose(values)}
    likely = sorted(lengths, key=lambda column: -lengths[column])
    if not likely:
        raise without_text()
    if len(likely) > 1 and lengths[likely[0]] < _CLEARLY * lengths[likely[1]]:
        raise ColumnUndecided(tuple(likely[:_CHOICES]))
    return likely[0]


def is_prose(values: Sequence[str]) -> bool:
    """Whether cells read like sentences: long enough, and mostly with a letter and a space in them."""
    worded = sum(1 for value in values if " " in value.strip() and any(map(str.isalpha, value)))
    return sum(map(len, values)) >= _PROSE * len(values) and 2 * worded >= len(values)
