"""What is being trained: the parts that the loop, the preflight and the checkpoints share."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional
from transformers import PreTrainedModel

from trainer_core.data.order import Order
from trainer_core.data.packing import boundaries, gather
from trainer_core.data.tokens import Tokens
from trainer_core.device import Device
from trainer_core.plan import Batching
from trainer_core.spec import RunSpec
from trainer_core.state import LoopState
from trainer_core.tokenizers.tokenizer import Tokenizer
from trainer_core.tokenizing import Chosen


@dataclass(slots=True)
class Training:
    """A run in the making; `state`, the weights and the optimizer change from step to step."""

    spec: RunSpec
    device: Device
    model: PreTrainedModel
    optimizer: torch.optim.Optimizer
    tokenizer: Tokenizer
    chosen: Chosen
    """How the tokenizer came to be that one."""
    tokens: Tokens
    order: Order
    batching: Batching
    peak_learning_rate: float
    state: LoopState

    @property
    def parameters(self) -> int:
        """Number of trainable numbers."""
        return sum(parameter.numel() for parameter in self.model.parameters() if parameter.requires_grad)

    def batch(self, cursor: int, count: int) -> Tensor:
        """The `count` sequences after the first `cursor`, with the token after each, shape (count, length + 1)."""
        starts = self.order.starts(cursor, count)
        batch = torch.from_numpy(gather(self.tokens.train, starts, self.batching.length))
        return batch.to(self.device.kind)

    def forward_backward(self, cursor: int, sequences: int) -> float:
        """Add the gradient of the mean loss over the `sequences` after `cursor`. Returns that loss, in nats.

        Each micro-batch is weighed by its share of the tokens of the whole step, so that how the step is cut does
        not change what is learnt.
        """
        total = torch.zeros((), device=self.device.kind)
        for done in range(0, sequences, self.batching.micro_batch):
            batch = self.batch(cursor + done, min(self.batching.micro_batch, sequences - done))
            loss = self.losses(batch[:, :-1], batch[:, 1:]).sum() / (sequences * self.batching.length)
            loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it unannotated
            total += loss.detach()
        return float(total)

    def losses(self, inputs_BT: Tensor, targets_BT: Tensor) -> Tensor:  # noqa: N803  # shapes stand in names
        """Loss of each target, in nats, shape (batch * time,)."""
        apart: dict[str, Tensor] = {}
        if self.spec.data.attend == "document":
            found = boundaries(inputs_BT, self.tokenizer.end_of_text)
            apart = {"attention_mask": found.may_attend()[:, None], "position_ids": found.positions}
        with self.device.autocast():
            logits_BTV = self.model(input_ids=inputs_BT, use_cache=False, **apart).logits  # noqa: N806
        return functional.cross_entropy(logits_BTV.flatten(0, 1).float(), targets_BT.flatten(), reduction="none")
