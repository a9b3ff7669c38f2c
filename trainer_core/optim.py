"""The optimizer as the loop uses it. Vectors (biases, norms) are not decayed."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from trainer_core.spec import OptimizerSpec


class Optimizer:
    """AdamW, fused, over the trainable parameters of a model."""

    def __init__(self, model: nn.Module, spec: OptimizerSpec) -> None:
        self._parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
        groups = [
            {"params": [p for p in self._parameters if p.dim() >= 2], "weight_decay": spec.weight_decay},
            {"params": [p for p in self._parameters if p.dim() < 2], "weight_decay": 0.0},
        ]
        self._adamw = torch.optim.AdamW(groups, betas=(spec.beta1, spec.beta2), fused=True)

    def backward(self, loss: Tensor) -> None:
        """Add the gradient of `loss`, a scalar, to those there are."""
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it unannotated

    def gradients(self) -> list[Tensor]:
        """One of each parameter, always in the same order, to be added up over processes in place.

        A parameter that no example of this process reached has zeros.
        """
        found = []
        for parameter in self._parameters:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
            found.append(parameter.grad)
        return found

    def clip(self, most: float) -> float:
        """Scale the gradients down to a norm of `most`. Returns their norm before."""
        return float(torch.nn.utils.clip_grad_norm_(self._parameters, most))

    def step(self, learning_rate: float) -> None:
        """Let the gradients change the weights, and forget them."""
        for group in self._adamw.param_groups:
            group["lr"] = learning_rate
        self._adamw.step()
        self.discard()

    def discard(self) -> None:
        """Forget the gradients."""
        self._adamw.zero_grad(set_to_none=True)

    def state(self) -> dict[str, Any]:  # Any: as torch types it
        """What `load` takes; tensors are the live ones."""
        return self._adamw.state_dict()

    def load(self, state: dict[str, Any]) -> None:
        """Raises ValueError, KeyError or the like if it is not of such a model."""
        self._adamw.load_state_dict(state)
