"""What came before: the same documents by their hash, nearly the same ones by MinHash, the same passages of one long
document by theirs. Memory stays bounded.

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
_LETTERS, _PASSAGE, _LONGEST_PASSAGE = 32, 512, 2**16
"""Bytes that decide on a cut, bytes between two cuts on average, and at most before a text goes on uncut."""
_GEAR = np.random.default_rng(0).integers(2**32, size=256, dtype=np.uint32)
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


class Repeats:
    """The passages of one document that came before in it.

    It is cut where a few letters in a row have a certain hash, so that it is cut alike wherever they stand.
    """

    def __init__(self) -> None:
        self._seen = Seen()
        self._rest = b""
        self.passages = 0
        self.characters = 0

    def drawn(self, document: Iterable[str]) -> Iterator[str]:
        """The document's pieces, each noted as it passes."""
        for text in document:
            data = self._rest + text.encode()
            start = 0
            for end in _cuts(data):
                self._note(data[start:end])
                start = end
            self._rest = data[start:] if len(data) - start < _LONGEST_PASSAGE else b""
            yield text

    def _note(self, passage: bytes) -> None:
        if not self._seen.add(int.from_bytes(hashlib.blake2b(passage, digest_size=8).digest(), "little")):
            self.passages += 1
            self.characters += len(passage.decode(errors="ignore"))


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


def _cuts(data: bytes) -> list[int]:
    """Where passages of some hundred bytes end in `data`."""
    sums = np.cumsum(_GEAR[np.frombuffer(data, np.uint8)], dtype=np.uint32)
    ends = np.flatnonzero((sums[_LETTERS:] - sums[:-_LETTERS]) % _PASSAGE == 0) + _LETTERS + 1
    return [int(end) for end in ends[np.diff(ends, prepend=0) >= _LETTERS]]


def _shingles(text: str) -> list[str]:
    """Every five words in a row; every five characters where words are not set apart by spaces."""
    words = text.lower().split()
    if len(text) > _LONG_WORD * max(1, len(words)):
        words = list("".join(words))
    return list(map(" ".join, zip(*(words[start:] for start in range(WORDS)), strict=False)))
