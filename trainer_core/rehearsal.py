"""Some steps on one small batch, taken on a copy of a training: what is reached by gradients, and whether it learns."""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass, replace

import torch
from torch import nn

from trainer_core.compute.network import Network
from trainer_core.distributed.group import ALONE
from trainer_core.objectives.objective import Batch
from trainer_core.optim.optimizer import Optimizer
from trainer_core.training import Training

_STEPS = 4
"""On one small batch, which is enough for every parameter to be reached and for the loss to fall."""
_NUMBER = re.compile(r"\.\d+\.")
"""In a parameter's name: which of several parts that are alike it belongs to."""


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """Some steps on one small batch, on a copy."""

    copy: Training
    rate: float
    losses: tuple[float, ...]
    """Before each step, and after the last."""
    dead: frozenset[str]
    """Trainable parameters that no gradient reached in any step."""
    broken: str
    """A parameter whose gradient was no number at the first step; empty if there was none."""

    @property
    def unreached(self) -> frozenset[str]:
        """Dead ones that have a twin which is not, as experts do that none of the few examples were sent to."""
        alive = {
            _NUMBER.sub(".*.", name) for name, parameter in self.copy.model.named_parameters() if name not in self.dead
        }
        return frozenset(name for name in self.dead if (kind := _NUMBER.sub(".*.", name)) != name and kind in alive)

    @property
    def has_learnt(self) -> bool:
        return self.losses[-1] < self.losses[0]


def rehearsed(training: Training, batch: Batch, rate: float) -> Rehearsal:
    """Take some steps on `batch`, up to the learning rate `rate`, and see what comes of it, on a copy of `training`."""
    model, mode = copy.deepcopy(training.model), training.mode
    own = replace(
        training,
        model=model,
        network=Network(model, mode, training.device),
        optimizer=Optimizer(model, training.spec.optimizer, mode.precision),
        average=None,
        group=ALONE,
    )
    losses, broken = [], ""
    dead = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    for step in range(_STEPS):
        torch.manual_seed(training.spec.seed)  # the same dropout each time, so that the losses compare
        loss = own.network.loss(batch.inputs, batch.targets) / batch.targets.numel()
        own.optimizer.backward(loss)
        losses.append(float(loss.detach()))
        dead -= {name for name in dead if _is_reached(model.get_parameter(name))}
        broken = broken or ("" if step else _broken(model))
        own.clip()
        own.step(rate * (step + 1) / _STEPS)
    torch.manual_seed(training.spec.seed)
    with torch.inference_mode():
        losses.append(float(own.network.losses(batch.inputs, batch.targets).mean()))
    return Rehearsal(own, rate, tuple(losses), frozenset(dead), broken)


def _is_reached(parameter: nn.Parameter) -> bool:
    return parameter.grad is not None and bool(parameter.grad.any())


def _broken(model: nn.Module) -> str:
    return next(
        (
            name
            for name, parameter in model.named_parameters()
            if parameter.grad is not None and not bool(parameter.grad.isfinite().all())
        ),
        "",
    )
