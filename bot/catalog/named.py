"""What a name that a person typed stands for, where a tokenizer is asked for. Pure."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable

from pydantic import ValidationError

from trainer_core.errors import Code, SpotterError
from trainer_core.spec import TokenizerSpec
from trainer_core.tokenizers import families

KINDS = ("auto", "bpe", "unigram", "wordpiece", "sentencepiece", "characters")
"""Tokenizers that a run can make for itself."""

_FEW = 10
"""Names that are all listed where none is near."""
_CALLED = {"dataset": "data"}
"""What people know a field by, where it is not by its name."""
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


def tokenizer_spec(named: str, vocabulary: int | None, saved: Collection[str]) -> TokenizerSpec:
    """What a run is to use: `named` is one of the `saved` tokenizers, a kind to make, or a known model family.

    Raises SpotterError: TOKENIZER_NOT_FOUND with the nearest name, CONFIG_INVALID.
    """
    wanted = named.strip().lower()
    family = families.find(wanted)
    raw: dict[str, object] = {"kind": wanted, "vocabulary": vocabulary}
    if wanted in saved:
        raw |= {"kind": "saved", "name": wanted}
    elif family is not None:
        raw |= {"kind": "pretrained", "name": family.name}
    elif wanted not in KINDS:
        raise no_tokenizer(named, [*saved, *KINDS, *(known.name for known in families.FAMILIES)])
    try:
        return TokenizerSpec.model_validate(raw)
    except ValidationError as error:
        raise invalid(error, "tokenizer") from error


def is_family(named: str) -> bool:
    """Whether it can only be a model family, or a model on the Hub: no folder of the machine."""
    return families.find(named) is not None or _HUB_ID.fullmatch(named) is not None


def no_tokenizer(named: str, known: Iterable[str]) -> SpotterError:
    """The error for a name that is none of `known`."""
    names = list(known)
    near = difflib.get_close_matches(named.strip().lower(), names, n=1)
    if near:
        hint = f"; did you mean {near[0]}?"
    else:
        hint = f"; there are: {', '.join(names)}" if 0 < len(names) <= _FEW else ""
    return SpotterError(
        Code.TOKENIZER_NOT_FOUND,
        f"there is no tokenizer {named.strip()[:64]!r}{hint}",
        field="tokenizer",
        next_step="Name one that you made, a kind like `bpe` or `characters`, or a model family like `gpt2`.",
    )


def invalid(error: ValidationError, field: str) -> SpotterError:
    """The first thing that is wrong, in a sentence; `field` is named where it concerns several."""
    first = error.errors()[0]
    message = first["msg"].removeprefix("Value error, ")
    name = ".".join(map(str, first["loc"])) or field
    return SpotterError(Code.CONFIG_INVALID, message[:1].lower() + message[1:], field=_CALLED.get(name, name))
