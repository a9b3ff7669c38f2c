"""Next-token prediction: a language model learns each token of a text from those before it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from trainer_core.compute.network import Network
from trainer_core.data.order import Order
from trainer_core.data.packing import boundaries, gather
from trainer_core.data.tokens import Tokens
from trainer_core.evals.held_out import evaluate
from trainer_core.evals.sample import sample
from trainer_core.events import Unit
from trainer_core.models.data import TextData
from trainer_core.objectives.objective import Batch, Fields
from trainer_core.state import Evaluation
from trainer_core.tokenizers.tokenizer import Tokenizer
from trainer_core.tokenizing import Chosen

_PARTS = 8
"""A model that guesses evenly is seen to by one of so many parts of the held-out text."""


@dataclass(frozen=True, slots=True)
class NextToken:
    """On the tokens of a text, in windows of `order.length`."""

    tokens: Tokens
    order: Order
    tokenizer: Tokenizer
    chosen: Chosen
    attend: Literal["stream", "document"]

    @property
    def data(self) -> TextData:
        """What a model is made for."""
        apart = self.attend == "document"
        return TextData(self.tokenizer.vocabulary, self.length, self.tokenizer.end_of_text, apart)

    @property
    def unit(self) -> Unit:
        return "tokens"

    @property
    def examples(self) -> int:
        return self.order.sequences

    @property
    def training(self) -> int:
        return len(self.tokens.train)

    @property
    def held_out(self) -> int:
        return len(self.tokens.validation)

    @property
    def length(self) -> int:
        return self.order.length

    @property
    def answers(self) -> int:
        return self.tokenizer.vocabulary

    def batch(self, cursor: int, count: int) -> Batch:
        """`input_ids` of shape (count, length), and for each the token after it."""
        windows = torch.from_numpy(gather(self.tokens.train, self.order.starts(cursor, count), self.length))
        return Batch(self.fields(windows[:, :-1]), windows[:, 1:])

    def fields(self, windows: Tensor) -> Fields:
        """What a model is given to read `windows`, shape (windows, time)."""
        if self.attend == "stream":
            return {"input_ids": windows}
        found = boundaries(windows, self.tokenizer.end_of_text)
        return {
            "input_ids": windows,
            "attention_mask": found.may_attend()[:, None],
            "position_ids": found.positions,
        }

    def evaluate(self, network: Network, most: int, at_once: int, step: int, *, evenly: bool = False) -> Evaluation:
        scored, size = self.tokens.held_out(most)
        if not evenly:
            return evaluate(network, self.fields, scored, size, self._end, self.length, at_once)
        part = scored[: max(1, len(scored) // _PARTS)]
        # A text of many tokens a byte has more bits a byte: the part stands for as many bytes as it would on average.
        share = np.count_nonzero(part != self._end) / np.count_nonzero(scored != self._end)
        found = evaluate(network, self.fields, part, size * share, self._end, self.length, at_once)
        return replace(found, partial=True)

    @property
    def _end(self) -> int:
        return self.tokenizer.end_of_text

    def sample(self, network: Network, tokens: int, seed: int) -> str:
        return sample(network, self.tokenizer, min(tokens, self.length), seed)
