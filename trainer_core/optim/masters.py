"""The weights of a model in fp32, while it computes with copies of them in bf16.

A step of training often changes a weight by less than bf16 tells apart; added up in fp32, such changes are not lost.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Masters:
    """Of all parameters in fp32. The model's own become bf16, and gather their gradients in fp32; buffers stay."""

    def __init__(self, model: nn.Module) -> None:
        self._of: dict[nn.Parameter, nn.Parameter] = {}
        for parameter in model.parameters():
            if parameter.dtype is torch.float32:
                self._of[parameter] = nn.Parameter(parameter.detach(), requires_grad=parameter.requires_grad)
                parameter.grad = None
                parameter.data = parameter.detach().bfloat16()
                parameter.grad_dtype = torch.float32

    def of(self, parameter: nn.Parameter) -> nn.Parameter:
        """The fp32 weights that `parameter` is a copy of; itself if it is none."""
        return self._of.get(parameter, parameter)

    def take_gradients(self) -> None:
        """Have those that the model's parameters have gathered."""
        for parameter, master in self._of.items():
            master.grad = parameter.grad

    @torch.no_grad()
    def round(self) -> None:
        """Make the model's parameters what these are now."""
        torch._foreach_copy_(list(self._of), list(self._of.values()))

    def release(self) -> None:
        """Give the model its weights in fp32 back."""
        for parameter, master in self._of.items():
            parameter.grad = None
            parameter.data = master.detach()
        self._of.clear()


def exact_weights(model: nn.Module, masters: Masters | None) -> dict[str, Tensor]:
    """By the names of the model's `state_dict`, in fp32 where there are `masters`; the live tensors."""
    weights: dict[str, Tensor] = model.state_dict()
    if masters:
        for name, parameter in model.named_parameters(remove_duplicate=False):
            weights[name] = masters.of(parameter).detach()
    return weights
