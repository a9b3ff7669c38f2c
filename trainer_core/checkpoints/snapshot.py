"""What a checkpoint holds, as it was at a step's edge: the weights, the optimizer, and where the run was.

`model.safetensors` (or `adapter.safetensors`) and `config.json`, which open without Spotter; `optim.pt`, what only
training needs; `state.json`; `sums.json`, the SHA-256 of each of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, ValidationError
from torch import Tensor, nn

from trainer_core.compute.mode import Mode
from trainer_core.faults import reach
from trainer_core.files import disk
from trainer_core.files.sums import write_sums
from trainer_core.models.files import save_weights
from trainer_core.models.lora import adapted, adapters
from trainer_core.models.origin import Origin
from trainer_core.state import LoopState
from trainer_core.tokenizing import Chosen
from trainer_core.training import Training

STATE, OPTIMIZER = "state.json", "optim.pt"


class Record(BaseModel):
    """What `state.json` holds: where the run was, and what was decided for it once and for all."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    version: Literal[2] = 2
    loop: LoopState
    evaluated: bool = False
    """Whether `loop.last` is of these very weights."""
    mode: Mode
    micro_batch: int
    """By now: `loop.steering` tells whether memory ran out on the way."""
    tokenizer: Chosen | None = None
    origin: Origin | None = None
    """None in checkpoints that were written before there was one."""


def record_in(checkpoint: Path) -> Record | None:
    """Where the run was and what was decided for it; None if it cannot be read. `restore` tells what is wrong then."""
    try:
        return Record.model_validate_json((checkpoint / STATE).read_bytes())
    except (OSError, ValidationError):
        return None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that goes into a checkpoint."""

    model: nn.Module
    """What its weights are weights of; its own have gone on."""
    weights: Mapping[str, Tensor]
    """In fp32, by the names of the model's `state_dict`; only the adapters, where only those learn."""
    moments: Mapping[str, Any]  # Any: as torch types an optimizer's state
    """What else changes from step to step."""
    record: Record

    @property
    def bytes(self) -> int:
        """That its tensors take."""
        each = {_identity(tensor): tensor.nbytes for tensor in tensors((self.weights, self.moments))}
        return sum(each.values())

    def copied(self) -> Snapshot:
        """The same in memory of its own, which training does not change."""
        copies: dict[tuple[object, ...], Tensor] = {}
        return replace(self, weights=_copy(self.weights, copies), moments=_copy(self.moments, copies))

    @disk.unwrapped()
    def write(self, folder: Path) -> None:
        """Put the files of a checkpoint into `folder`. Raises OSError."""
        save_weights(self.model, folder, self.weights)
        reach("checkpoint.model")
        with (folder / OPTIMIZER).open("wb") as file:  # by path, torch would not tell a full disk from anything else
            torch.save(self.moments, file)
        reach("checkpoint.optimizer")
        (folder / STATE).write_text(self.record.model_dump_json(), encoding="utf-8")
        reach("checkpoint.state")
        write_sums(folder)
        reach("checkpoint.sums")


def snapshot(training: Training, *, evaluated: bool = False) -> Snapshot:
    """Of `training` as it is now; its tensors are the live ones. `evaluated`: the last evaluation was of this."""
    model, weights = training.model, training.optimizer.weights()
    return Snapshot(
        model=model,
        weights=adapters(model, weights) if adapted(model) else weights,
        moments=training.moments(),
        record=Record(
            loop=training.state,
            evaluated=evaluated,
            mode=training.mode,
            micro_batch=training.batching.micro_batch,
            tokenizer=training.objective.chosen,
            origin=training.origin,
        ),
    )


def tensors(value: object) -> Iterator[Tensor]:
    """Those in a tree of mappings and lists, in order."""
    match value:
        case Tensor():
            yield value
        case Mapping():
            yield from tensors(list(value.values()))
        case list() | tuple():
            for part in value:
                yield from tensors(part)


def _identity(tensor: Tensor) -> tuple[object, ...]:
    """Equal for tensors that are one under several names, as tied weights are."""
    return tensor.device, tensor.data_ptr(), tensor.shape, tensor.stride(), tensor.dtype


def _copy(value: Any, copies: dict[tuple[object, ...], Tensor]) -> Any:  # Any: a tree of whatever torch puts in
    """The tree with its tensors copied into main memory, each once."""
    match value:
        case Tensor():
            identity = _identity(value)
            if identity not in copies or not value.numel():
                copies[identity] = value.detach().to("cpu", copy=True)
            return copies[identity]
        case Mapping():
            return {name: _copy(part, copies) for name, part in value.items()}
        case list() | tuple():
            return type(value)(_copy(part, copies) for part in value)
        case _:
            return value
