"""The hold-out: which text is never trained upon. Pure, and the same for the same text and seed.

Text is held out by block, a few paragraphs long, so that even a single document can be split. Real corpora repeat
themselves, and a repeated passage on both sides would make the held-out loss flatter than it is: identical blocks
go to the same side, and a long paragraph that is held out is taken out of the training text wherever else it is.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

_LARGEST_BLOCK = 3_000
_SMALLEST_BLOCK = 100
_BLOCKS = 20
"""A short text is still cut into about this many blocks."""
_LONG_PARAGRAPH = 80
"""Characters; shorter ones (headings, one-line examples) recur in any text of a kind."""


@dataclass(frozen=True, slots=True)
class Split:
    """Both sides of a corpus: runs of text in the order of the source."""

    train: tuple[str, ...]
    validation: tuple[str, ...]


def split(documents: Sequence[str], fraction: float, seed: int) -> Split:
    """Hold out about `fraction` of the characters. Raises ValueError if all of the text is one repeated block."""
    size = _block_size(documents)
    cut = [blocks(document, size) for document in documents]
    held = _held_out([block for pieces in cut for block in pieces], fraction, seed)
    sides: dict[bool, list[str]] = {True: [], False: []}
    for pieces in cut:
        for is_held, run in groupby(pieces, held.__contains__):
            sides[is_held].append("".join(run))
    seen = {key for text in sides[True] for paragraph in paragraphs(text) if (key := _long(paragraph))}
    kept = ("".join(p for p in paragraphs(text) if _long(p) not in seen) for text in sides[False])
    return Split(tuple(text for text in kept if text.strip()), tuple(sides[True]))


def distinct_blocks(documents: Sequence[str]) -> int:
    """How many different blocks there are to share out; a hold-out needs two."""
    size = _block_size(documents)
    return len({block for document in documents for block in blocks(document, size)})


def blocks(document: str, size: int) -> list[str]:
    """`document` in pieces of about `size` characters, ended at blank lines where there are any, else at line ends.

    The pieces joined are the document; none is longer than twice `size`.
    """
    pieces: list[str] = []
    piece = ""
    for paragraph in paragraphs(document):
        for part in _parts(paragraph, size):
            piece += part
            if len(piece) >= size:
                pieces.append(piece)
                piece = ""
    return [*pieces, piece] if piece else pieces


def paragraphs(text: str) -> list[str]:
    """`text` cut after each blank line; joined, it is `text`."""
    return [part for part in re.split(r"(?<=\n\n)", text) if part]


def _parts(paragraph: str, size: int) -> Iterable[str]:
    """A paragraph over `size` cut at line ends, and a line over `size` cut where it must be."""
    if len(paragraph) <= size:
        return [paragraph]
    lines = paragraph.splitlines(keepends=True)
    return [line[start : start + size] for line in lines for start in range(0, len(line), size)]


def _block_size(documents: Sequence[str]) -> int:
    return min(_LARGEST_BLOCK, max(_SMALLEST_BLOCK, sum(map(len, documents)) // _BLOCKS))


def _held_out(all_blocks: Sequence[str], fraction: float, seed: int) -> frozenset[str]:
    """The blocks to hold out, chosen by the hash of seed and content."""
    weight: dict[str, int] = defaultdict(int)
    for block in all_blocks:
        weight[block] += len(block)
    if len(weight) < 2:
        raise ValueError("nothing can be held out: all of the text is one repeated block")
    room = fraction * sum(weight.values())
    held: set[str] = set()
    for block in sorted(weight, key=lambda block: hashlib.sha256(f"{seed}\n{block}".encode()).digest()):
        if weight[block] <= room:
            held.add(block)
            room -= weight[block]
    return frozenset(held) or frozenset({min(weight, key=lambda block: (weight[block], block))})


def _long(paragraph: str) -> str | None:
    """What makes a long paragraph the same as another; None for one too short to tell."""
    words = " ".join(paragraph.split())
    return words if len(words) >= _LONG_PARAGRAPH else None
