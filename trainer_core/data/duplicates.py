"""Documents that came before: the same ones by their hash, nearly the same ones by MinHash. Memory stays bounded.

Of near duplicates only the last `WINDOW` documents or more (up to twice as many) are remembered, at about 2 kB each;
of exact ones every document, at 8 bytes each.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

WINDOW = 2**15
"""Documents that a near duplicate is looked for among, at least."""
WORDS = 5
"""Words in a shingle. A document with fewer is compared exactly only."""

_RECENT = 2**18
_PERMUTATIONS, _BANDS, _SEED = 128, 16, 42
_LONG_WORD = 20
"""Mean characters of a word from which a text counts as written without spaces."""


class Seen:
    """A set of hashes of 8 bytes that takes little more than that for each."""

    def __init__(self, recent: int = _RECENT) -> None:
        self._most = recent
        self._recent: set[int] = set()
        self._sorted: NDArray[np.uint64] = np.empty(0, dtype=np.uint64)

    def add(self, digest: int) -> bool:
        """Whether it is new."""
        if digest in self._recent or (len(self._sorted) and self._is_sorted_in(digest)):
            return False
        self._recent.add(digest)
        if len(self._recent) >= self._most:
            recent = np.fromiter(self._recent, dtype=np.uint64, count=len(self._recent))
            self._sorted = np.sort(np.concatenate([self._sorted, recent]), kind="stable")
            self._recent.clear()
        return True

    def _is_sorted_in(self, digest: int) -> bool:
        place = int(np.searchsorted(self._sorted, np.uint64(digest)))
        return place < len(self._sorted) and int(self._sorted[place]) == digest


class Sketch:
    """What is kept of one document, to know it again."""

    def __init__(self, *, near: bool) -> None:
        self._near = near
        self._hash = hashlib.blake2b(digest_size=8)
        self.characters = 0
        self.is_blank = True
        self.minhash: Any = None  # rensa has no types
        """None of a document with too few words, or whose near duplicates are not looked for."""

    def drawn(self, document: Iterable[str]) -> Iterator[str]:
        """The document's pieces, each noted as it passes."""
        for text in document:
            self._hash.update(text.encode())
            self.characters += len(text)
            self.is_blank = self.is_blank and not text.strip()
            if self._near and (shingles := _shingles(text)):
                if self.minhash is None:
                    import rensa

                    self.minhash = rensa.RMinHash(_PERMUTATIONS, _SEED)
                self.minhash.update(shingles)
            yield text

    @property
    def digest(self) -> int:
        return int.from_bytes(self._hash.digest(), "little")


class NearlySeen:
    """An index of the documents that came lately, by similarity."""

    def __init__(self, similarity: float, window: int = WINDOW) -> None:
        self._similarity = similarity
        self._window = window
        self._number = 0
        self._older: Any = None
        self._newer = self._index()

    def add(self, sketch: Sketch) -> bool:
        """Whether nothing nearly the same is among the documents that came lately. Only such a one is remembered."""
        if sketch.minhash is None:
            return True
        self._number += 1
        key = str(self._number)
        if self._older is not None and self._older.is_duplicate(key, sketch.minhash):
            return False
        if not self._newer.add(key, sketch.minhash):
            return False
        if self._newer.len() >= self._window:
            self._older, self._newer = self._newer, self._index()
        return True

    def _index(self) -> Any:
        import rensa

        return rensa.RMinHashDeduplicator(
            threshold=self._similarity, num_perm=_PERMUTATIONS, use_lsh=True, num_bands=_BANDS, seed=_SEED
        )


def _shingles(text: str) -> list[str]:
    """Every five words in a row; every five characters where words are not set apart by spaces."""
    words = text.lower().split()
    if len(text) > _LONG_WORD * max(1, len(words)):
        words = list("".join(words))
    return list(map(" ".join, zip(*(words[start:] for start in range(WORDS)), strict=False)))
