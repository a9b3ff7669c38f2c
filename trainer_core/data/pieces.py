"""Documents in pieces, each gone through without all of it being in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, groupby, pairwise

from trainer_core.data.documents import Piece


def by_document(pieces: Iterable[Piece]) -> Iterator[Iterator[str]]:
    """The pieces of each document. One has to be gone through before the next one is asked for."""
    number = 0

    def document_of(piece: Piece) -> int:
        nonlocal number
        number += piece.begins
        return number

    for _, group in groupby(pieces, document_of):
        yield (piece.text for piece in group)


def with_last(pieces: Iterable[str]) -> Iterator[tuple[str, bool]]:
    """Each piece of a document, and whether it is the last one."""
    for piece, following in pairwise(chain(pieces, (None,))):
        if piece is not None:
            yield piece, following is None
