"""Model families whose tokenizers are known: what they are called, where they come from, and what they hold.

Light: a list to choose from, and to know a family by. What is loaded is read from its files.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Family:
    """A family of models that share a tokenizer."""

    name: str
    source: str
    """The model on the Hugging Face Hub that it is loaded from."""
    kind: Literal["bpe", "unigram", "wordpiece"]
    vocabulary: int
    """Rows of the models' token embedding; some tokenizers have a few entries fewer."""
    special_tokens: tuple[str, ...]
    """That the tokenizer uses for itself: where a text begins and ends, what is unknown, padding, masks."""


FAMILIES: tuple[Family, ...] = (Family("gpt2", "openai-community/gpt2", "bpe", 50_257, ("<|endoftext|>",)),)


def find(name: str) -> Family | None:
    """The family called so, or that comes from the model called so, whatever its case."""
    return _BY_NAME.get(name.lower())


_BY_NAME = {key.lower(): family for family in FAMILIES for key in (family.source, family.name)}
