"""A tokenizer that was made elsewhere, made fit for a run: checked, with a token that ends a text, and saved."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from tokenizers import AddedToken, Tokenizer

from trainer_core.errors import Code, SpotterError
from trainer_core.tokenizers.fast import END_OF_TEXT, FastTokenizer, open_fast, save_tokenizer

LARGEST_VOCABULARY = 500_000

PARTS = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")
"""The names that transformers has for what a special token is there for."""

_ENDS = ("<|endoftext|>", "<|end_of_text|>", "</s>", "<eos>", "[EOS]", "[SEP]")
"""What ends a text in tokenizers that do not say: the first of these that is there."""

_TRIAL = "Two words, 3.14 and a line.\nПривет, мир! 你好 こんにちは مرحبا नमस्ते"

_T = TypeVar("_T")


def adopt(backend: Tokenizer, parts: Mapping[str, str], folder: Path, name: str) -> FastTokenizer:
    """Save `backend` into the empty `folder` as a run needs it, and open it from there.

    `parts` are its special tokens by what they are for, as far as anyone says. Where no token ends a text, one is
    added. What it puts around each text by itself is taken out, as are padding, truncation and chance: a run decides
    where its documents end. Raises TOKENIZER_LOAD_FAILED, which calls it `name`; OSError.
    """
    known = backend.get_vocab()
    parts = {part: token for part, token in parts.items() if part in PARTS and token in known}
    end = parts.pop("eos_token", None) or parts.pop("sep_token", None) or _first_known(known) or END_OF_TEXT
    parts.pop("bos_token", None)  # a text starts from what ended the one before
    parts.pop("unk_token", None)  # the model knows
    special = [AddedToken(token, special=True, normalized=False) for token in dict.fromkeys((end, *parts.values()))]
    unguarded(lambda: backend.add_special_tokens(special), name)
    backend.post_processor = None
    backend.no_truncation()
    backend.no_padding()
    if getattr(backend.model, "dropout", None) is not None:
        backend.model.dropout = None
    _check(backend, name)
    save_tokenizer(folder, backend, end, _unknown(backend), **parts)
    return open_fast(folder)


def unguarded(call: Callable[[], _T], name: str) -> _T:
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
    written = unguarded(lambda: backend.encode(_TRIAL, add_special_tokens=False).ids, name)
    if not written or max(written) >= largest:
        raise refused(name, "does not turn text into its tokens")


def _first_known(known: Mapping[str, int]) -> str | None:
    return next((token for token in _ENDS if token in known), None)


def _unknown(backend: Tokenizer) -> str | None:
    """The token that stands for what the model has no other for."""
    model = json.loads(backend.model.__getstate__())
    token = model.get("unk_token")
    if token is None and model.get("unk_id") is not None:  # of a Unigram, whose vocabulary is a list
        token = model["vocab"][model["unk_id"]][0]
    return token if isinstance(token, str) and token in backend.get_vocab() else None
