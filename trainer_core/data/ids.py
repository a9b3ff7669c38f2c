"""Text to token ids with all cores: while one batch is being encoded, another is read and a third one written.

Tokenizers encode a batch with all cores themselves, outside of Python. What is left to do in Python, making arrays of
what they return, takes turns with it in a few threads. A batch is small, since until its ids are in an array they take
many times the memory of its text.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainer_core.data.documents import Documents
from trainer_core.data.spans import Spans, passages_in
from trainer_core.tokenizers.tokenizer import Tokenizer

_BATCH = 2**20
"""Bytes of text encoded at once, about."""
_THREADS = max(2, min(4, (os.cpu_count() or 1) // 2))


@dataclass(frozen=True, slots=True)
class Passages:
    """Passages as token ids, one after the other."""

    ids: NDArray[np.uint32]
    """Shape (tokens,)."""
    lengths: NDArray[np.int64]
    """Tokens of each passage, shape (passages,)."""
    bytes: NDArray[np.int64]
    """Of the text of each passage."""
    last: NDArray[np.bool_]
    """Whether a document ends with it."""


def encoded(documents: Documents, spans: Spans, longest: int, tokenizer: Tokenizer) -> Iterator[Passages]:
    """The text in `spans`, in order, in passages of at most `longest` bytes. Raises OSError."""

    def encode(batch: list[tuple[bytes, bool]]) -> Passages:
        ids = tokenizer.encode_batch([passage.decode() for passage, _ in batch])
        sizes = np.asarray([len(passage) for passage, _ in batch], np.int64)
        return Passages(ids.ids, ids.lengths, sizes, np.asarray([last for _, last in batch], np.bool_))

    waiting: deque[Future[Passages]] = deque()
    with ThreadPoolExecutor(_THREADS) as pool:
        try:
            for batch in batches(passages_in(documents, spans, longest)):
                waiting.append(pool.submit(encode, batch))
                if len(waiting) > _THREADS:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def batches(passages: Iterator[tuple[bytes, bool]]) -> Iterator[list[tuple[bytes, bool]]]:
    """Passages in batches of a size that is good to encode at once."""
    batch: list[tuple[bytes, bool]] = []
    filled = 0
    for passage in passages:
        batch.append(passage)
        filled += len(passage[0])
        if filled >= _BATCH:
            yield batch
            batch, filled = [], 0
    if batch:
        yield batch
