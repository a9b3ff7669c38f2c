"""A sample of a data set's text, and what can be told from it."""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence

from trainer_core.data.documents import Documents

_REPEATED = 0.025
"""Text that deflates to less of itself than this says one thing over and over."""


def sample(documents: Documents, passages: int, size: int) -> list[str]:
    """So many passages of about `size` bytes at even distances; all of the text if it is no more. Raises OSError."""
    step = max(size, math.ceil(documents.bytes / passages))
    texts = []
    with documents.path.open("rb") as file:
        for start in range(0, documents.bytes, step):
            file.seek(start)
            texts.append(file.read(size).decode(errors="ignore"))  # it may begin and end within a character
    return texts


def repeats_itself(texts: Sequence[str]) -> bool:
    """Whether the sample is one text over and over."""
    data = "".join(texts).encode()
    return len(zlib.compress(data, 1)) < _REPEATED * len(data)


def tokens_per_byte(texts: Sequence[str], vocabulary: int) -> float:
    """Of the sample, with a byte-level BPE of at most `vocabulary` tokens that was trained on it.

    A whole corpus comes to the same within a few per cent: so does its training text, on which a run trains its own.
    """
    from trainer_core.tokenizers.train import train

    backend = train("bpe", texts, vocabulary, lambda _: None).backend
    tokens = sum(len(encoding.ids) for encoding in backend.encode_batch_fast(list(texts), add_special_tokens=False))
    return round(tokens / max(1, sum(len(text.encode()) for text in texts)), 4)
