"""An exponential moving average of a run's weights: often better than the last ones, which the last steps jolted.

With the weights goes what a batch normalisation measures on the way: it is of the weights that it was measured with.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from trainer_core.optim.optimizer import Optimizer


class Average:
    """Of the weights of `model` that learn, in fp32, as `optimizer` changes them, and of its running statistics."""

    def __init__(self, model: nn.Module, optimizer: Optimizer, decay: float) -> None:
        self._model = model
        self._optimizer = optimizer
        self._decay = decay
        self.restart()

    def restart(self) -> None:
        """Begin anew, from the weights there are."""
        self._steps = 0
        self._means = {name: weight.clone() for name, weight in self._live().items()}

    @torch.no_grad()
    def update(self) -> None:
        """Take in the weights after one more step. The first ones count for little: they have learnt nothing yet."""
        self._steps += 1
        decay = min(self._decay, (1 + self._steps) / (10 + self._steps))
        live = self._live()
        torch._foreach_lerp_(list(self._means.values()), [live[name] for name in self._means], 1 - decay)

    def weights(self) -> dict[str, Tensor]:
        """All of the model's, with the averages in place of what changes; by the names of its `state_dict`."""
        shared = {weight.data_ptr(): self._means[name] for name, weight in self._live().items()}
        return {
            name: shared.get(weight.data_ptr(), weight) if weight.numel() else weight
            for name, weight in self._optimizer.weights().items()
        }

    @contextmanager
    def applied(self) -> Iterator[None]:
        """The model has the averaged weights meanwhile. It must not be trained so."""
        own = {name: tensor.data for name, tensor in self._changing()}
        for name, tensor in self._changing():
            tensor.data = self._means[name].to(tensor.dtype)
        try:
            yield
        finally:
            for name, tensor in self._changing():
                tensor.data = own[name]

    def state(self) -> dict[str, Any]:  # Any: as the optimizer's
        """What `load` takes; tensors are the live ones."""
        return {"steps": self._steps, "means": self._means}

    @torch.no_grad()
    def load(self, state: Mapping[str, Any]) -> None:
        """Raises ValueError or KeyError if it is not of such a model."""
        means = state["means"]
        if means.keys() != self._means.keys() or any(
            means[name].shape != own.shape for name, own in self._means.items()
        ):
            raise ValueError("the averaged weights are not of this model")
        for name, mean in self._means.items():
            mean.copy_(means[name])
        self._steps = int(state["steps"])

    def _changing(self) -> Iterator[tuple[str, Tensor]]:
        """The weights that learn, and the running statistics."""
        yield from ((name, p) for name, p in self._model.named_parameters() if p.requires_grad)
        for prefix, module in self._model.named_modules():
            if isinstance(module, _BatchNorm) and module.running_mean is not None and module.running_var is not None:
                yield f"{prefix}.running_mean".lstrip("."), module.running_mean
                yield f"{prefix}.running_var".lstrip("."), module.running_var

    def _live(self) -> dict[str, Tensor]:
        """What changes, the weights in fp32."""
        weights = self._optimizer.weights()
        return {name: weights[name] for name, _ in self._changing()}
