"""How much memory a forward pass takes, and how much there is."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import psutil
import torch
from torch import Tensor

from trainer_core.compute.buffers import unchanged
from trainer_core.compute.candidates import fitting
from trainer_core.compute.device import Kind
from trainer_core.models.code import blamed
from trainer_core.models.specs import ModuleSpec
from trainer_core.training import Training

_CGROUP = Path("/sys/fs/cgroup")
"""Of a container: its own limits are where it sees the root of all. Elsewhere there are none in it."""
_SURPLUS = 1.5
"""What a pass takes at its peak, as a multiple of what it keeps for going back."""
_PER_WEIGHT = 4 + 8
"""Bytes of a gradient, and of the two moments, which are not there yet before step 1."""


def bytes_per_example(training: Training) -> int:
    """That a forward pass keeps of one example for going back, and what comes on top. Nothing of `training` changes."""
    kept: dict[int, int] = {}
    weights = {weight.data_ptr() for weight in training.model.parameters()}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if tensor.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    examples = a_few(training)
    batch = training.objective.batch(training.state.cursor, examples)
    with unchanged(training.model), torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        loss = training.network.loss(batch.inputs, batch.targets)
    del loss
    return int(_SURPLUS * sum(kept.values()) / examples)


def a_few(training: Training) -> int:
    """Examples that show how a forward pass goes: one of text, else two, where it has two.

    A batch normalisation learns from no less, and any module of somebody's own may have one.
    """
    alone = training.objective.unit == "tokens" and not isinstance(training.spec.model, ModuleSpec)
    return min(1 if alone else 2, training.batching.micro_batch)


def tried(training: Training) -> AbstractContextManager[None]:
    """What a module of somebody's own raises in the block is told with the line of its file."""
    model = training.spec.model
    return blamed(model.file, "its first steps are tried") if isinstance(model, ModuleSpec) else nullcontext()


def micro_batch_that_fits(training: Training, each: int) -> int:
    """The largest up to the planned one, where an example takes `each` bytes."""
    fixed, room = _PER_WEIGHT * training.parameters, available(training.device.kind)
    if training.device.kind == "cpu":
        room //= training.spec.compute.workers  # processes that share a step share its memory, too
    return fitting(training.batching.micro_batch, each, fixed, room)


def available(kind: Kind) -> int:
    """Bytes that this process could still take."""
    if kind == "cuda":
        free, _ = torch.cuda.mem_get_info()
        return free + torch.cuda.memory_reserved() - torch.cuda.memory_allocated()
    of_machine: int = psutil.virtual_memory().available
    try:
        limit, taken = (int((_CGROUP / name).read_text()) for name in ("memory.max", "memory.current"))
    except (OSError, ValueError):
        return of_machine
    return min(of_machine, max(0, limit - taken))
