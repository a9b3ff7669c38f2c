"""A model as the loop uses it: fields in, logits or a loss out, in the run's mode."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import PreTrainedModel

from trainer_core.compute.attention import set_attention
from trainer_core.compute.device import Device
from trainer_core.compute.heads import chunked_loss, output_layer
from trainer_core.compute.mode import Mode, Precision
from trainer_core.failures import is_out_of_memory

_Fields = Mapping[str, Tensor]
_AUTOCAST: dict[Precision, torch.dtype] = {"bf16-autocast": torch.bfloat16, "fp16": torch.float16}

log = logging.getLogger(__name__)


class Network:
    """`model` in `mode` on `device`. The optimizer sees to the type of its weights."""

    def __init__(self, model: nn.Module, mode: Mode, device: Device) -> None:
        self.model = model
        self.mode = mode
        self.device = device
        self.not_compiled = ""
        """Why not, where the mode says that it is; known once it has been tried."""
        set_attention(model, mode.attention)
        self._head = output_layer(model) if mode.head == "chunked" else None
        self._nats: Callable[[_Fields, Tensor], Tensor] = self._nats_as_written
        if mode.compiled:
            self._nats = torch.compile(self._nats_as_written, dynamic=False)

    def logits(self, inputs: _Fields) -> Tensor:
        """Shape (batch, time, vocabulary), or (batch, classes). `inputs` may lie on the CPU."""
        return self._output(self._moved(inputs))

    def losses(self, inputs: _Fields, targets: Tensor) -> Tensor:
        """Nats of each target, in fp32, shape (targets,)."""
        logits = self.logits(inputs)
        flat = targets.to(logits.device, non_blocking=True).flatten()
        return functional.cross_entropy(logits.reshape(len(flat), -1).float(), flat, reduction="none")

    def loss(self, inputs: _Fields, targets: Tensor) -> Tensor:
        """Sum of the nats of all targets, in fp32, to go back from."""
        moved, flat = self._moved(inputs), targets.to(self.device.kind, non_blocking=True).flatten()
        try:
            return self._nats(moved, flat)
        except Exception as error:
            if self._nats == self._nats_as_written or is_out_of_memory(error):
                raise
            self.not_compiled = f"torch.compile cannot make kernels for it ({type(error).__name__})"
            log.warning("the model is not compiled", exc_info=True)
            self._nats = self._nats_as_written
            return self._nats(moved, flat)

    def _nats_as_written(self, inputs: _Fields, targets: Tensor) -> Tensor:
        if self._head is None:
            logits = self._output(inputs)
            return functional.cross_entropy(logits.reshape(len(targets), -1).float(), targets, reduction="sum")
        with self._autocast():
            hidden = self.model.base_model(**inputs, use_cache=False).last_hidden_state  # type: ignore[operator]  # a module
        dtype = torch.float32 if self.mode.precision == "fp32" else torch.bfloat16
        return chunked_loss(hidden.flatten(0, 1), self._head.weight, targets, dtype)

    def _output(self, inputs: _Fields) -> Tensor:
        with self._autocast():
            output = self.model(**inputs, **({"use_cache": False} if isinstance(self.model, PreTrainedModel) else {}))
        logits = output if isinstance(output, Tensor) else output.logits
        assert isinstance(logits, Tensor), "the families' models and wired modules return logits"
        return logits

    def _autocast(self) -> torch.autocast:
        dtype = _AUTOCAST.get(self.mode.precision)
        return torch.autocast(self.device.kind, dtype=dtype or torch.bfloat16, enabled=dtype is not None)

    def _moved(self, inputs: _Fields) -> _Fields:
        """On the device, numbers with a point in the type of the weights."""
        moved = {name: field.to(self.device.kind, non_blocking=True) for name, field in inputs.items()}
        if self.mode.precision != "bf16":
            return moved
        return {name: field.bfloat16() if field.is_floating_point() else field for name, field in moved.items()}
