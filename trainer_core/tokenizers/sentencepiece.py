"""SentencePiece (an extra): trained by its own library, written as a `tokenizer.json` that encodes the same."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterable, Iterator
from types import ModuleType

from tokenizers import Tokenizer

from trainer_core.errors import Code, SpotterError
from trainer_core.tokenizers.fast import END_OF_TEXT
from trainer_core.tokenizers.proto import converted

UNKNOWN = "<unk>"

_MOST_LINES = 1_000_000
"""What is trained on of a larger text, drawn by chance: they are all held in memory."""
_LINE = re.compile(r"[^\x00-\x1f\u2581\u2585]{1,1000}")
"""SentencePiece passes over a line that is longer than 4,192 bytes or has what it keeps for itself in it."""
_SPELLS = "".join(sorted({*"0123456789ABCDEF<>x", *END_OF_TEXT, *UNKNOWN}))
"""The characters of the pieces that are no text: what spells one of those has to be written in others."""
_TOO_FEW = re.compile(r"Vocabulary size is smaller than required_chars\. \d+ vs (\d+)")


def train(texts: Iterable[str], vocabulary: int) -> Tokenizer:
    """A tokenizer of `vocabulary` tokens, or as many as `texts` support. Raises what `trained_model` raises."""
    tokenizer, _ = converted(trained_model(texts, vocabulary), "SentencePiece")
    return tokenizer


def trained_model(texts: Iterable[str], vocabulary: int) -> bytes:
    """A Unigram model with byte fallback, trained on all cores, as SentencePiece saves it.

    Raises TOKENIZER_TRAIN_FAILED if the extra is not installed or the characters of `texts` need more tokens, and what
    `texts` raise.
    """
    library = _library()
    model = io.BytesIO()
    lines = _Lines(texts)
    try:
        library.SentencePieceTrainer.train(
            sentence_iterator=iter(lines),
            model_writer=model,
            model_type="unigram",
            vocab_size=vocabulary,
            hard_vocab_limit=False,
            byte_fallback=True,
            required_chars=_SPELLS,
            normalization_rule_name="identity",
            add_dummy_prefix=False,
            remove_extra_whitespaces=False,
            eos_id=0,
            eos_piece=END_OF_TEXT,
            unk_id=1,
            bos_id=-1,
            pad_id=-1,
            input_sentence_size=_MOST_LINES,
            num_threads=os.cpu_count() or 1,
            minloglevel=2,
        )
    except RuntimeError as error:
        raise lines.failed or _failed(str(error), vocabulary) from error
    return model.getvalue()


class _Lines:
    """The lines of texts as SentencePiece takes them in; it swallows what goes wrong with them, so that is kept."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._texts = texts
        self.failed: Exception | None = None

    def __iter__(self) -> Iterator[str]:
        try:
            for text in self._texts:
                yield from _LINE.findall(text)
        except Exception as error:
            self.failed = error
            raise


def _failed(why: str, vocabulary: int) -> SpotterError:
    if match := _TOO_FEW.search(why):
        return SpotterError(
            Code.TOKENIZER_TRAIN_FAILED,
            f"{vocabulary:,} tokens are too few for the characters of this text",
            field="tokenizer.vocabulary",
            next_step=f"Ask for at least {int(match[1]):,}, or take the kind `unigram`, which writes them as bytes.",
        )
    return SpotterError(Code.TOKENIZER_TRAIN_FAILED, "SentencePiece found no tokens in this text", field="tokenizer")


def _library() -> ModuleType:
    try:
        import sentencepiece
    except ImportError as error:
        raise SpotterError(
            Code.TOKENIZER_TRAIN_FAILED,
            "SentencePiece is not installed",
            field="tokenizer.kind",
            next_step="Run `pip install -c constraints.txt -e '.[sentencepiece]'` in Spotter's folder, "
            "or take the kind `unigram`.",
        ) from error
    module: ModuleType = sentencepiece
    return module
