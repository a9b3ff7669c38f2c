"""Character-level tokenizers: no training, any vocabulary size, over all scripts; vectorised.

The most usual characters have a token each. Where the vocabulary has room, every byte has one too, and a character
without a token of its own is written as the bytes of its UTF-8; in a smaller vocabulary it is unknown.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trainer_core.files.folders import new_folder
from trainer_core.files.layout import Home
from trainer_core.files.sums import problems_with_sums, sha256, write_sums
from trainer_core.tokenizers import alphabet
from trainer_core.tokenizers.fast import BYTE_PIECES, END_OF_TEXT, TOKENIZER, load_failed, save_config
from trainer_core.tokenizers.tokenizer import Encoded

MARK = "characters.json"
"""In the folder of a character-level tokenizer: how many tokens it has, and in which version of the order."""
UNKNOWN = "<unk>"

_ROOM_FOR_BYTES = 512
"""Least vocabulary in which the bytes leave room for the characters of a language."""
_SHARE_OF_TEXT = 0.99
_MOST_SUITED = 16_384
_FIRST_BYTE = 1
_NONE = np.uint32(2**32 - 1)
"""In place of the id of a character that has none."""


@dataclass(frozen=True, slots=True)
class Alphabet:
    """Which ids stand for what, in a vocabulary of some size."""

    special: tuple[str, ...]
    """What the first ids stand for."""
    points: NDArray[np.uint32]
    """Code point of each id after them."""
    ids: NDArray[np.uint32]
    """Id of each code point, shape (0x110000,)."""

    @property
    def has_bytes(self) -> bool:
        return len(self.special) > 2


def alphabet_of(vocabulary: int) -> Alphabet:
    """What a vocabulary of this size, from 100 to 500,000, holds."""
    special = (END_OF_TEXT, *BYTE_PIECES) if vocabulary >= _ROOM_FOR_BYTES else (END_OF_TEXT, UNKNOWN)
    points = alphabet.code_points()[: vocabulary - len(special)]
    ids = np.full(alphabet.LAST + 1, _NONE)
    ids[points] = np.arange(len(special), vocabulary, dtype=np.uint32)
    return Alphabet(special, points, ids)


@dataclass(frozen=True, slots=True)
class CharacterTokenizer:
    """A `Tokenizer` of single characters."""

    folder: Path
    sha256: str
    alphabet: Alphabet

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def vocabulary(self) -> int:
        return len(self.alphabet.special) + len(self.alphabet.points)

    @property
    def end_of_text(self) -> int:
        return 0

    @property
    def unknown(self) -> int | None:
        return None if self.exact else 1

    @property
    def special_tokens(self) -> Mapping[str, int]:
        return {END_OF_TEXT: 0} if self.exact else {END_OF_TEXT: 0, UNKNOWN: 1}

    @property
    def exact(self) -> bool:
        return self.alphabet.has_bytes

    def encode_batch(self, texts: Sequence[str]) -> Encoded:
        points = _code_points("".join(texts))
        lengths = np.fromiter(map(len, texts), np.int64, len(texts))
        ids = self.alphabet.ids[points]
        missing = ids == _NONE
        if not missing.any():
            return Encoded(ids, lengths)
        if self.unknown is not None:
            ids[missing] = self.unknown
            return Encoded(ids, lengths)
        return _with_bytes(ids, lengths, np.flatnonzero(missing), points[missing])

    def decode(self, ids: Sequence[int]) -> str:
        special = 1 if self.exact else 2
        kept = np.asarray(ids, np.int64)
        kept = kept[kept >= special]
        if not self.exact:
            return _text(self.alphabet.points[kept - special])
        return "".join(self._decoded(kept))

    def encode_with_special(self, text: str) -> list[int]:
        special = self.special_tokens
        parts = re.split(f"({'|'.join(map(re.escape, special))})", text)
        ids = ([special[part]] if part in special else self.encode_batch([part]).ids.tolist() for part in parts)
        return list(chain.from_iterable(ids))

    def unknown_characters(self, texts: Sequence[str]) -> int:
        return 0 if self.exact else int(np.count_nonzero(self.alphabet.ids[_code_points("".join(texts))] == _NONE))

    def _decoded(self, ids: NDArray[np.int64]) -> Iterator[str]:
        """The text of each run of bytes, and of each run of characters."""
        first = len(self.alphabet.special)
        turns = np.flatnonzero(np.diff(ids < first)) + 1
        for run in np.split(ids, turns):
            if len(run) and run[0] >= first:
                yield _text(self.alphabet.points[run - first])
            else:
                spelt = (run - _FIRST_BYTE).astype(np.uint8).tobytes()
                try:
                    yield spelt.decode()
                except UnicodeDecodeError:
                    yield "\ufffd" * len(spelt)  # as `tokenizers` has it


def _with_bytes(
    ids: NDArray[np.uint32], lengths: NDArray[np.int64], places: NDArray[np.int64], points: NDArray[np.uint32]
) -> Encoded:
    """The bytes of `points` in place of the ids at `places`."""
    sizes = 1 + sum(points >= first for first in (0x80, 0x800, 0x10000))
    spelt = np.frombuffer(_text(points).encode(), np.uint8).astype(np.uint32) + _FIRST_BYTE
    starts = np.cumsum(sizes) - sizes
    ids[places] = spelt[starts]
    written = np.insert(ids, np.repeat(places + 1, sizes - 1), np.delete(spelt, starts))
    texts = np.searchsorted(np.cumsum(lengths), places, side="right")
    return Encoded(written, lengths + np.bincount(texts, sizes - 1, len(lengths)).astype(np.int64))


def suited_vocabulary(texts: Iterable[str]) -> int:
    """The least that has a token of their own for nearly all characters of `texts`, and the bytes of the others."""
    counts = np.zeros(alphabet.LAST + 1, np.int64)
    for text in texts:
        points, times = np.unique(_code_points(text), return_counts=True)
        counts[points] += times
    known = np.cumsum(counts[alphabet.code_points()])
    own = int(np.searchsorted(known, _SHARE_OF_TEXT * known[-1])) + 1
    return min(_MOST_SUITED, max(_ROOM_FOR_BYTES, 64 * math.ceil((own + 1 + len(BYTE_PIECES)) / 64)))


def character_tokenizer(home: Home, vocabulary: int) -> CharacterTokenizer:
    """The tokenizer of this vocabulary, from 100 to 500,000, that runs share. Raises OSError."""
    folder = home.tokenizer(f"characters-{alphabet.VERSION}-{vocabulary}")
    if problems_with_sums(folder):
        with suppress(FileExistsError), new_folder(folder, makes_way=problems_with_sums) as aside:
            save_characters(aside, vocabulary)  # unless another run has done so meanwhile, with the same content
            write_sums(aside)
    return open_characters(folder)


def save_characters(folder: Path, vocabulary: int) -> None:
    """Write what `AutoTokenizer` opens and encodes identically: BPE that merges nothing. Raises OSError."""
    letters = alphabet_of(vocabulary)
    tokens = [*letters.special, *_text(letters.points)]
    unknown = None if letters.has_bytes else UNKNOWN
    described: dict[str, object] = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [_added(token, index) for index, token in enumerate((END_OF_TEXT, unknown)) if token],
        "normalizer": None,
        "pre_tokenizer": None,
        "post_processor": None,
        "decoder": {"type": "Sequence", "decoders": [{"type": "ByteFallback"}, {"type": "Fuse"}]},
        "model": {
            "type": "BPE",
            "unk_token": unknown,
            "fuse_unk": False,
            "byte_fallback": letters.has_bytes,
            "vocab": dict(zip(tokens, range(len(tokens)), strict=True)),
            "merges": [],
        },
    }
    (folder / TOKENIZER).write_text(json.dumps(described, ensure_ascii=False), encoding="utf-8")
    (folder / MARK).write_text(json.dumps({"version": alphabet.VERSION, "vocabulary": vocabulary}), encoding="utf-8")
    save_config(folder, END_OF_TEXT, unknown)


def open_characters(folder: Path) -> CharacterTokenizer:
    """Raises TOKENIZER_LOAD_FAILED."""
    try:
        mark = json.loads((folder / MARK).read_bytes())
        if mark["version"] != alphabet.VERSION:
            raise load_failed(folder.name, "is of another version of Spotter")
        return CharacterTokenizer(folder, sha256(folder / TOKENIZER), alphabet_of(int(mark["vocabulary"])))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise load_failed(folder.name, "could not be loaded") from error


def _added(token: str, index: int) -> dict[str, object]:
    plain = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    return {"id": index, "content": token, **plain, "special": True}


def _code_points(text: str) -> NDArray[np.uint32]:
    return np.frombuffer(text.encode("utf-32-le"), np.uint32)


def _text(points: NDArray[np.uint32]) -> str:
    return points.tobytes().decode("utf-32-le")
