"""The corpus as token ids in one flat file, mapped into memory: training first, then held-out text.

`tokens.bin` holds every document followed by the end of text; `docs.idx` holds where each document starts, and where
the last one ends; `meta.json` says how to read both.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from trainer_core.data.split import Split
from trainer_core.folders import new_folder
from trainer_core.tokenizers.bpe import BPE

TokenArray = NDArray[np.uint16] | NDArray[np.uint32]

_ENCODED_AT_ONCE = 1_000


class TokensMeta(BaseModel):
    """How to read the token file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1] = 1
    tokenizer: str
    vocabulary: int = Field(ge=1)
    dtype: Literal["uint16", "uint32"]
    train_documents: int = Field(ge=0)
    train_tokens: int = Field(ge=0)
    validation_documents: int = Field(ge=0)
    validation_tokens: int = Field(ge=0)


@dataclass(frozen=True, slots=True)
class Tokens:
    """Both sides of a corpus as token ids, shape (tokens,)."""

    train: TokenArray
    validation: TokenArray
    meta: TokensMeta


def build_tokens(dataset: Path, key: str, split: Split, tokenizer: BPE) -> Tokens:
    """The tokens of `split` under the data set's folder, encoded or found again. Raises OSError.

    `key` stands for the content of `split`.
    """
    name = hashlib.sha256(f"{key}\n{tokenizer.name}".encode()).hexdigest()[:16]
    folder = dataset / "tokens" / name
    if (found := _open(folder)) is not None:
        return found
    with suppress(FileExistsError), new_folder(folder, makes_way=_is_damaged) as aside:  # or another run wrote the same
        _write(aside, split, tokenizer)
    built = _open(folder)
    if built is None:
        raise OSError("the token file changed while it was being written")
    return built


def _write(folder: Path, split: Split, tokenizer: BPE) -> None:
    dtype: Literal["uint16", "uint32"] = "uint16" if tokenizer.vocabulary <= 2**16 else "uint32"
    offsets = [0]
    with (folder / "tokens.bin").open("wb") as file:
        for side in (split.train, split.validation):
            for ids in _encoded(side, tokenizer):
                file.write(np.asarray([*ids, tokenizer.end_of_text], dtype=dtype).tobytes())
                offsets.append(offsets[-1] + len(ids) + 1)
    np.asarray(offsets, dtype=np.uint64).tofile(folder / "docs.idx")
    train_tokens = offsets[len(split.train)]
    meta = TokensMeta(
        tokenizer=tokenizer.name,
        vocabulary=tokenizer.vocabulary,
        dtype=dtype,
        train_documents=len(split.train),
        train_tokens=train_tokens,
        validation_documents=len(split.validation),
        validation_tokens=offsets[-1] - train_tokens,
    )
    (folder / "meta.json").write_text(meta.model_dump_json(indent=2), encoding="utf-8")


def _encoded(texts: Sequence[str], tokenizer: BPE) -> Iterator[list[int]]:
    waiting = iter(texts)
    while some := list(islice(waiting, _ENCODED_AT_ONCE)):
        yield from tokenizer.encode(some)


def _is_damaged(folder: Path) -> bool:
    return _open(folder) is None


def _open(folder: Path) -> Tokens | None:
    """The tokens in `folder`, or None if it does not hold a whole set."""
    try:
        meta = TokensMeta.model_validate_json((folder / "meta.json").read_bytes())
        tokens: TokenArray = np.memmap(folder / "tokens.bin", dtype=meta.dtype, mode="r")
    except (OSError, ValueError):
        return None
    if len(tokens) != meta.train_tokens + meta.validation_tokens:
        return None
    return Tokens(tokens[: meta.train_tokens], tokens[meta.train_tokens :], meta)
