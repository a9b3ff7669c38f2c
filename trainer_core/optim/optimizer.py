"""The optimizer as the loop uses it: over fp32 weights, whatever the model computes in. Vectors are not decayed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor, nn

from trainer_core.compute.mode import Precision
from trainer_core.optim.masters import Masters, exact_weights
from trainer_core.optim.muon import Muon, hidden_matrices
from trainer_core.optim.scaling import LossScale
from trainer_core.spec import OptimizerSpec


class Optimizer:
    """AdamW, fused, over the trainable parameters of a model; with Muon for its hidden matrices, if asked for."""

    def __init__(self, model: nn.Module, spec: OptimizerSpec, precision: Precision = "fp32") -> None:
        """`precision` bf16 makes the model's parameters bf16, and keeps masters of them; fp16 scales the loss."""
        self._model = model
        self._spec = spec
        self._masters = Masters(model) if precision == "bf16" else None
        self._scaled = precision == "fp16"
        self._parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
        self._scale = LossScale()
        self.overflowed = False
        """Whether the gradients last clipped were no numbers, and a smaller scale of the loss may mend that."""
        self._parts = self._fresh_parts()

    def backward(self, loss: Tensor) -> None:
        """Add the gradient of `loss`, a scalar, to those there are."""
        scaled = loss * self._scale.value if self._scaled else loss
        scaled.backward()  # type: ignore[no-untyped-call]  # torch leaves it unannotated

    def gradients(self) -> list[Tensor]:
        """One of each parameter, in fp32, always in the same order, to be added up over processes in place.

        A parameter that no example of this process reached has zeros.
        """
        found = []
        for parameter in self._parameters:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter, dtype=torch.float32)
            found.append(parameter.grad)
        return found

    def clip(self, most: float) -> float:
        """Scale the gradients down to a norm of `most`. Returns their norm before."""
        if self._scaled:
            torch._foreach_mul_([p.grad for p in self._parameters if p.grad is not None], 1 / self._scale.value)
        norm = torch.nn.utils.clip_grad_norm_(self._parameters, most)
        self.overflowed = self._scaled and not bool(norm.isfinite()) and not self._scale.least
        if self.overflowed:
            self._scale = self._scale.after_overflow()
        return float(norm)

    def step(self, learning_rate: float) -> None:
        """Let the gradients change the weights, and forget them."""
        if self._masters:
            self._masters.take_gradients()
        for part in self._parts.values():
            for group in part.param_groups:
                group["lr"] = learning_rate
            part.step()
            part.zero_grad(set_to_none=True)
        if self._masters:
            self._masters.round()
        if self._scaled:
            self._scale = self._scale.after_step()
        self.discard()

    def discard(self) -> None:
        """Forget the gradients."""
        for parameter in self._parameters:
            parameter.grad = None

    def weights(self) -> dict[str, Tensor]:
        """All of the model's, by the names of its `state_dict`, in fp32; the live tensors."""
        return exact_weights(self._model, self._masters)

    @torch.no_grad()
    def load_weights(self, weights: Mapping[str, Tensor]) -> None:
        """Put in these; what they do not name stays. Raises ValueError if they are not of such a model."""
        here = self.weights()
        for name, weight in weights.items():
            if name not in here or here[name].shape != weight.shape:
                raise ValueError(f"{name}, shape {tuple(weight.shape)}, is not of this model")
        for name, weight in weights.items():
            here[name].copy_(weight)
        if self._masters:
            self._masters.round()

    def restart(self, weights: Mapping[str, Tensor]) -> None:
        """Begin anew, from these weights. Raises ValueError if they are not of such a model."""
        self.load_weights(weights)
        self._scale = LossScale()
        self._parts = self._fresh_parts()
        self.discard()

    def release(self) -> None:
        """Give the model its weights in fp32 back: another optimizer takes over."""
        self.discard()
        if self._masters:
            self._masters.release()

    def state(self) -> dict[str, Any]:  # Any: as torch types it
        """What `load` takes; tensors are the live ones."""
        return {**{name: part.state_dict() for name, part in self._parts.items()}, "scale": asdict(self._scale)}

    def load(self, state: dict[str, Any]) -> None:
        """Raises ValueError, KeyError or the like if it is not of such a model."""
        for name, part in self._parts.items():
            _check(part, state[name])
            part.load_state_dict(state[name])
        self._scale = LossScale(**state["scale"])

    def _fresh_parts(self) -> dict[str, torch.optim.Optimizer]:
        """Torch's optimizers, by the name in the state, each over some of the weights."""
        decay, parts = self._spec.weight_decay, dict[str, torch.optim.Optimizer]()
        hidden = hidden_matrices(self._model) if self._spec.name == "muon" else []
        if hidden:
            parts["muon"] = Muon(map(self._exact, hidden), decay)
        taken = {id(matrix) for matrix in hidden}
        others = [self._exact(parameter) for parameter in self._parameters if id(parameter) not in taken]
        groups = [
            {"params": [weight for weight in others if weight.dim() >= 2], "weight_decay": decay},
            {"params": [weight for weight in others if weight.dim() < 2], "weight_decay": 0.0},
        ]
        parts["adamw"] = torch.optim.AdamW(groups, betas=(self._spec.beta1, self._spec.beta2), fused=True)
        return parts

    def _exact(self, parameter: nn.Parameter) -> nn.Parameter:
        """The fp32 weights behind it."""
        return self._masters.of(parameter) if self._masters else parameter


def _check(part: torch.optim.Optimizer, state: Mapping[str, Any]) -> None:  # Any: as torch types it
    """Raises ValueError if the state holds a moment of another shape than its weight's: torch does not look."""
    weights = [weight for group in part.param_groups for weight in group["params"]]
    for index, moments in state["state"].items():
        shape = weights[index].shape
        if any(moment.dim() and moment.shape != shape for moment in moments.values()):
            raise ValueError(f"a moment is not of shape {tuple(shape)}, as its weight is")
