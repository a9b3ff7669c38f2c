"""How long the documents of a data set are, as what its picture is drawn from. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import zip_longest
from typing import ClassVar

from trainer_core.data.card import Lengths

BARS = 40
"""More bars than this cannot be told apart on a phone."""


@dataclass(frozen=True, slots=True)
class Histogram:
    """Everything the picture of a distribution is drawn from."""

    filename: ClassVar = "lengths.png"

    title: str
    edges: tuple[int, ...]
    """Ascending, in characters; bar i goes from edge i to edge i + 1."""
    counts: tuple[int, ...]
    """Documents in each bar: one fewer than edges."""
    median: int


def histogram(title: str, lengths: Lengths) -> Histogram | None:
    """What to draw of `lengths`; None if there is nothing to compare: a single document, or all of one length."""
    if sum(lengths.counts) < 2 or lengths.shortest == lengths.longest:
        return None
    edges, counts = _trimmed(lengths.edges, lengths.counts)
    while len(counts) > BARS:
        edges, counts = _halved(edges, counts)
    return Histogram(title, edges, counts, lengths.median)


def _trimmed(edges: tuple[int, ...], counts: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Without the empty bars at both ends."""
    filled = [index for index, count in enumerate(counts) if count]
    first, end = filled[0], filled[-1] + 1
    return edges[first : end + 1], counts[first:end]


def _halved(edges: tuple[int, ...], counts: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Neighbours joined, two and two; the last of an odd number stays alone."""
    pairs = zip_longest(counts[::2], counts[1::2], fillvalue=0)
    return (*edges[:-1:2], edges[-1]), tuple(map(sum, pairs))
