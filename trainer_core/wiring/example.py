"""A batch to try a model on, and what it has to make of it."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from trainer_core.models.data import Data, TextData
from trainer_core.wiring.aliases import fields_of

_BRIEF = 5
"""Tokens that are enough to see shapes: recurrent modules are traced token by token."""


def brief(data: Data, tokens: int = _BRIEF) -> Data:
    """`data` with texts of at most so many tokens."""
    return replace(data, context=min(data.context, tokens)) if isinstance(data, TextData) else data


def a_batch(data: Data) -> dict[str, Tensor]:
    """A few examples, the least and the greatest token among them."""
    main, examples = fields_of(data).main, _examples(data)
    if isinstance(data, TextData):
        tokens = torch.linspace(0, data.vocabulary - 1, examples * data.context).long().view(examples, data.context)
        if not data.apart:
            return {main: tokens}
        return {main: tokens, "attention_mask": sees_what_was(tokens), "position_ids": places(tokens)}
    return {main: torch.rand(examples, data.channels, data.side, data.side)}


def sees_what_was(tokens: Tensor) -> Tensor:
    """The mask (batch, 1, time, time) of `tokens`, shape (batch, time), that are all of one document."""
    batch, time = tokens.shape
    return torch.ones(time, time, dtype=torch.bool, device=tokens.device).tril().expand(batch, 1, time, time)


def places(tokens: Tensor) -> Tensor:
    """Counted from 0, of the shape of `tokens`: (batch, time)."""
    return torch.arange(tokens.shape[1], device=tokens.device).expand(tokens.shape)


def brought(data: Data) -> str:
    """What a batch brings that a `forward` may not expect, as the end of a sentence; empty if nothing."""
    if isinstance(data, TextData) and data.apart:
        return " with an attention_mask of shape (batch, 1, time, time), which data.attend `document` brings"
    return ""


def logits_of_a_batch(data: Data) -> tuple[torch.Size, str]:
    """The shape of the logits that belong to `a_batch`, and what its axes are."""
    if isinstance(data, TextData):
        return torch.Size((_examples(data), data.context, data.vocabulary)), "(batch, time, vocabulary)"
    return torch.Size((_examples(data), len(data.classes))), "(batch, classes)"


def _examples(data: Data) -> int:
    """Two, or three where two could be taken for the time."""
    return 3 if isinstance(data, TextData) and data.context == 2 else 2
