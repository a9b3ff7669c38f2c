"""Windows of a stream of tokens for causal language models: documents packed one after the other, without padding.

A document ends with an end of text, from which the next one is predicted: to a model that keeps them apart it is where
the next one begins. No text holds one, so that the tokens alone tell where they are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trainer_core.data.tokens import TokenArray


@dataclass(frozen=True, slots=True)
class Boundaries:
    """Which document each token of some windows is of, and where in it. Both of shape (windows, length)."""

    documents: Tensor
    """Counted from the beginning of the window."""
    positions: Tensor
    """From the document's first token, or from the window's if the document began before it."""

    def may_attend(self) -> Tensor:
        """Whether a token (row) may look at another (column): one of its own document, and not a later one.

        Shape (windows, length, length).
        """
        return (self.documents[:, :, None] == self.documents[:, None, :]).tril()


def gather(tokens: TokenArray, starts: NDArray[np.int64], length: int) -> NDArray[np.int64]:
    """The windows with the token after each, shape (windows, length + 1)."""
    return np.stack([tokens[start : start + length + 1] for start in starts]).astype(np.int64)


def boundaries(windows: Tensor, end_of_text: int) -> Boundaries:
    """Of `windows` of tokens, shape (windows, length)."""
    begins = windows == end_of_text
    places = torch.arange(windows.shape[1], device=windows.device).expand_as(windows)
    return Boundaries(begins.cumsum(1), places - (places * begins).cummax(1).values)
