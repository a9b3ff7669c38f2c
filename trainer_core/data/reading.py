"""From a source that a person gave to pieces of documents, whatever it is: a file, an archive, a folder, the Hub."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from trainer_core.data.columns import ColumnUndecided
from trainer_core.data.documents import Piece
from trainer_core.data.readers.found import Found
from trainer_core.tasks.orders import FileSource, HubSource, LocalSource

__all__ = ["ColumnUndecided", "Found", "Reading", "read"]


@dataclass(frozen=True, slots=True)
class Reading:
    """A source that is about to be read."""

    format: str
    """`txt`, `jsonl.gz`, `zip`, `folder`, `hub`."""
    text_column: str | None
    """The column or field that holds the text; None where files, or entries, are text as a whole."""
    pieces: Iterator[Piece]
    """Can be gone through once. Raises SpotterError if the source turns out to be damaged, OSError."""
    found: Found
    """Grows as the pieces are read."""


def read(
    source: FileSource | LocalSource | HubSource,
    *,
    text_column: str | None,
    limit: int,
    advanced: Callable[[int, int | None], None],
) -> Reading:
    """Open `source` for reading; at most `limit` bytes of it, unpacked.

    `text_column` is the column that was chosen, None to find it. `advanced` is told how many bytes were read, of how
    many (None if nobody can tell).

    Raises ColumnUndecided if a person has to choose the column; SpotterError of field `file`, `path` or `hub`
    (CORPUS_EMPTY, CORPUS_TOO_LARGE, CORPUS_UNREADABLE, CORPUS_NOT_FOUND, ARTIFACT_DOWNLOAD_FAILED), or of field
    `column`, `config` or `split` (CONFIG_INVALID); OSError.
    """
    raise NotImplementedError
