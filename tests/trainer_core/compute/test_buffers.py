"""What forward passes change can be undone."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from trainer_core.compute.buffers import Buffers, unchanged


class Remembering(nn.Module):
    seen: Tensor
    passes: Tensor
    mask: Tensor
    scratch: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(3)
        self.register_buffer("seen", torch.zeros(3))
        self.register_buffer("passes", torch.zeros((), dtype=torch.long))
        self.register_buffer("mask", torch.full((2, 2), -math.inf).triu(1))
        self.register_buffer("scratch", torch.zeros(1), persistent=False)

    def forward(self, inputs: Tensor) -> Tensor:
        self.seen += inputs.detach().sum(0)
        self.passes = self.passes + 1
        self.scratch = inputs.detach()
        return self.norm(inputs)  # type: ignore[no-any-return]  # torch leaves calls of modules unannotated


def state(model: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def test_what_was_written_to_or_replaced_is_as_before() -> None:
    model, inputs = Remembering(), torch.ones(4, 3)
    before, passes = state(model), model.passes
    with unchanged(model), torch.inference_mode():
        model(inputs)
        assert [int(buffer) for buffer in Buffers(model).now() if buffer.shape == ()] == [1, 1]
    assert model.passes is passes
    assert len(model.scratch) == 4, "nothing of it is saved"
    assert all(torch.equal(before[name], tensor) for name, tensor in state(model).items())
    model(inputs)
    assert int(model.passes) == 1


def test_only_what_is_not_a_number_is_unsound() -> None:
    model = Remembering()
    sound = Buffers(model)
    model(torch.full((4, 3), math.nan))
    assert sound.sound() and not Buffers(model).sound()
    sound.put_back()
    assert Buffers(model).sound()
