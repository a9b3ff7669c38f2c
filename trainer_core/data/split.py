"""The hold-out: which text is never trained upon. Pure, and the same for the same text and seed.

Text is held out by block, a few paragraphs long, so that even a single document can be split. Real corpora repeat
themselves, and a repeated passage on both sides would make the held-out loss flatter than it is: identical blocks
go to the same side, and a long paragraph or long line that is held out is taken out of the training text wherever
else it is. Short lines (headings, one-line examples) recur in any text of a kind and may stand on both sides, even
many in a row, where no blank line makes a paragraph of them.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass
from itertools import groupby

_LARGEST_BLOCK = 3_000
_SMALLEST_BLOCK = 100
_BLOCKS = 20
"""A short text is still cut into about this many blocks."""
_LONG = 80
"""Characters of words."""
VERSION = 2
"""Grows when the same text comes to be split in another way."""


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
    seen = {key for text in sides[True] for part in (*paragraphs(text), *_lines(text, size)) if (key := _long(part))}
    kept = (_without(seen, text, size) for text in sides[False])
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
    return [paragraph] if len(paragraph) <= size else _lines(paragraph, size)


def _lines(text: str, size: int) -> list[str]:
    """`text` cut after each line, and at every `size` characters of one; joined, it is `text`."""
    lines = text.splitlines(keepends=True)
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


def _without(seen: Set[str], text: str, size: int) -> str:
    """`text` less its paragraphs and lines that are among `seen`."""
    kept = (paragraph for paragraph in paragraphs(text) if _long(paragraph) not in seen)
    return "".join(line for paragraph in kept for line in _lines(paragraph, size) if _long(line) not in seen)


def _long(part: str) -> str | None:
    """The words that make a long paragraph or line the same as another; None for one too short to tell.

    Words only: the rules of tables are long, and the same in any text.
    """
    words = " ".join(re.findall(r"\w+", part))
    return words if len(words) >= _LONG else None
