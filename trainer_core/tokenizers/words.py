"""Encoding by the word: a text is cut into words as GPT-2 cuts it, and each word is encoded the first time it is met.

The library cuts every text anew, and takes most of its time for that; looking words up takes one core a third of the
time that it takes two. It takes only one, so it is for machines of few cores. A text with characters on which Python
and the library might not agree whether they are letters is left to the library.
"""

from __future__ import annotations

import json
import os
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import chain, count, groupby
from threading import Lock

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from trainer_core.tokenizers.tokenizer import Encoded

_MOST_CORES = 5
"""With more of them the library is faster."""
_MOST_WORDS = 2**18
"""Kept in memory, about; then it begins anew."""

_BLOCKS = (range(0x0590), range(0x2000, 0x2C00), range(0xFE00, 0xFE10), range(0x1F300, 0x1FB00))
"""Latin, Greek, Cyrillic and Armenian letters, punctuation, symbols: settled long ago."""
_SPACES = "\t-\r \x85\xa0\u2000-\u200a\u2028\u2029\u202f\u205f"


def _class(*kinds: str) -> str:
    """The characters whose category begins so, as they stand between the brackets of a regular expression."""
    points = [point for block in _BLOCKS for point in block if unicodedata.category(chr(point)).startswith(kinds)]
    runs = ([point for _, point in run] for _, run in groupby(enumerate(points), lambda pair: pair[1] - pair[0]))
    return "".join(f"{re.escape(chr(run[0]))}-{re.escape(chr(run[-1]))}" for run in runs)


_LETTERS, _DIGITS = _class("L"), _class("N")
_WORD = re.compile(
    rf"'(?:[stmd]|re|ve|ll)| ?[{_LETTERS}]+| ?[{_DIGITS}]+| ?[^{_SPACES}{_LETTERS}{_DIGITS}]+"
    rf"|[{_SPACES}]+(?![^{_SPACES}])|[{_SPACES}]+"
)
_UNSETTLED = re.compile(f"[^{_class('L', 'M', 'N', 'P', 'S', 'Z', 'Cc', 'Cf')}]")

Encode = Callable[[Sequence[str]], Encoded]


def worth_it(backend: Tokenizer) -> bool:
    """Whether the library cuts texts as GPT-2 does, and this machine has few cores."""
    cores = int(os.environ.get("RAYON_NUM_THREADS") or os.cpu_count() or 1)
    if cores > _MOST_CORES or backend.normalizer is not None or backend.pre_tokenizer is None:
        return False
    cut = json.loads(backend.pre_tokenizer.__getstate__())
    words = cut["type"] == "ByteLevel" and cut["use_regex"] and not cut["add_prefix_space"]
    whole = all(token.special for token in backend.get_added_tokens_decoder().values())
    return words and whole and not getattr(backend.model, "dropout", None)


@dataclass(slots=True)
class _Known:
    """The words that were met, and what they are encoded to."""

    numbers: dict[str, int] = field(default_factory=dict)
    ids: NDArray[np.uint32] = field(default_factory=lambda: np.zeros(0, np.uint32))
    """Of all words, one after the other."""
    starts: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    """Where those of each word start, by its number."""
    lengths: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))

    def add(self, words: list[str], encoded: Encoded) -> None:
        self.numbers.update(zip(words, count(len(self.numbers))))
        starts = len(self.ids) + np.cumsum(encoded.lengths) - encoded.lengths
        self.ids = np.concatenate((self.ids, encoded.ids))
        self.starts = np.concatenate((self.starts, starts))
        self.lengths = np.concatenate((self.lengths, encoded.lengths))


class Words:
    """Encodes text by its words. May be used by several threads."""

    def __init__(self, encode: Encode) -> None:
        """`encode` is the library's way."""
        self._encode = encode
        self._lock = Lock()
        self._known = _Known()

    def encode_batch(self, texts: Sequence[str]) -> Encoded:
        """What the library makes of the texts."""
        parts = [
            self._encode(list(some)) if unsettled else self._looked_up(list(some))
            for unsettled, some in groupby(texts, lambda text: _UNSETTLED.search(text) is not None)
        ]
        if len(parts) == 1:
            return parts[0]
        ids = np.concatenate([np.zeros(0, np.uint32), *(part.ids for part in parts)])
        return Encoded(ids, np.concatenate([np.zeros(0, np.int64), *(part.lengths for part in parts)]))

    def _looked_up(self, texts: list[str]) -> Encoded:
        cut = [_WORD.findall(text) for text in texts]
        words = list(chain.from_iterable(cut))
        with self._lock:
            self._learn(words)
            numbers = np.fromiter(map(self._known.numbers.__getitem__, words), np.int64, len(words))
            ids, starts, lengths = self._known.ids, self._known.starts, self._known.lengths
        tokens = lengths[numbers]
        ends = np.concatenate((np.zeros(1, np.int64), np.cumsum(tokens)))
        places = np.arange(ends[-1]) + np.repeat(starts[numbers] - ends[:-1], tokens)
        words_before = np.cumsum([0, *map(len, cut)])
        return Encoded(ids[places], np.diff(ends[words_before]))

    def _learn(self, words: list[str]) -> None:
        if len(self._known.numbers) > _MOST_WORDS:
            self._known = _Known()
        if new := [word for word in dict.fromkeys(words) if word not in self._known.numbers]:
            self._known.add(new, self._encode(new))
