"""How fast this machine multiplies matrices, and how much of that a model asks for."""

from __future__ import annotations

import copy
import time
from itertools import chain

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from trainer_core.compute.device import Kind
from trainer_core.compute.mode import Precision
from trainer_core.objectives.objective import Fields

_TYPES: dict[Precision, torch.dtype] = {
    "fp32": torch.float32,
    "bf16": torch.bfloat16,
    "bf16-autocast": torch.bfloat16,
    "fp16": torch.float16,
}
_SMALLEST, _LARGEST = 256, 8192
_LONG_ENOUGH = 0.002
"""Seconds of a product in which starting it does not count."""
_TRIES = 4
"""At least, of each size: others may have had the machine for a moment."""


@torch.inference_mode()
def matmul_peak(kind: Kind, precision: Precision, seconds: float) -> float:
    """FLOP/s of a product of square matrices: the best of as many as fit in about `seconds`, and of some at least.

    Raises torch's errors if there is no memory for them.
    """
    size = _SMALLEST
    while True:
        matrix = torch.ones(size, size, dtype=_TYPES[precision], device=kind)
        best = min(_timed(matrix) for _ in range(_TRIES))
        if best >= _LONG_ENOUGH or size == _LARGEST:
            break
        size *= 2
    deadline = time.perf_counter() + seconds
    while time.perf_counter() < deadline:
        best = min(best, _timed(matrix))
    return 2 * size**3 / best


def _timed(matrix: torch.Tensor) -> float:
    started = time.perf_counter()
    product = matrix @ matrix
    product[0, 0].item()  # once it is known, it is done
    return time.perf_counter() - started


def flops(model: nn.Module, inputs: Fields) -> int | None:
    """Of the products and convolutions in a forward and backward pass over `inputs`; nothing is computed.

    As is customary, what a causal mask leaves out is counted. None if the model's course depends on its data, if there
    cannot be two of it, or if it has no such operation.
    """
    dtype = next(model.parameters()).dtype
    fields = {
        name: field.to("meta", dtype if field.is_floating_point() else field.dtype) for name, field in inputs.items()
    }
    try:
        shape = _shape_of(model)
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            shape(**fields)
    except Exception:  # whatever a module does with tensors that have no content
        return None
    # A backward pass multiplies as much again for the gradients of the inputs, and for those of the weights that learn.
    sizes = [(parameter.numel(), parameter.requires_grad) for parameter in model.parameters()]
    learning = sum(size for size, learns in sizes if learns) / sum(size for size, _ in sizes)
    return round((2 + learning) * counter.get_total_flops()) or None


def _shape_of(model: nn.Module) -> nn.Module:
    """A copy whose tensors have no content, to be thrown away: a forward pass may leave some of its own in a module."""
    own = chain(
        model.parameters(), model.buffers(), (held for module in model.modules() for held in vars(module).values())
    )
    return copy.deepcopy(model, {id(held): _without_content(held) for held in own if isinstance(held, Tensor)})


def _without_content(tensor: Tensor) -> Tensor:
    shape = tensor.detach().to("meta")
    return nn.Parameter(shape, tensor.requires_grad) if isinstance(tensor, nn.Parameter) else shape
