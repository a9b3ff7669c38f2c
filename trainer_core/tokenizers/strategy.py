"""Which tokenizer a run gets: four tiers, from what is asked, the model's family and the size of the text.

Pure: what there is to choose from is given. A choice names what to do instead where it cannot be made after all,
and `first_made` goes through them in order. What a person asked for by name has nothing instead.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Literal, TypeVar

from trainer_core.errors import Code, SpotterError
from trainer_core.spec import FEWEST_TOKENS, TokenizerSpec
from trainer_core.tokenizers import families, shelf

TrainedKind = Literal["bpe", "unigram", "wordpiece", "sentencepiece"]

SUITED_CHARACTERS = 4_096
"""Vocabulary of a character-level tokenizer when nobody asks for another."""

_READS_CHARACTERS = "a char-lstm reads character by character"
_CHARACTERS_PER_TOKEN = 16
"""Tokens stand for about four characters: each of them is then met four times on average; fewer teach nothing."""
_TOKENS_FOR_ANY = 512
"""Any text may have this many: most of them are the bytes."""

_T = TypeVar("_T")


class Tier(IntEnum):
    NAMED = 1
    """What the person asked for."""
    FAMILY = 2
    """The tokenizer that models of the family come with."""
    TRAINED = 3
    """One trained on the text."""
    CHARACTERS = 4
    """Character by character: needs no training and takes any vocabulary."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A tokenizer to open or to make, why, and what to do instead if it cannot be had."""

    tier: Tier
    kind: TrainedKind | Literal["characters", "pretrained", "saved", "source"]
    """`source`: the one that the model learnt with which the run goes on from."""
    reason: str
    """As half a sentence for a person."""
    name: str | None = None
    """Of what is saved or pretrained."""
    vocabulary: int | None = None
    """Tokens to make; None for what has its own, or for as many characters as suit the text."""
    fallbacks: tuple[Choice, ...] = ()
    """In order."""


@dataclass(frozen=True, slots=True)
class Available:
    """What there is to choose from, besides what can always be made."""

    saved: Mapping[str, int] = field(default_factory=dict)
    """Vocabulary of each tokenizer under the home folder, by name."""
    pretrained: Collection[str] = ()
    """Families whose tokenizer is on this machine."""


_NOTHING = Available()


def suggested_vocabulary(characters: int) -> int:
    """Tokens for a corpus of this many characters: a multiple of 128 that grows with its square root."""
    wanted = 128 * round(_square_root_law(characters) / 128)
    return min(32_768, max(512, wanted))


def largest_vocabulary(characters: int) -> int:
    """The most tokens that can be trained on this many characters."""
    return _TOKENS_FOR_ANY + characters // _CHARACTERS_PER_TOKEN


def choose(asked: TokenizerSpec, family: str, characters: int, available: Available = _NOTHING) -> Choice:
    """The tokenizer for a model of `family` on a text of so many characters.

    Raises TOKENIZER_NOT_FOUND, TOKENIZER_TRAIN_FAILED (the text is too small for the vocabulary) or
    MODEL_INCOMPATIBLE (the tokenizer that was named has another vocabulary than was asked for, or the model has its
    own).
    """
    if family == "pretrained":
        return _of_the_model(asked)
    match asked.kind:
        case "auto" if family == "char-lstm":
            choice = Choice(Tier.FAMILY, "characters", _READS_CHARACTERS, vocabulary=asked.vocabulary)
        case "auto":
            first, *others = (
                *_of_the_family(asked.vocabulary, family, characters, available),
                *_trained(asked.vocabulary, characters),
                _characters(asked.vocabulary, characters),
            )
            choice = replace(first, fallbacks=tuple(others))
        case "saved":
            choice = _saved(asked.name or "", asked.vocabulary, available.saved)
        case "pretrained":
            choice = _pretrained(asked.name or "", asked.vocabulary)
        case "characters":
            suits = None if family == "char-lstm" else SUITED_CHARACTERS
            choice = Choice(Tier.NAMED, "characters", "asked for", vocabulary=asked.vocabulary or suits)
        case kind:
            choice = _of_kind(kind, asked.vocabulary, characters)
    return choice


def first_made(choice: Choice, make: Callable[[Choice], _T]) -> tuple[_T, str]:
    """What `make` makes of the choice, or of the first of its fallbacks that can be had, and the reason for that one.

    Only what is wrong with a tokenizer (TOKENIZER_*) leads to the next; the last one's error is raised.
    """
    passed_over = ""
    for candidate in (choice, *choice.fallbacks):
        try:
            return make(candidate), candidate.reason + passed_over
        except SpotterError as error:
            if not error.code.startswith("TOKENIZER_"):
                raise
            failed = error
            passed_over += f"; not {candidate.name or candidate.kind}, since {error.message}"
    raise failed


