"""What every tokenizer can do, whatever it is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Encoded:
    """Token ids of several texts, one after the other."""

    ids: NDArray[np.uint32]
    """Shape (tokens,)."""
    lengths: NDArray[np.int64]
    """Tokens of each text, shape (texts,)."""


class Tokenizer(Protocol):
    """A tokenizer and the folder that `AutoTokenizer` opens, which encodes identically."""

    @property
    def folder(self) -> Path: ...

    @property
    def name(self) -> str:
        """The folder's."""
        ...

    @property
    def sha256(self) -> str:
        """Of `tokenizer.json`: the same hash encodes the same."""
        ...

    @property
    def vocabulary(self) -> int:
        """Ids are less than this."""
        ...

    @property
    def end_of_text(self) -> int:
        """Ends every document, and is what a text starts from."""
        ...

    @property
    def unknown(self) -> int | None:
        """What stands for text that no other token does; None if there is no such token."""
        ...

    @property
    def special_tokens(self) -> Mapping[str, int]:
        """Id of each special token, by its text."""
        ...

    @property
    def exact(self) -> bool:
        """Whether any text comes back as it was: nothing is unknown, nothing normalised."""
        ...

    def encode_batch(self, texts: Sequence[str]) -> Encoded:
        """Without the end of text. A text that spells a special token has spelt it, not used it."""
        ...

    def encode_with_special(self, text: str) -> list[int]:
        """Token ids of one text in which special tokens that are spelt are meant."""
        ...

    def unknown_characters(self, texts: Sequence[str]) -> int:
        """How many characters of `texts` come out as unknown tokens."""
        ...

    def decode(self, ids: Sequence[int]) -> str:
        """Without special tokens."""
        ...
