"""A data set as token ids in one flat file, mapped into memory: training first, then held-out text.

`tokens.bin` holds every document followed by the end of text; `docs.idx` holds where each document starts, and where
the last one ends; `passages.idx` holds how many tokens and bytes of the held-out text there are up to the end of each
of its passages; `meta.json` says how to read them. All of it is written once for a split and a tokenizer, and shared
between runs.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from trainer_core.attended import Told, unheard
from trainer_core.data.documents import Documents
from trainer_core.data.ids import Passages, encoded
from trainer_core.data.spans import bytes_in
from trainer_core.data.split import Split
from trainer_core.files.folders import new_folder
from trainer_core.tokenizers.tokenizer import Tokenizer

TokenArray = NDArray[np.uint16] | NDArray[np.uint32]

LONGEST = 2**15
"""Bytes of text encoded in one piece: few enough for every core to have some of a batch."""
_PASSAGE = 2**10
"""The same for held-out text, which is scored in whole passages."""
_TOKENS, _DOCUMENTS, _PASSAGES, _META = "tokens.bin", "docs.idx", "passages.idx", "meta.json"


class TokensMeta(BaseModel):
    """How to read the token file."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    version: Literal[2] = 2
    tokenizer: str
    tokenizer_sha256: str
    split: str
    """How the text was split: `Split.key`."""
    vocabulary: int = Field(ge=1)
    dtype: Literal["uint16", "uint32"]
    train_documents: int = Field(ge=0)
    train_tokens: int = Field(ge=0)
    validation_documents: int = Field(ge=0)
    validation_tokens: int = Field(ge=0)
    validation_passages: int = Field(ge=0)


@dataclass(frozen=True, slots=True)
class Tokens:
    """Both sides of a data set as token ids."""

    train: TokenArray
    """Shape (train tokens,)."""
    validation: TokenArray
    """Shape (validation tokens,)."""
    documents: NDArray[np.uint64]
    """Where each document starts, and the last one ends, training documents first, shape (documents + 1,)."""
    passages: NDArray[np.uint64]
    """Held-out tokens and bytes up to the end of each passage, shape (passages, 2)."""
    meta: TokensMeta

    @property
    def train_documents(self) -> NDArray[np.uint64]:
        """Where each training document starts, and the last one ends, shape (train documents + 1,)."""
        return self.documents[: self.meta.train_documents + 1]

    def held_out(self, most: int) -> tuple[TokenArray, int]:
        """The first passages of the held-out text, `most` tokens at most but at least one passage, and their bytes."""
        count = int(np.searchsorted(self.passages[:, 0], most, side="right"))
        tokens, size = self.passages[max(count, 1) - 1].tolist()
        return self.validation[:tokens], size


def build_tokens(
    dataset: Path, documents: Documents, split: Split, tokenizer: Tokenizer, told: Told = unheard
) -> Tokens:
    """The tokens of `split` under the data set's folder, encoded or found again.

    `told` hears how much of the work is done; what it raises ends the work, which leaves nothing. Raises OSError.
    """
    folder = dataset / "tokens" / _key(split, tokenizer)
    if (found := _open(folder)) is not None:
        return found
    with suppress(FileExistsError), new_folder(folder, makes_way=_is_damaged) as aside:  # or another run wrote the same
        meta = _write(aside, documents, split, tokenizer, told)
        (aside / _META).write_text(meta.model_dump_json(indent=2), encoding="utf-8")
    built = _open(folder)
    if built is None:
        raise OSError("the token file changed while it was being written")
    return built


def _key(split: Split, tokenizer: Tokenizer) -> str:
    """What the tokens follow from; the documents are the data set's, and never change."""
    return hashlib.sha256(f"tokens 2, {split.key}, {tokenizer.sha256}".encode()).hexdigest()[:16]


@dataclass(slots=True)
class _Stream:
    """The token file, and where its documents end, while they are being written."""

    tokens: BinaryIO
    index: BinaryIO
    dtype: Literal["uint16", "uint32"]
    end_of_text: int
    written: int = 0
    """Tokens."""

    def add(self, passages: Passages) -> NDArray[np.int64]:
        """Returns where each passage ends. Raises OSError."""
        ends = np.cumsum(passages.lengths)
        ids = np.insert(passages.ids.astype(self.dtype), ends[passages.last], self.end_of_text)
        ends += self.written + np.cumsum(passages.last)
        self.written += len(ids)
        ids.tofile(self.tokens)
        ends[passages.last].astype(np.uint64).tofile(self.index)
        return ends


def _write(folder: Path, documents: Documents, split: Split, tokenizer: Tokenizer, told: Told) -> TokensMeta:
    dtype: Literal["uint16", "uint32"] = "uint16" if tokenizer.vocabulary <= 2**16 else "uint32"
    total, done = bytes_in(split.train) + bytes_in(split.validation), 0
    with (
        (folder / _TOKENS).open("wb") as tokens,
        (folder / _DOCUMENTS).open("wb") as index,
        (folder / _PASSAGES).open("wb") as scored,
    ):
        stream = _Stream(tokens, index, dtype, tokenizer.end_of_text)
        np.zeros(1, np.uint64).tofile(index)
        for passages in encoded(documents, split.train, LONGEST, tokenizer):
            stream.add(passages)
            done += int(passages.bytes.sum())
            told(done / total)
        train_tokens, train_bytes, count = stream.written, done, 0
        for passages in encoded(documents, split.validation, _PASSAGE, tokenizer):
            ends = stream.add(passages) - train_tokens
            sizes = np.cumsum(passages.bytes) + (done - train_bytes)
            np.column_stack((ends, sizes)).astype(np.uint64).tofile(scored)
            count += len(ends)
            done += int(passages.bytes.sum())
            told(done / total)
    return TokensMeta(
        tokenizer=tokenizer.name,
        tokenizer_sha256=tokenizer.sha256,
        split=split.key,
        vocabulary=tokenizer.vocabulary,
        dtype=dtype,
        train_documents=len(split.train),
        train_tokens=train_tokens,
        validation_documents=len(split.validation),
        validation_tokens=stream.written - train_tokens,
        validation_passages=count,
    )


def _is_damaged(folder: Path) -> bool:
    return _open(folder) is None


def _open(folder: Path) -> Tokens | None:
    """The tokens in `folder`, or None if it does not hold a whole set."""
    try:
        meta = TokensMeta.model_validate_json((folder / _META).read_bytes())
        tokens: TokenArray = np.memmap(folder / _TOKENS, dtype=meta.dtype, mode="r")
        documents: NDArray[np.uint64] = np.memmap(folder / _DOCUMENTS, np.uint64, mode="r")
        passages: NDArray[np.uint64] = np.fromfile(folder / _PASSAGES, np.uint64).reshape(-1, 2)
    except (OSError, ValueError):
        return None
    whole = (
        len(tokens) == meta.train_tokens + meta.validation_tokens
        and len(documents) == meta.train_documents + meta.validation_documents + 1
        and len(passages) == meta.validation_passages
    )
    if not whole:
        return None
    return Tokens(tokens[: meta.train_tokens], tokens[meta.train_tokens :], documents, passages, meta)
