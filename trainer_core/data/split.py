"""The hold-out: which text is never trained upon. The same for the same text and seed.

What is held out is a document, or, where documents are long for the size of the corpus, a block of a few paragraphs.
Real corpora repeat themselves, and a repeated passage on both sides would make the held-out loss flatter than it is:
identical documents and blocks go to the same side, and a long paragraph, a long line or a run of short lines that is
held out is taken out of the training text wherever else it is. A few short lines (headings, one-line examples) recur in
any text of a kind and may stand on both sides.

The text is read twice, a piece at a time; what is kept of it in memory is some fifty bytes for each document or block.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterator, Set
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from trainer_core.attended import Told, unheard
from trainer_core.data.blocks import blocks, is_rule, long_parts, runs_of_lines
from trainer_core.data.documents import Documents
from trainer_core.data.spans import AT_ONCE, Spans, each, pieces_of, read, spans_of
from trainer_core.files.folders import new_folder
from trainer_core.files.sums import problems_with_sums, write_sums

VERSION = 4
"""Grows when the same text comes to be split in another way."""

_MOST = 16 * 2**20
"""Bytes held out; more would tell nothing more."""
_SMALLEST_BLOCK, _LARGEST_BLOCK = 100, 3_000
_TRAIN, _VALIDATION = "train.idx", "validation.idx"
_TOLD_EVERY = 8 * 2**20
"""Bytes between two words on how far it is."""


@dataclass(frozen=True, slots=True)
class Split:
    """Both sides of a corpus, in the order of the source."""

    key: str
    """Stands for the way the documents were split."""
    train: Spans
    validation: Spans


@dataclass(frozen=True, slots=True)
class _Units:
    """What is held out or not as a whole: documents, and blocks of long ones, one after the other."""

    edges: NDArray[np.uint64]
    """Where each one starts, and the last one ends, shape (units + 1,)."""
    keys: NDArray[np.uint64]
    """The same for the same text, at random otherwise."""
    first: NDArray[np.bool_]
    """Whether a document begins with it."""


@dataclass(frozen=True, slots=True)
class _HeldParts:
    """The parts of the held-out text that are long enough to be known again."""

    passages: Set[bytes]
    """Words of the long lines and paragraphs."""
    runs: NDArray[np.uint64]
    """Keys of the runs of short lines, ascending."""

    def spans_in(self, text: bytes, block: int) -> Iterator[tuple[int, int]]:
        """Where they are in `text`."""
        for start, end, words in long_parts(text, block):
            if words in self.passages:
                yield start, end
        runs = runs_of_lines(text)
        again = _are_among(self.runs, runs.keys())
        yield from zip(runs.starts[again].tolist(), runs.ends[again].tolist(), strict=True)


def kept_split(dataset: Path, documents: Documents, fraction: float, seed: int, told: Told = unheard) -> Split:
    """What `split` returns: found in the data set's folder, or worked out and put there. Raises what `split` does."""
    key = _key(fraction, seed)
    folder = dataset / "splits" / key
    if not problems_with_sums(folder):
        train, validation = (np.fromfile(folder / name, np.uint64).reshape(-1, 2) for name in (_TRAIN, _VALIDATION))
        return Split(key, train, validation)
    made = split(documents, fraction, seed, told)
    with suppress(FileExistsError), new_folder(folder, makes_way=problems_with_sums) as aside:
        made.train.tofile(aside / _TRAIN)  # unless another run has done so meanwhile, with the same content
        made.validation.tofile(aside / _VALIDATION)
        write_sums(aside)
    return made


