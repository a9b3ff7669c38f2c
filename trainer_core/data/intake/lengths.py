"""How long the documents of a data set are. Pure."""

from __future__ import annotations

from array import array

import numpy as np

from trainer_core.data.card import Lengths

BINS = 20


def distribution(lengths: array[int]) -> Lengths:
    """Of the documents' lengths in characters (one at least), in bins that grow with the length."""
    values = np.asarray(lengths)
    shortest, longest = int(values.min()), int(values.max())
    edges = np.unique(np.geomspace(max(1, shortest), longest + 1, BINS + 1).round().astype(np.int64))
    edges[0], edges[-1] = shortest, longest + 1
    counts, _ = np.histogram(values, edges)
    return Lengths(
        edges=tuple(edges.tolist()),
        counts=tuple(counts.tolist()),
        shortest=shortest,
        median=int(np.median(values)),
        longest=longest,
    )