def check_match(name: str, vocabulary: int, wanted: int) -> None:
    """Raises MODEL_INCOMPATIBLE unless the tokenizer called `name` has the vocabulary of the model."""
    if vocabulary != wanted:
        raise SpotterError(
            Code.MODEL_INCOMPATIBLE,
            f"{name} has {vocabulary:,} tokens, and the model is to have {wanted:,}",
            field="tokenizer",
            next_step="Leave the vocabulary out, or take the tokenizer that the model was made with.",
        )


def too_large(vocabulary: int, most: int) -> SpotterError:
    """For a text that has no more than `most` tokens in it."""
    return SpotterError(
        Code.TOKENIZER_TRAIN_FAILED,
        f"{vocabulary:,} is more than this text supports",
        field="tokenizer.vocabulary",
        next_step=f"Ask for at most {most:,}, give more text, or take the kind `characters`, which needs no training.",
    )


def _of_kind(kind: TrainedKind, vocabulary: int | None, characters: int) -> Choice:
    """Trained, as the person asked for."""
    if vocabulary is None:
        suited = max(suggested_vocabulary(characters), FEWEST_TOKENS.get(kind, 0))
        return Choice(Tier.NAMED, kind, f"asked for; {_suits(suited, characters)}", vocabulary=suited)
    if vocabulary > largest_vocabulary(characters):
        raise too_large(vocabulary, largest_vocabulary(characters))
    return Choice(Tier.NAMED, kind, f"asked for, with {vocabulary:,} tokens", vocabulary=vocabulary)


def _saved(name: str, vocabulary: int | None, saved: Mapping[str, int]) -> Choice:
    if name not in saved:
        raise shelf.not_found(name, list(saved))
    check_match(name, saved[name], vocabulary or saved[name])
    return Choice(Tier.NAMED, "saved", f"{name} was asked for", name)


def _pretrained(name: str, vocabulary: int | None) -> Choice:
    known = families.find(name)
    if known:
        check_match(known.name, known.vocabulary, vocabulary or known.vocabulary)
    return Choice(Tier.NAMED, "pretrained", f"{name} was asked for", name)


def _of_the_model(asked: TokenizerSpec) -> Choice:
    """The one it learnt with: with any other, what it knows of its tokens would be of others."""
    if asked.kind != "auto" or asked.vocabulary is not None:
        raise SpotterError(
            Code.MODEL_INCOMPATIBLE,
            "a model that has learnt before keeps the tokenizer that it learnt with",
            field="tokenizer",
            next_step="Leave the tokenizer and the vocabulary out.",
        )
    return Choice(Tier.FAMILY, "source", "the model learnt with it")


def _of_the_family(vocabulary: int | None, family: str, characters: int, available: Available) -> Iterator[Choice]:
    """The family's own, where it is here and is what was asked for, or what so much text would be given anyway."""
    known = families.find(family)
    if known is None or known.name not in available.pretrained:
        return
    why = f"models of the family {family} come with it"
    if vocabulary == known.vocabulary:
        yield Choice(Tier.FAMILY, "pretrained", f"{why}, and have the {vocabulary:,} tokens asked for", known.name)
    elif vocabulary is None and _square_root_law(characters) >= known.vocabulary:
        yield Choice(Tier.FAMILY, "pretrained", f"{why}, and {_suits(known.vocabulary, characters)}", known.name)


def _trained(vocabulary: int | None, characters: int) -> Iterator[Choice]:
    """Byte-level BPE, where it can have that vocabulary and the text supports it."""
    if vocabulary is None:
        suited = suggested_vocabulary(characters)
        yield Choice(Tier.TRAINED, "bpe", f"trained on this text; {_suits(suited, characters)}", vocabulary=suited)
    elif FEWEST_TOKENS["bpe"] <= vocabulary <= largest_vocabulary(characters):
        why = f"trained on this text, which supports the {vocabulary:,} tokens asked for"
        yield Choice(Tier.TRAINED, "bpe", why, vocabulary=vocabulary)


def _characters(vocabulary: int | None, characters: int) -> Choice:
    if vocabulary is None:
        why = "needs no training"
    elif vocabulary < FEWEST_TOKENS["bpe"]:
        why = f"{vocabulary:,} tokens are too few for byte-level BPE"
    elif vocabulary > largest_vocabulary(characters):
        why = f"{vocabulary:,} tokens are more than can be trained on {characters:,} characters"
    else:
        why = f"has the {vocabulary:,} tokens asked for without training"
    return Choice(Tier.CHARACTERS, "characters", why, vocabulary=vocabulary or SUITED_CHARACTERS)


def _suits(vocabulary: int, characters: int) -> str:
    return f"{vocabulary:,} tokens suit {characters:,} characters"


def _square_root_law(characters: int) -> float:
    return 6 * math.sqrt(characters)
