"""Training tokenizers, on all cores: byte-level BPE and Unigram, and WordPiece."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from trainer_core.errors import Code, SpotterError
from trainer_core.files.folders import new_folder
from trainer_core.files.layout import Home
from trainer_core.files.sums import problems_with_sums, write_sums
from trainer_core.tokenizers.fast import END_OF_TEXT, FastTokenizer, open_fast, save_tokenizer
from trainer_core.tokenizers.strategy import TrainedKind, too_large

UNKNOWN = "[UNK]"
"""Of WordPiece: stands for a word with a character that the training text had too seldom."""

Told = Callable[[int], object]
"""Is given how many bytes of text were taken in so far. What it raises ends the training, which leaves nothing."""

MOST = 256 * 2**20
"""Bytes of text that are enough to train on: more changes little, and counting the words of a text takes memory."""

_VERSION = 2
"""Of what the same text and settings train."""
_BYTES = pre_tokenizers.ByteLevel.alphabet()
_LONGEST_RUN = 1_000
"""Characters. A trainer looks through all of a word for every token that it chooses, so one of a megabyte, which holds
every pair of letters, would take it hours.
"""
_LONG = re.compile(rf"\S{{{_LONGEST_RUN}}}|\s{{{_LONGEST_RUN}}}")
_LEAST_OFTEN = 2
"""A token that a text has only once is none that it supports."""


@dataclass(frozen=True, slots=True)
class Trained:
    """A trained tokenizer that is not yet on the disk."""

    backend: Tokenizer
    unknown: str | None = None

    @property
    def vocabulary(self) -> int:
        return self.backend.get_vocab_size()

    def save(self, folder: Path) -> None:
        """Raises OSError."""
        save_tokenizer(folder, self.backend, END_OF_TEXT, self.unknown)


def train(kind: TrainedKind, texts: Iterable[str], vocabulary: int, told: Told) -> Trained:
    """A tokenizer of `vocabulary` tokens, or fewer if `texts` support no more. A core works on a whole text.

    Raises TOKENIZER_TRAIN_FAILED, and what `texts` or `told` raise.
    """
    try:
        made = Trained(*_TRAINERS[kind](counted(texts, told), vocabulary))
    except Exception as error:
        if type(error) is not Exception:  # only the library raises bare ones
            raise
        raise SpotterError(
            Code.TOKENIZER_TRAIN_FAILED, f"no {kind} tokenizer came of this text: {error}", field="tokenizer"
        ) from error
    if made.vocabulary > vocabulary:
        raise SpotterError(
            Code.TOKENIZER_TRAIN_FAILED,
            f"{vocabulary:,} tokens are too few for a {kind} tokenizer of this text",
            field="tokenizer.vocabulary",
            next_step=f"Ask for at least {made.vocabulary:,}, or take the kind `characters`.",
        )
    return made


def made_for(
    home: Home, key: str, kind: TrainedKind, texts: Iterable[str], vocabulary: int, told: Told, *, fewer: bool = True
) -> FastTokenizer:
    """The tokenizer that a run trains for itself on `texts`, or that an earlier one left.

    `key` stands for the content of `texts`: the same key, kind and vocabulary are trained once.
    Raises TOKENIZER_TRAIN_FAILED, also for `fewer` tokens than asked unless that is fine; OSError; and what `texts`
    or `told` raise.
    """
    settings = json.dumps({"kind": kind, "version": _VERSION, "vocabulary": vocabulary, "texts": key})
    folder = home.tokenizer(f"{kind}-{hashlib.sha256(settings.encode()).hexdigest()[:16]}")
    if problems_with_sums(folder):
        made = train(kind, texts, vocabulary, told)
        with suppress(FileExistsError), new_folder(folder, makes_way=problems_with_sums) as aside:
            made.save(aside)  # unless another run has done so meanwhile, with the same content
            write_sums(aside)
    tokenizer = open_fast(folder)
    if tokenizer.vocabulary < vocabulary and not fewer:
        raise too_large(vocabulary, tokenizer.vocabulary)
    return tokenizer


def _bpe(texts: Iterator[str], vocabulary: int) -> tuple[Tokenizer, None]:
    tokenizer = _byte_level(models.BPE())
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        min_frequency=_LEAST_OFTEN,
        special_tokens=[END_OF_TEXT],
        initial_alphabet=_BYTES,
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer, None


def _unigram(texts: Iterator[str], vocabulary: int) -> tuple[Tokenizer, None]:
    tokenizer = _byte_level(models.Unigram())
    trainer = trainers.UnigramTrainer(
        vocab_size=vocabulary, special_tokens=[END_OF_TEXT], initial_alphabet=_BYTES, show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer, None


def _byte_level(model: models.Model) -> Tokenizer:
    """Any text can be written, nothing is unknown, and what was written comes back as it was."""
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def _wordpiece(texts: Iterator[str], vocabulary: int) -> tuple[Tokenizer, str]:
    """As BERT's, with upper case and accents kept. White space is not."""
    tokenizer = Tokenizer(models.WordPiece(unk_token=UNKNOWN))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=False, strip_accents=False)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    trainer = trainers.WordPieceTrainer(
        vocab_size=vocabulary,
        min_frequency=_LEAST_OFTEN,
        special_tokens=[END_OF_TEXT, UNKNOWN],
        limit_alphabet=vocabulary // 4,  # each character may need two tokens: one to begin a word, one to go on
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer, UNKNOWN


def _sentencepiece(texts: Iterator[str], vocabulary: int) -> tuple[Tokenizer, str]:
    from trainer_core.tokenizers import sentencepiece

    return sentencepiece.train(texts, vocabulary), sentencepiece.UNKNOWN


_TRAINERS: dict[TrainedKind, Callable[[Iterator[str], int], tuple[Tokenizer, str | None]]] = {
    "bpe": _bpe,
    "unigram": _unigram,
    "wordpiece": _wordpiece,
    "sentencepiece": _sentencepiece,
}


def counted(texts: Iterable[str], told: Told) -> Iterator[str]:
    """The texts as a trainer takes them in, long runs without a space, or of spaces, in parts; `told` hears of it."""
    taken = 0
    for text in texts:
        yield from _cut(text) if _may_run_long(text) else (text,)
        taken += len(text.encode())
        told(taken)


def _cut(text: str) -> Iterator[str]:
    start = 0
    for run in _LONG.finditer(text):
        yield text[start : run.end()]
        start = run.end()
    yield text[start:]


def _may_run_long(text: str) -> bool:
    """Whether there could be a long run without a space, or of spaces: some aligned half of one is all so, then."""
    half = _LONGEST_RUN // 2
    parts = (text[start : start + half] for start in range(0, len(text) - half + 1, half))
    return any((" " not in part and "\n" not in part) or part.isspace() for part in parts)