def split(documents: Documents, fraction: float, seed: int, told: Told = unheard) -> Split:
    """Hold out about `fraction` of the bytes, 16 MiB at most; `told` hears how much of the work is done.

    Nothing is left to train on where a text repeats itself too much. Raises ValueError if all of it is one repeated
    block, OSError if it cannot be read.
    """
    room = int(min(fraction * documents.bytes, _MOST))
    block = min(_LARGEST_BLOCK, max(_SMALLEST_BLOCK, room // 2))
    with documents.path.open("rb") as file:
        units = _units(file, documents, max(block, room // 16), block, seed, lambda done: told(done / 2))
        is_held = _held_out(units, room)
        train, validation = _runs(units, ~is_held), _runs(units, is_held)
        del units, is_held  # much memory, where documents are many
        held = (read(file, start, end) for start, end in each(validation))
        train = _without(_held_parts(held, block), file, train, block, lambda done: told(0.5 + done / 2))
    return Split(_key(fraction, seed), train, validation)


def _units(file: BinaryIO, documents: Documents, whole: int, block: int, seed: int, told: Told) -> _Units:
    """A document of at most `whole` bytes, which are read at once, is one; a longer one is cut into blocks."""
    edges, keys, first = array("Q", [0]), array("Q"), bytearray()
    salt = seed.to_bytes(8, "little")
    end = waited = 0
    for start, stop in each(spans_of(documents)):
        length = stop - start
        pieces = pieces_of(file, length)
        begins = True
        for unit in blocks(pieces, block) if length > whole else pieces:
            end += len(unit)
            edges.append(end)
            keys.append(int.from_bytes(hashlib.blake2b(unit, digest_size=8, key=salt).digest(), "little"))
            first.append(begins)
            begins = False
        if end > waited:
            told(end / documents.bytes)
            waited = end + _TOLD_EVERY
    return _Units(np.frombuffer(edges, np.uint64), np.frombuffer(keys, np.uint64), np.frombuffer(first, np.bool_))


def _held_out(units: _Units, room: int) -> NDArray[np.bool_]:
    """Which units are held out: those whose keys are the lowest, as far as there is room for all that are alike."""
    keys, sizes = units.keys, np.diff(units.edges)
    if len(keys) == 0 or (keys == keys[0]).all():
        raise ValueError("nothing can be held out: all of the text is one repeated block")
    # Of millions, those in the lowest part of all keys are more than enough.
    part = min(1.0, 2 * room / int(units.edges[-1]) + 1_000 / len(keys))
    low = keys <= np.uint64(part * (2**64 - 2**12))
    distinct, which = np.unique(keys[low], return_inverse=True)
    weights = np.bincount(which, weights=sizes[low]).astype(np.int64)
    chosen = []
    for key, weight in zip(distinct, weights.tolist(), strict=True):
        if weight <= room:
            chosen.append(key)
            room -= weight
    held = np.asarray(chosen or [distinct[weights.argmin()]], np.uint64)
    return _are_among(held, keys)


def _are_among(known: NDArray[np.uint64], keys: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Which of `keys` are among the `known`, which ascend. Takes less memory than NumPy's isin."""
    if len(known) == 0:
        return np.zeros(len(keys), np.bool_)
    return np.asarray(known[np.searchsorted(known, keys).clip(max=len(known) - 1)] == keys)


def _runs(units: _Units, chosen: NDArray[np.bool_]) -> Spans:
    """The chosen units, those next to each other in a document as one."""
    joined = chosen[1:] & chosen[:-1] & ~units.first[1:]
    begins, ends = chosen.copy(), chosen.copy()
    begins[1:] &= ~joined
    ends[:-1] &= ~joined
    return np.column_stack((units.edges[:-1][begins], units.edges[1:][ends]))


def _without(held: _HeldParts, file: BinaryIO, spans: Spans, block: int, told: Told) -> Spans:
    """`spans` less what is held out of their text."""
    kept = array("Q")
    waited = 0
    for start, end in each(spans):
        file.seek(start)
        rest = start
        for at, text in _windows(pieces_of(file, end - start), block, start):
            for first, last in sorted(held.spans_in(text, block)):
                if _holds_text(file, rest, at + first):
                    kept.extend((rest, at + first))
                rest = max(rest, at + last)
        if rest == start or _holds_text(file, rest, end):
            kept.extend((rest, end))
        if end > waited:
            told(end / int(spans[-1, 1]))
            waited = end + _TOLD_EVERY
    return np.frombuffer(kept, np.uint64).reshape(-1, 2)


def _held_parts(texts: Iterator[bytes], block: int) -> _HeldParts:
    passages: set[bytes] = set()
    runs = [np.empty(0, np.uint64)]
    for text in texts:
        passages.update(words for _, _, words in long_parts(text, block) if not is_rule(words))
        found = runs_of_lines(text)
        runs.append(found.keys()[~found.are_rules()])
    return _HeldParts(passages, np.unique(np.concatenate(runs)))


def _windows(pieces: Iterator[bytes], block: int, start: int) -> Iterator[tuple[int, bytes]]:
    """A text that begins at `start` in long windows of whole blocks, ended at blank lines where there are any."""
    window: list[bytes] = []
    size = 0
    for text in blocks(pieces, block):
        window.append(text)
        size += len(text)
        if size >= AT_ONCE and (text.endswith(b"\n\n") or size >= 2 * AT_ONCE):
            yield start, b"".join(window)
            start += size
            window, size = [], 0
    if window:
        yield start, b"".join(window)


def _holds_text(file: BinaryIO, start: int, end: int) -> bool:
    """Whether there is more than white space; what is longer than a few lines holds text."""
    return end > start and (end - start > _LARGEST_BLOCK or bool(read(file, start, end).strip()))


def _key(fraction: float, seed: int) -> str:
    return hashlib.sha256(f"split {VERSION}, {fraction} held out, seed {seed}".encode()).hexdigest()[:16]
