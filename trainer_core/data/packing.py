"""Windows of a stream of tokens for causal language models: documents packed one after the other, without padding.

Where one document ends and the next begins follows from `docs.idx`, for models that keep them apart.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainer_core.data.tokens import TokenArray


@dataclass(frozen=True, slots=True)
class Boundaries:
    """Which document each token of some windows is of, and where in it. Both of shape (windows, length)."""

    documents: NDArray[np.int64]
    positions: NDArray[np.int64]
    """From the document's first token, or from the window's if the document began before it."""

    def may_attend(self) -> NDArray[np.bool_]:
        """Whether a token (row) may look at another (column): one of its own document, and not a later one.

        Shape (windows, length, length).
        """
        length = self.documents.shape[1]
        same = self.documents[:, :, None] == self.documents[:, None, :]
        return np.asarray(same & np.tri(length, dtype=np.bool_))


def gather(tokens: TokenArray, starts: NDArray[np.int64], length: int) -> NDArray[np.int64]:
    """The windows with the token after each, shape (windows, length + 1)."""
    return np.stack([tokens[start : start + length + 1] for start in starts]).astype(np.int64)


def boundaries(offsets: NDArray[np.uint64], starts: NDArray[np.int64], length: int) -> Boundaries:
    """Of the windows of `length` tokens that begin at `starts`.

    `offsets` are where each document starts in the stream, and where the last one ends, shape (documents + 1,).
    """
    places = starts[:, None] + np.arange(length)
    documents = np.searchsorted(offsets, places.astype(np.uint64), side="right") - 1
    begins = np.maximum(offsets[documents].astype(np.int64), starts[:, None])
    return Boundaries(documents, places - begins)
