"""What is known of a tokenizer: `report.json` in its folder."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

TokenizerKind = Literal["bpe", "unigram", "wordpiece", "sentencepiece", "characters", "pretrained", "upload"]
MOST_NAMED = 64
"""Special tokens that a card names: some tokenizers have ten thousands."""
TRAINABLE: tuple[TokenizerKind, ...] = ("bpe", "unigram", "wordpiece", "sentencepiece")


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)


class TokenizerReport(_Frozen):
    """How well a tokenizer serves a text it was not trained on. Ratios are of that hold-out."""

    documents: int = Field(ge=0)
    bytes: int = Field(ge=0)
    tokens: int = Field(ge=0)
    coverage: float = Field(ge=0, le=1)
    """Share of the characters that are not part of an unknown token."""
    unknown_rate: float = Field(ge=0, le=1)
    """Share of the tokens that are the unknown token."""
    tokens_per_character: float = Field(ge=0)
    tokens_per_word: float = Field(ge=0)
    """Tokens of the whole text for each of its words, punctuation and spaces included."""
    tokens_per_byte: float = Field(ge=0)
    fertility: float = Field(ge=0)
    """Mean number of tokens a word is split into, each word by itself."""
    round_trip: float = Field(ge=0, le=1)
    """Share of the documents that come back exactly when encoded and decoded."""
    exact: bool
    """Whether every document has to come back: true of byte-level tokenizers."""
    smallest_id: int = Field(ge=0)
    largest_id: int = Field(ge=0)
    """Over the hold-out and the special tokens; less than the vocabulary."""
    seconds: float = Field(ge=0)
    """To encode the hold-out."""
    problems: tuple[str, ...] = ()
    """What fails, a sentence each; strict mode raises on any."""


class TokenizerCard(_Frozen):
    """A tokenizer that a person made, uploaded or chose by name."""

    version: Literal[1] = 1
    name: str
    kind: TokenizerKind
    vocabulary: int = Field(ge=1)
    special_tokens: Mapping[str, int] = {}
    """Id of each special token, by its text: of the first of them, if there are very many."""
    further_special_tokens: int = Field(default=0, ge=0)
    """How many more there are than `special_tokens` names."""
    source: str
    """Name of the data set it was trained on, or of the family it is of, or of the file; for display only."""
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    """Of `tokenizer.json`."""
    seconds: float = Field(default=0.0, ge=0)
    """That training took."""
    report: TokenizerReport | None = None
    added_by: str
    """User id; empty for one made by a run for itself."""
    added_at: datetime
