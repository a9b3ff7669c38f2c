"""What a forward pass changes by itself, as a batch normalisation does its running means: buffers that are saved."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class Buffers:
    """Those of `model` as they are now. What is not saved with the weights is left out: it is made anew anyway."""

    def __init__(self, model: nn.Module) -> None:
        self._kept = [(owner, name, buffer, buffer.clone()) for owner, name, buffer in _saved(model)]

    @torch.no_grad()
    def put_back(self) -> None:
        """Undo what became of them since, whether they were written to or replaced."""
        for owner, name, buffer, content in self._kept:
            buffer.copy_(content)
            setattr(owner, name, buffer)

    def now(self) -> list[Tensor]:
        """The ones that the model has by now, in an order that is always the same."""
        return [owner.get_buffer(name) for owner, name, *_ in self._kept]

    def sound(self) -> bool:
        """Whether none of them holds what is not a number. An infinity may be meant so, as in a mask."""
        return not any(bool(content.isnan().any()) for *_, content in self._kept)


@contextmanager
def unchanged(model: nn.Module) -> Iterator[None]:
    """Whatever forward passes the block makes, the model's buffers are as before it in the end."""
    kept = Buffers(model)
    try:
        yield
    finally:
        kept.put_back()


def _saved(model: nn.Module) -> Iterator[tuple[nn.Module, str, Tensor]]:
    for owner in model.modules():
        for name, buffer in owner.named_buffers(recurse=False):
            if name not in owner._non_persistent_buffers_set:
                yield owner, name, buffer
