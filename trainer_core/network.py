"""A model as the loop uses it: fields in, logits or a loss out, in the run's mode."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from trainer_core.device import Device
from trainer_core.mode import Mode


class Network:
    """`model` in `mode` on `device`."""

    def __init__(self, model: nn.Module, mode: Mode, device: Device) -> None:
        self.model = model
        self.mode = mode
        self.device = device

    def logits(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """Shape (batch, time, vocabulary), or (batch, classes). `inputs` may lie on the CPU."""
        moved = {name: field.to(self.device.kind, non_blocking=True) for name, field in inputs.items()}
        with torch.autocast(self.device.kind, dtype=torch.bfloat16, enabled=self.mode.precision == "bf16-autocast"):
            output = self.model(**moved)
        logits = output if isinstance(output, Tensor) else output.logits
        assert isinstance(logits, Tensor), "the families' models and wired modules return logits"
        return logits

    def losses(self, inputs: Mapping[str, Tensor], targets: Tensor) -> Tensor:
        """Nats of each target, in fp32, shape (targets,)."""
        logits = self.logits(inputs)
        flat = targets.to(logits.device, non_blocking=True).flatten()
        return functional.cross_entropy(logits.reshape(len(flat), -1).float(), flat, reduction="none")

    def loss(self, inputs: Mapping[str, Tensor], targets: Tensor) -> Tensor:
        """Sum of the nats of all targets, in fp32, to go back from."""
        return self.losses(inputs, targets).sum()
