"""What is being trained: the parts that the loop, the preflight and the checkpoints share."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from trainer_core.compute.buffers import Buffers
from trainer_core.compute.device import Device
from trainer_core.compute.mode import Mode
from trainer_core.compute.network import Network
from trainer_core.distributed.group import ALONE, Group
from trainer_core.failures import is_out_of_memory
from trainer_core.models.origin import Origin
from trainer_core.objectives.objective import Batch, Objective
from trainer_core.optim.averaging import Average
from trainer_core.optim.optimizer import Optimizer
from trainer_core.plan import Batching
from trainer_core.spec import RunSpec
from trainer_core.state import LoopState


@dataclass(slots=True)
class Training:
    """A run in the making; `state`, the weights and the optimizer change from step to step."""

    spec: RunSpec
    device: Device
    mode: Mode
    model: nn.Module
    network: Network
    optimizer: Optimizer
    objective: Objective
    batching: Batching
    peak_learning_rate: float
    state: LoopState
    fresh: Callable[[], nn.Module]
    """Makes the model anew, on the CPU, with the weights it had before step 1."""
    origin: Origin
    """What else the model is made from than its spec."""
    average: Average | None = None
    """Of the weights, if the run keeps one: that is what is evaluated and exported then."""
    group: Group = ALONE
    """The processes that share each step."""
    waited: float = 0.0
    """Seconds in which the device had nothing to do because a batch was not ready."""
    _before: Buffers | None = field(default=None, init=False)
    """What forward passes change, as it was before the step that is under way."""

    @property
    def parameters(self) -> int:
        """Number of trainable numbers."""
        return sum(parameter.numel() for parameter in self.model.parameters() if parameter.requires_grad)

    def forward_backward(self, cursor: int, examples: int) -> float:
        """Add the gradient of the mean loss over the `examples` after `cursor`. Returns that loss, in nats.

        Each micro-batch is weighed by its share of the targets of the whole step, so that how the step is cut does not
        change what is learnt. Random numbers (dropout) are fixed by the seed and the cursor. Raises MemoryError or
        torch's errors if a process of the group runs out of memory; then its gradients are incomplete.
        """
        micro_batch = self.batching.micro_batch
        self.group.tell("forward_backward", cursor, examples, micro_batch)
        self._before = self._before or Buffers(self.model)
        total = torch.zeros((), device=self.device.kind)
        try:
            for done in range(self.group.rank * micro_batch, examples, self.group.size * micro_batch):
                torch.manual_seed(_mixed(self.spec.seed, cursor + done))
                batch = self._batch(cursor + done, min(micro_batch, examples - done))
                loss = self.network.loss(batch.inputs, batch.targets) / (examples * self.batching.length)
                self.optimizer.backward(loss)
                total += loss.detach()
            own = float(total)
        except (MemoryError, RuntimeError) as error:
            if is_out_of_memory(error):
                self.group.lost()
            raise
        return self.group.add_up(own, self.optimizer.gradients)

    def clip(self) -> float:
        """Bound the norm of the gradients. Returns the norm before."""
        self.group.tell("clip")
        return self.optimizer.clip(self.spec.optimizer.clip_norm)

    def step(self, learning_rate: float) -> None:
        """Let the gradients change the weights. What forward passes change becomes what it is at rank 0."""
        self.group.tell("step", learning_rate)
        self.optimizer.step(learning_rate)
        if self._before:
            self.group.hand_out(self._before.now())
            self._before = None
        if self.average:
            self.average.update()

    def discard(self) -> None:
        """Forget the gradients, and what forward passes changed: nothing is left of the step."""
        self.group.tell("discard")
        self.optimizer.discard()
        if self._before:
            self._before.put_back()
            self._before = None

    def sound(self) -> bool:
        """Whether the weights, and what forward passes change, were numbers before the step that is under way."""
        return all(bool(weights.isfinite().all()) for weights in self.model.parameters()) and (
            self._before is None or self._before.sound()
        )

    def synchronize(self) -> None:
        """Weights and optimizer of rank 0 become those of all: whenever something but the verbs above changed them."""
        self.group.tell("synchronize")
        weights = {weight.data_ptr(): weight for weight in self.optimizer.weights().values()}
        self.group.hand_out([*weights.values(), *self.model.buffers()])
        state = self.group.hand_out_state(self.optimizer.state())
        if self.group.rank:
            self.optimizer.load_weights(self.optimizer.weights())  # what the model computes with follows them
            self.optimizer.load(state)  # an average is rank 0's alone

    def compute_in(self, mode: Mode) -> None:
        """From now on. What the optimizer remembers is forgotten: to be called before the first step, or a restore."""
        self.optimizer.release()
        self.mode = mode
        self.network = Network(self.model, mode, self.device)
        self.optimizer = Optimizer(self.model, self.spec.optimizer, mode.precision)
        if self.spec.optimizer.average is not None:
            self.average = Average(self.model, self.optimizer, self.spec.optimizer.average)

    def restart(self) -> None:
        """Back to before step 1, in the same mode; `state` is for the caller to set."""
        self.optimizer.restart(self.fresh().state_dict())
        if self.average:
            self.average.restart()

    def averaged(self) -> AbstractContextManager[None]:
        """The model has the averaged weights meanwhile, if there are any: to evaluate it."""
        return self.average.applied() if self.average else nullcontext()

    def learnt(self) -> Mapping[str, Tensor]:
        """The weights to export, in fp32: the averaged ones if there are any. By the names of `state_dict`; live."""
        return self.average.weights() if self.average else self.optimizer.weights()

    def moments(self) -> dict[str, Any]:  # Any: as torch types an optimizer's
        """What else of the training changes from step to step, for `load_moments`; tensors are the live ones."""
        state = {"optimizer": self.optimizer.state()}
        return {**state, "average": self.average.state()} if self.average else state

    def load_moments(self, moments: Mapping[str, Any]) -> None:
        """Raises ValueError, KeyError or the like if they are not of such a training."""
        self.optimizer.load(moments["optimizer"])
        if self.average:
            self.average.load(moments["average"])

    def _batch(self, cursor: int, count: int) -> Batch:
        """The next examples, and what waiting for them cost: nothing, if the device is still busy with those before."""
        started = time.perf_counter()
        batch = self.objective.batch(cursor, count)
        if self.device.kind != "cuda" or torch.cuda.current_stream().query():
            self.waited += time.perf_counter() - started
        return batch


def _mixed(seed: int, cursor: int) -> int:
    """A seed of its own for each place in the data (the finaliser of SplitMix64)."""
    mixed = (seed * 0x9E3779B97F4A7C15 + cursor) & 0xFFFF_FFFF_FFFF_FFFF
    mixed = ((mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9) & 0xFFFF_FFFF_FFFF_FFFF
    mixed = ((mixed ^ mixed >> 27) * 0x94D049BB133111EB) & 0xFFFF_FFFF_FFFF_FFFF
    return (mixed ^ mixed >> 31) >> 1
