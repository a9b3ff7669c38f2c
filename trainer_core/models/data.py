"""What a model is made for: the shape of what it reads and of what it answers. Needs no torch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TextData:
    """Token ids in, a logit for each token out, at every place."""

    vocabulary: int
    context: int
    """Tokens in a training sequence."""
    end_of_text: int
    apart: bool = False
    """Whether documents are kept apart: a batch then brings an `attention_mask` of shape (batch, 1, time, time), true
    where a token may look, and `position_ids`.
    """


@dataclass(frozen=True, slots=True)
class PictureData:
    """Pictures in, floats of shape (batch, channels, side, side); a logit for each class out."""

    classes: tuple[str, ...]
    channels: int
    side: int
    """Pixels, high and wide."""


Data = TextData | PictureData
