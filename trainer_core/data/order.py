"""The order of the data: a pure function of seed and cursor, so a resumed run sees exactly what it would have seen.

An epoch is every sequence once, in an order of its own. The cuts between sequences move from epoch to epoch, so that
each token comes to be predicted from near and far.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Order:
    """Where each training sequence of `length` tokens starts in a stream of `tokens`."""

    tokens: int
    length: int
    seed: int

    def __post_init__(self) -> None:
        if not 1 <= self.length < self.tokens:
            raise ValueError(f"a sequence of {self.length} and its target do not fit in {self.tokens} tokens")

    @property
    def sequences(self) -> int:
        """Sequences in an epoch."""
        return max(1, (self.tokens - self.length) // self.length)

    def starts(self, cursor: int, count: int) -> NDArray[np.int64]:
        """Start of the `count` sequences after the first `cursor` of the run, shape (count,)."""
        positions = range(cursor, cursor + count)
        return np.asarray([self._start(*divmod(position, self.sequences)) for position in positions], dtype=np.int64)

    def _start(self, epoch: int, index: int) -> int:
        offset, permutation = _shuffled(self, epoch)
        return int(offset + permutation[index] * self.length)


@lru_cache(maxsize=4)
def _shuffled(order: Order, epoch: int) -> tuple[int, NDArray[np.int64]]:
    random = np.random.default_rng((order.seed, epoch))
    slack = order.tokens - 1 - order.sequences * order.length
    return int(random.integers(slack + 1)), random.permutation(order.sequences)
