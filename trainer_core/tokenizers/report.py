"""How well a tokenizer serves a text, and what is wrong with it."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from trainer_core.errors import Code, SpotterError
from trainer_core.tokenizers.card import TokenizerReport
from trainer_core.tokenizers.tokenizer import Encoded, Tokenizer

MOST_UNKNOWN = 0.01
"""Share of the tokens that may be unknown without being a problem."""

_WORD = re.compile(r"\w+")
_MOST_WORDS = 50_000
"""Different words that fertility is measured on: the most frequent ones."""
_MOST_PROBLEMS = 20
_LONGEST_NAME = 60
"""Characters of a special token that a problem calls it by."""


def report(tokenizer: Tokenizer, texts: Sequence[str]) -> TokenizerReport:
    """What the tokenizer makes of `texts`, which it was not trained on: some MiB at most, held in memory."""
    began = time.perf_counter()
    encoded = tokenizer.encode_batch(texts)
    seconds = time.perf_counter() - began
    tokens = len(encoded.ids)
    characters = sum(map(len, texts))
    size = sum(len(text.encode()) for text in texts)
    words = Counter(word for text in texts for word in _WORD.findall(text))
    ids = [*tokenizer.special_tokens.values(), tokenizer.end_of_text, *_ends(encoded)]
    unknown = 0 if tokenizer.unknown is None else int(np.count_nonzero(encoded.ids == tokenizer.unknown))
    measured = TokenizerReport(
        documents=len(texts),
        bytes=size,
        tokens=tokens,
        coverage=1 - _share(tokenizer.unknown_characters(texts), characters),
        unknown_rate=_share(unknown, tokens),
        tokens_per_character=_share(tokens, characters),
        tokens_per_word=_share(tokens, words.total()),
        tokens_per_byte=_share(tokens, size),
        fertility=_fertility(tokenizer, words),
        round_trip=_share(sum(_comes_back(tokenizer, texts, encoded)), len(texts)),
        exact=tokenizer.exact,
        smallest_id=min(ids),
        largest_id=max(ids),
        seconds=seconds,
    )
    problems = (*_problems(tokenizer, measured), *_special_problems(tokenizer))
    told = problems[:_MOST_PROBLEMS]
    if len(problems) > len(told):
        told = (*told, f"{len(problems) - len(told):,} more problems like these")
    return measured.model_copy(update={"problems": told})


def check(name: str, measured: TokenizerReport) -> None:
    """Raises TOKENIZER_TRAIN_FAILED, which calls the tokenizer `name`, if the report has problems."""
    if measured.problems:
        raise SpotterError(
            Code.TOKENIZER_TRAIN_FAILED,
            f"the tokenizer {name} has problems: {'; '.join(measured.problems)}",
            field="strict",
            next_step="Choose another kind or vocabulary, give more text, or do without `strict`.",
        )


def _problems(tokenizer: Tokenizer, measured: TokenizerReport) -> Iterator[str]:
    if measured.tokens == 0:
        yield "there was no text to try it on"
    if measured.unknown_rate > MOST_UNKNOWN:
        yield f"{measured.unknown_rate:.1%} of the tokens are unknown"
    if measured.largest_id >= tokenizer.vocabulary:
        yield f"it writes the id {measured.largest_id:,}, outside of its vocabulary of {tokenizer.vocabulary:,}"
    if tokenizer.exact and measured.documents and measured.round_trip < 1:
        yield f"only {measured.round_trip:.1%} of the documents come back as they were"


def _special_problems(tokenizer: Tokenizer) -> Iterator[str]:
    special = tokenizer.special_tokens
    if tokenizer.end_of_text not in special.values():
        yield "no special token ends a text"
    for text, index in special.items():
        if tokenizer.encode_with_special(text) != [index]:
            yield f"{_called(text)} is not written as one token"
        if index != tokenizer.unknown and index in tokenizer.encode_batch([text]).ids:
            yield f"a text that spells {_called(text)} is taken for the token"
    if tokenizer.decode(list(special.values())):
        yield "special tokens come back as text"


def _called(special: str) -> str:
    return special if len(special) <= _LONGEST_NAME else f"{special[:_LONGEST_NAME]}…"


def _fertility(tokenizer: Tokenizer, words: Counter[str]) -> float:
    common = words.most_common(_MOST_WORDS)
    lengths = tokenizer.encode_batch([word for word, _ in common]).lengths
    counts = np.asarray([times for _, times in common], np.int64)
    return _share(int(lengths @ counts), int(counts.sum()))


def _comes_back(tokenizer: Tokenizer, texts: Sequence[str], encoded: Encoded) -> Iterator[bool]:
    ends = np.cumsum(encoded.lengths)
    for text, start, end in zip(texts, ends - encoded.lengths, ends, strict=True):
        yield tokenizer.decode(encoded.ids[start:end].tolist()) == text


def _ends(encoded: Encoded) -> list[int]:
    return [int(encoded.ids.min()), int(encoded.ids.max())] if len(encoded.ids) else []


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
