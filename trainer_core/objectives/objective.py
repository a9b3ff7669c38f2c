"""What a model learns, as the loop sees it: examples to learn from, and how well held-out ones are predicted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from trainer_core.compute.network import Network
from trainer_core.events import Unit
from trainer_core.models.data import Data
from trainer_core.state import Evaluation
from trainer_core.tokenizers.tokenizer import Tokenizer
from trainer_core.tokenizing import Chosen

Fields = Mapping[str, Tensor]
"""What a model's forward is given, by name."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Some examples."""

    inputs: Fields
    targets: Tensor
    """Right answers, in the order of the logits: shape (batch, time) for text, (batch,) for classes."""


class Objective(Protocol):
    """Next-token prediction, classification: what the loop, the preflight and the evaluations need of it."""

    @property
    def data(self) -> Data:
        """What a model is made for."""

    @property
    def unit(self) -> Unit:
        """What is counted."""

    @property
    def examples(self) -> int:
        """Training examples in an epoch."""

    @property
    def training(self) -> int:
        """Training tokens (or pictures) there are."""

    @property
    def held_out(self) -> int:
        """Held-out tokens (or pictures) there are."""

    @property
    def length(self) -> int:
        """Targets in an example: the tokens of a sequence; 1 of a picture."""

    @property
    def answers(self) -> int:
        """How many different answers there are: the vocabulary, or the classes."""

    @property
    def tokenizer(self) -> Tokenizer | None:
        """Of text."""

    @property
    def chosen(self) -> Chosen | None:
        """How the tokenizer came to be that one."""

    def batch(self, cursor: int, count: int) -> Batch:
        """The `count` training examples after the first `cursor` of the run, on the CPU."""

    def evaluate(self, network: Network, most: int, at_once: int, step: int, *, evenly: bool = False) -> Evaluation:
        """How well about `most` held-out tokens (or pictures) are predicted, `at_once` examples a forward pass.

        `evenly`: the model guesses evenly whatever it reads, so that a part of them may be enough.
        What is more than a few numbers is written as the report of `step`; a disk that takes none costs that only.
        """

    def sample(self, network: Network, tokens: int, seed: int) -> str:
        """What a language model writes; empty for others. At most `tokens` tokens, fixed by `seed`."""
