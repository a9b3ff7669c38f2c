"""Tokenizers of the `tokenizers` library: BPE, Unigram, WordPiece and whatever a `tokenizer.json` describes."""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer, pre_tokenizers

from trainer_core.errors import Code, SpotterError
from trainer_core.files.sums import sha256
from trainer_core.tokenizers.tokenizer import Encoded
from trainer_core.tokenizers.words import Words, worth_it

END_OF_TEXT = "<|endoftext|>"
"""Of the tokenizers that Spotter makes: ends every document, and is what a text starts from."""

TOKENIZER, CONFIG = "tokenizer.json", "tokenizer_config.json"

BYTE_PIECES = [f"<0x{byte:02X}>" for byte in range(256)]
_KEEPS_ALL = {"ByteLevel", "Digits", "Punctuation", "Split", "UnicodeScripts"}
"""Pre-tokenizers that cut a text and lose nothing of it, unless told to."""


@dataclass(frozen=True, slots=True)
class FastTokenizer:
    """A `Tokenizer` around one of the library's."""

    folder: Path
    backend: Tokenizer
    sha256: str
    vocabulary: int
    end_of_text: int
    unknown: int | None
    special_tokens: Mapping[str, int]
    exact: bool
    words: Words | None = None
    """Encodes in place of the library, where that is faster."""

    @property
    def name(self) -> str:
        return self.folder.name

    def encode_batch(self, texts: Sequence[str]) -> Encoded:
        return self.words.encode_batch(texts) if self.words else _encoded(self.backend, texts)

    def decode(self, ids: Sequence[int]) -> str:
        return self.backend.decode(list(ids), skip_special_tokens=True)

    def encode_with_special(self, text: str) -> list[int]:
        self.backend.encode_special_tokens = False
        try:
            return self.backend.encode(text, add_special_tokens=False).ids
        finally:
            self.backend.encode_special_tokens = True

    def unknown_characters(self, texts: Sequence[str]) -> int:
        if self.unknown is None:
            return 0
        encodings = self.backend.encode_batch(list(texts), add_special_tokens=False)
        return sum(
            end - start
            for encoding in encodings
            for token, (start, end) in zip(encoding.ids, encoding.offsets, strict=True)
            if token == self.unknown
        )


def save_tokenizer(
    folder: Path, backend: Tokenizer, end_of_text: str, unknown: str | None = None, **special: str
) -> None:
    """Write the files in `folder` that `AutoTokenizer` reads. Raises OSError."""
    (folder / TOKENIZER).write_text(backend.to_str(), encoding="utf-8")
    save_config(folder, end_of_text, unknown, **special)


def save_config(folder: Path, end_of_text: str, unknown: str | None = None, **special: str) -> None:
    """Write `tokenizer_config.json`, without importing transformers for it. Raises OSError.

    `special` are further tokens by the name that transformers has for their part: `pad_token`, `mask_token`, ...
    """
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": end_of_text,
        "eos_token": end_of_text,
        **({"unk_token": unknown} if unknown is not None else {}),
        **special,
        "clean_up_tokenization_spaces": False,
        "split_special_tokens": True,  # a corpus that spells the end of text has spelt it, not ended
        "model_max_length": 10**30,  # as transformers writes "no limit"
    }
    (folder / CONFIG).write_text(json.dumps(config, indent=2, ensure_ascii=False), encoding="utf-8")


def open_fast(folder: Path) -> FastTokenizer:
    """The tokenizer in a folder that `save_tokenizer` filled, or transformers. Raises TOKENIZER_LOAD_FAILED."""
    try:
        backend = Tokenizer.from_file(str(folder / TOKENIZER))
        config = json.loads((folder / CONFIG).read_bytes())
        checksum = sha256(folder / TOKENIZER)
    except Exception as error:  # `tokenizers` raises bare Exception for a file that is missing or malformed
        raise load_failed(folder.name, "could not be loaded") from error
    backend.encode_special_tokens = True
    backend.no_truncation()
    backend.no_padding()
    added = backend.get_added_tokens_decoder()
    ids = backend.get_vocab()
    end_of_text = ids.get(_content(config, "eos_token"))
    if end_of_text is None:
        raise load_failed(folder.name, "has no token that ends a text")
    return FastTokenizer(
        folder=folder,
        backend=backend,
        sha256=checksum,
        vocabulary=max(ids.values()) + 1,
        end_of_text=end_of_text,
        unknown=ids.get(_content(config, "unk_token")),
        special_tokens={token.content: index for index, token in sorted(added.items()) if token.special},
        exact=_is_exact(backend, ids),
        words=Words(partial(_encoded, backend)) if worth_it(backend) else None,
    )


def _encoded(backend: Tokenizer, texts: Sequence[str]) -> Encoded:
    encodings = backend.encode_batch_fast(list(texts), add_special_tokens=False)
    ids = array("I")
    for encoding in encodings:
        ids.fromlist(encoding.ids)  # three times as fast as numpy takes in lists
    lengths = np.fromiter(map(len, encodings), np.int64, len(encodings))
    return Encoded(np.frombuffer(ids, np.uint32), lengths)


def load_failed(name: str, what: str) -> SpotterError:
    return SpotterError(Code.TOKENIZER_LOAD_FAILED, f"the tokenizer {name} {what}")


def _content(config: object, part: str) -> str:
    """The text of the token that has this part; empty if none has."""
    token = config.get(part) if isinstance(config, dict) else None
    token = token.get("content") if isinstance(token, dict) else token  # as older versions of transformers wrote it
    return token if isinstance(token, str) else ""


def _is_exact(backend: Tokenizer, ids: Mapping[str, int]) -> bool:
    """Whether nothing is normalised, nothing cut away, and every byte has a token that is written back as it was."""
    added = backend.get_added_tokens_decoder().values()
    if backend.normalizer is not None or any(token.lstrip or token.rstrip for token in added if not token.special):
        return False
    steps = list(_steps(backend.pre_tokenizer, "pretokenizers"))
    if not all(step["type"] in _KEEPS_ALL and step.get("behavior") != "Removed" for step in steps):
        return False
    decoders = [step["type"] for step in _steps(backend.decoder, "decoders")]
    byte_level = [step for step in steps if step["type"] == "ByteLevel"]
    if byte_level:
        bare = not any(step["add_prefix_space"] for step in byte_level)
        return bare and decoders == ["ByteLevel"] and ids.keys() >= set(pre_tokenizers.ByteLevel.alphabet())
    falls_back = bool(getattr(backend.model, "byte_fallback", False)) and ids.keys() >= set(BYTE_PIECES)
    return falls_back and decoders == ["ByteFallback", "Fuse"]


def _steps(part: Any, inside: str) -> Iterator[dict[str, Any]]:  # Any: neither the library nor JSON says more
    """What a pre-tokenizer or decoder is made of, in order, as `tokenizer.json` has it."""
    if part is not None:
        yield from _flat(json.loads(part.__getstate__()), inside)


def _flat(step: dict[str, Any], inside: str) -> Iterator[dict[str, Any]]:
    if step["type"] == "Sequence":
        for one in step[inside]:
            yield from _flat(one, inside)
    else:
        yield step
