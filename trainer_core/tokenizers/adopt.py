"""A tokenizer that was made elsewhere, made fit for a run: checked, with a token that ends a text, and saved."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TypeVar

from tokenizers import AddedToken, Tokenizer

from trainer_core.errors import Code, SpotterError
from trainer_core.tokenizers.fast import END_OF_TEXT, FastTokenizer, open_fast, save_tokenizer

LARGEST_VOCABULARY = 500_000

PARTS = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")
"""The names that transformers has for what a special token is there for."""

_ENDS = ("<|endoftext|>", "<|end_of_text|>", "</s>", "<eos>", "[EOS]", "[SEP]")
"""What ends a text in tokenizers that do not say: the first of these that they have."""

_TRIAL = "Two words, 3.14 and a line.\nПривет, мир! 你好 こんにちは مرحبا नमस्ते"

_T = TypeVar("_T")


def adopt(backend: Tokenizer, parts: Mapping[str, str], folder: Path, name: str) -> FastTokenizer:
    """Save `backend` into the empty `folder` as a run needs it, and open it from there.

    `parts` are its special tokens by what they are for, as far as anyone says. Where no token ends a text, one is
    added. What it puts around each text by itself is taken out, as are padding, truncation and chance: a run decides
    where its documents end. Raises TOKENIZER_LOAD_FAILED, which calls it `name`; OSError.
    """
    backend.post_processor = None
    backend.no_truncation()
    backend.no_padding()
    if getattr(backend.model, "dropout", None) is not None:
        backend.model.dropout = None
    known = backend.get_vocab()
    parts = {part: token for part, token in parts.items() if part in PARTS and token in known}
    end = guarded(lambda: _end_of_text(backend, (parts.get("eos_token"), parts.get("sep_token"), *_ENDS)), name)
    for part in ("eos_token", "bos_token", "unk_token"):  # a text starts from what ended the one before
        parts.pop(part, None)
    guarded(lambda: backend.add_special_tokens([_special(token) for token in parts.values()]), name)
    _check(backend, name)
    save_tokenizer(folder, backend, end, _unknown(backend), **parts)
    return open_fast(folder)


def guarded(call: Callable[[], _T], name: str) -> _T:
    """What `call` returns, where it makes the library work on what somebody else wrote.

    Raises TOKENIZER_LOAD_FAILED for whatever the library raises.
    """
    try:
        return call()
    except SpotterError:
        raise
    except Exception as error:  # the library raises bare Exception
        raise refused(name, "is no tokenizer that Spotter can open") from error
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # of the library's Rust, which derives from nothing narrower
            raise
        raise refused(name, "is no tokenizer that Spotter can open") from error


def refused(name: str, what: str, next_step: str = "Give another tokenizer, or let Spotter train one.") -> SpotterError:
    return SpotterError(Code.TOKENIZER_LOAD_FAILED, f"{name} {what}", field="tokenizer", next_step=next_step)


def _check(backend: Tokenizer, name: str) -> None:
    """Raises TOKENIZER_LOAD_FAILED if a model could not be trained with it."""
    ids = backend.get_vocab().values()
    largest = max(ids) + 1
    if largest > LARGEST_VOCABULARY:
        raise refused(name, f"has ids up to {largest:,}; Spotter takes at most {LARGEST_VOCABULARY:,}")
    used = len(set(ids))
    if used <= largest // 2:
        raise refused(name, f"uses {used:,} of its {largest:,} ids only")
    written = guarded(lambda: backend.encode(_TRIAL, add_special_tokens=False).ids, name)
    if not written or max(written) >= largest:
        raise refused(name, "does not turn text into its tokens")


def _end_of_text(backend: Tokenizer, wanted: Iterable[str | None]) -> str:
    """The first of the tokens that are there that a text cannot spell, made a special one; else a new one."""
    backend.encode_special_tokens = True
    known = backend.get_vocab()
    for token in wanted:
        if token in known:
            backend.add_special_tokens([_special(token)])
            if known[token] not in backend.encode(token, add_special_tokens=False).ids:
                return token
    new = END_OF_TEXT
    while new in known:
        new = f"<{new}>"
    backend.add_special_tokens([_special(new)])
    return new


def _special(token: str) -> AddedToken:
    return AddedToken(token, special=True, normalized=False)


def _unknown(backend: Tokenizer) -> str | None:
    """The token that stands for what the model has no other for."""
    model = json.loads(backend.model.__getstate__())
    token = model.get("unk_token")
    if token is None and model.get("unk_id") is not None:  # of a Unigram, whose vocabulary is a list
        token = model["vocab"][model["unk_id"]][0]
    return token if isinstance(token, str) and token in backend.get_vocab() else None
