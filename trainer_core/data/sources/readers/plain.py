"""Plain text: one document, in pieces."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from trainer_core.data.documents import PIECE, Piece
from trainer_core.data.sources.readers.lines import whole_ends


def document(texts: Iterable[str]) -> Iterator[Piece]:
    """The pieces of one document, of at most PIECE characters each; none if it is blank.

    They end between lines or words where there are any. White space before the text may be left out.
    """
    begins, rest = True, ""
    for text in whole_ends(texts):
        rest += text
        while len(rest) > PIECE:
            end = _end(rest)
            if not begins or not rest[:end].isspace():
                yield Piece(rest[:end], begins)
                begins = False
            rest = rest[end:]
    if rest and not (begins and rest.isspace()):
        yield Piece(rest, begins)


def _end(text: str) -> int:
    """Where the first piece of a longer text ends."""
    for between in "\n", " ":
        found = text.rfind(between, PIECE // 2, PIECE)
        if found >= 0:
            return found + 1
    return PIECE - text.startswith("\r\n", PIECE - 1)
