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
        tokens = torch.linspace(0, data.vocabulary - 1, examples * data.context).long()
        return {main: tokens.view(examples, data.context)}
    return {main: torch.rand(examples, data.channels, data.side, data.side)}


def logits_of_a_batch(data: Data) -> tuple[torch.Size, str]:
    """The shape of the logits that belong to `a_batch`, and what its axes are."""
    if isinstance(data, TextData):
        return torch.Size((_examples(data), data.context, data.vocabulary)), "(batch, time, vocabulary)"
    return torch.Size((_examples(data), len(data.classes))), "(batch, classes)"


def _examples(data: Data) -> int:
    """Two, or three where two could be taken for the time."""
    return 3 if isinstance(data, TextData) and data.context == 2 else 2
