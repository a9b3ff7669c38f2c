"""SentencePiece (an extra): trained by its own library, and written as a `tokenizer.json`."""

from __future__ import annotations

from collections.abc import Iterator

from tokenizers import Tokenizer

UNKNOWN = "<unk>"


def train(texts: Iterator[str], vocabulary: int) -> tuple[Tokenizer, str]:
    raise NotImplementedError
