"""The texts that ship with Spotter, as sources to be taken in."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from trainer_core.data.catalog import BUILTIN, BUILTINS, not_found
from trainer_core.data.documents import Piece
from trainer_core.data.sources.reading import Found, Reading


def read_builtin(name: str) -> Reading:
    """The text called `name`. Raises CORPUS_NOT_FOUND."""
    if name != BUILTIN:
        raise not_found(name, BUILTINS)
    from pydoc_data.topics import topics

    texts = [topics[topic] for topic in sorted(topics)]
    source = "\0".join(texts).encode()
    found = Found(source_bytes=len(source), sha256=hashlib.sha256(source).hexdigest())
    return Reading(format="builtin", text_column=None, pieces=_pieces(texts, found), found=found)


def _pieces(texts: list[str], found: Found) -> Iterator[Piece]:
    for text in texts:
        found.read += 1
        yield Piece(text)
