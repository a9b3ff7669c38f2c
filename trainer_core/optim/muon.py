"""Muon: momentum, orthogonalised, for the hidden matrices of a model (Jordan et al. 2024, Liu et al. 2025).

Torch's own multiplies in bf16 wherever it runs; on a CPU without bf16 units that is thirty times slower than fp32.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Of the quintic that brings singular values near 1 fastest."""
_ITERATIONS = 5
_SAME_SIZE = 0.2
"""Root mean square of an update of AdamW's: so that one learning rate suits both."""


class Muon(torch.optim.Optimizer):
    """Over matrices, with Nesterov momentum and weight decay as AdamW has it."""

    def __init__(self, matrices: Iterable[nn.Parameter], weight_decay: float, momentum: float = 0.95) -> None:
        super().__init__(matrices, {"lr": 0.0, "weight_decay": weight_decay, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]  # nobody here steps by a closure
        for group in self.param_groups:
            for matrix in group["params"]:
                if matrix.grad is not None:
                    self._step(matrix, group["lr"], group["weight_decay"], group["momentum"])

    def _step(self, matrix: Tensor, rate: float, weight_decay: float, momentum: float) -> None:
        state: dict[str, Any] = self.state[matrix]  # Any: as torch types it
        if not state:
            state["momentum"] = torch.zeros_like(matrix)
        mean: Tensor = state["momentum"].lerp_(matrix.grad, 1 - momentum)
        update = orthogonal(matrix.grad.lerp(mean, momentum))  # type: ignore[union-attr]  # `step` has looked
        matrix.mul_(1 - rate * weight_decay)
        matrix.add_(update, alpha=-rate * _SAME_SIZE * math.sqrt(max(matrix.shape)))


def orthogonal(matrix: Tensor) -> Tensor:
    """Nearly U V' of its decomposition U S V', with singular values of about 0.7 to 1.2; by products alone."""
    a, b, c = _COEFFICIENTS
    x = matrix.bfloat16() if matrix.is_cuda else matrix
    if tall := x.shape[0] > x.shape[1]:
        x = x.T
    x = x / x.norm().clamp(min=1e-7)
    for _ in range(_ITERATIONS):
        square = x @ x.T
        x = torch.addmm(x, torch.addmm(square, square, square, beta=b, alpha=c), x, beta=a)
    return (x.T if tall else x).to(matrix.dtype)


def hidden_matrices(model: nn.Module) -> list[nn.Parameter]:
    """What learns and has two dimensions, without embeddings and the output layer: theirs are rows of their own."""
    apart = {id(parameter) for module in _ends(model) for parameter in module.parameters()}
    return [
        parameter
        for parameter in model.parameters()
        if parameter.requires_grad and parameter.dim() == 2 and id(parameter) not in apart
    ]


def _ends(model: nn.Module) -> Iterator[nn.Module]:
    output: nn.Module | None = None
    if isinstance(model, PreTrainedModel):
        output = model.get_output_embeddings()  # type: ignore[no-untyped-call]  # unannotated in transformers
    linear: nn.Module | None = None
    for module in model.modules():
        if isinstance(module, nn.Embedding):
            yield module
        elif isinstance(module, nn.Linear):
            linear = module
    if (last := output or linear) is not None:
        yield last
