"""What reading a source comes upon: counts of what it held, and of what had to be left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from trainer_core.errors import Code, SpotterError

RECORD = 2**24
"""Characters of the longest record, line of a table or cell that is read; plain text has no such bound."""


@dataclass(slots=True)
class Found:
    """A tally that grows while the pieces are read."""

    source_bytes: int = 0
    """Of the source as it was given: packed, if it is packed."""
    sha256: str = ""
    """Of the source's bytes, or of the names and bytes of a folder's files: known from the beginning. Of what comes
    from the Hub it is over the documents, and known at the end.
    """
    read: int = 0
    """Documents."""
    blank: int = 0
    """Records without text."""
    undecodable_bytes: int = 0
    """Each became U+FFFD."""
    broken_lines: int = 0
    """Lines or records that could not be read."""
    encodings: Counter[str] = field(default_factory=Counter)
    """Text files by the encoding they are in."""
    skipped: int = 0
    """Files of an archive or folder that hold no text."""

    @property
    def encoding(self) -> str | None:
        """Of most of the text files, by its name in Python; None where there are none."""
        return max(self.encodings, key=lambda name: self.encodings[name], default=None)


@dataclass(frozen=True, slots=True)
class Broken:
    """A record that could not be read."""

    where: str
    """`line 3`, `entry 2`."""
    why: str
    """The end of a sentence: `is not valid JSON`."""
    next_step: str = ""
    """If there is more to say than that it should be mended."""


Record = Mapping[str, object] | str
"""A row or object by its columns, or a text that stands alone."""


class NotTextError(SpotterError):
    """The file holds no text: where there are others beside it, it is passed over."""

    def __init__(self, message: str, next_step: str = "Save it as plain UTF-8 text.") -> None:
        super().__init__(Code.CORPUS_UNREADABLE, message, field="file", next_step=next_step)


def unreadable(message: str, next_step: str | None = None) -> SpotterError:
    return SpotterError(Code.CORPUS_UNREADABLE, message, field="file", next_step=next_step)
