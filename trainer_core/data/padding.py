"""Texts of different lengths in one batch, filled up on the right: how classifiers read.

No run trains a classifier yet: this is for those to come.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainer_core.data.tokens import TokenArray


@dataclass(frozen=True, slots=True)
class Padded:
    """Texts as rows of equal length. Both of shape (texts, length)."""

    ids: NDArray[np.int64]
    mask: NDArray[np.bool_]
    """True for what is text, False for what only fills up."""


def pad(texts: Sequence[TokenArray], padding: int, longest: int, multiple: int = 8) -> Padded:
    """The first `longest` tokens of each text, filled up with `padding` to the length of the longest of them.

    That length is rounded up to a `multiple`, so that fewer different shapes come up, but not beyond `longest`.
    """
    lengths = np.asarray([min(len(text), longest) for text in texts], np.int64)
    length = min(longest, -(-int(lengths.max(initial=0)) // multiple) * multiple)
    mask = np.arange(length) < lengths[:, None]
    ids = np.full(mask.shape, padding, np.int64)
    if len(texts):
        ids[mask] = np.concatenate([text[:longest] for text in texts])
    return Padded(ids, mask)
