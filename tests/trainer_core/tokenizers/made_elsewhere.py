"""Tokenizers as others publish them, trained here on a few words, in the files that models come with."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import sentencepiece
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

WORDS = "The quick brown fox jumps over the lazy dog, naïvely. Съешь же ещё этих мягких французских булок. " * 20
TEXTS = ("The lazy fox, 2 dogs.", "  an indented line\n\tand a tab", "Съешь ещё", "你好", "", "naïve ﬁne")


def byte_level(*special: str, vocabulary: int = 300) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=list(special),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([WORDS], trainer)
    return tokenizer


def wordpiece() -> Tokenizer:
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    trainer = trainers.WordPieceTrainer(vocab_size=120, special_tokens=special, show_progress=False)
    tokenizer.train_from_iterator([WORDS], trainer)
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return tokenizer


def sentencepiece_model(**settings: Any) -> bytes:  # Any: the trainer's own settings
    model = io.BytesIO()
    defaults: dict[str, Any] = {"model_type": "unigram", "vocab_size": 120, "hard_vocab_limit": False}
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(WORDS.split(". ")), model_writer=model, minloglevel=2, **{**defaults, **settings}
    )
    return model.getvalue()


def publish_gpt2(folder: Path) -> None:
    """As before there was a tokenizer.json: a vocabulary and its merges."""
    folder.mkdir(parents=True)
    byte_level("<|endoftext|>").model.save(str(folder))
    (folder / "config.json").write_text('{"model_type": "gpt2"}')


def publish_bert(folder: Path) -> None:
    folder.mkdir(parents=True)
    wordpiece().save(str(folder / "tokenizer.json"))
    config = {"tokenizer_class": "BertTokenizer", "cls_token": "[CLS]", "sep_token": "[SEP]", "pad_token": "[PAD]"}
    (folder / "tokenizer_config.json").write_text(json.dumps({**config, "unk_token": "[UNK]", "mask_token": "[MASK]"}))


def publish_t5(folder: Path) -> None:
    folder.mkdir(parents=True)
    model = sentencepiece_model(pad_id=0, eos_id=1, unk_id=2, bos_id=-1)
    (folder / "spiece.model").write_bytes(model)
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "T5Tokenizer", "extra_ids": 0}')
    (folder / "config.json").write_text('{"model_type": "t5"}')


def publish_llama3(folder: Path) -> None:
    folder.mkdir(parents=True)
    tokenizer = byte_level("<|begin_of_text|>", "<|end_of_text|>")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<|begin_of_text|> $A", pair=None, special_tokens=[("<|begin_of_text|>", 0)]
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<|begin_of_text|>"}
    (folder / "tokenizer_config.json").write_text(json.dumps({**config, "eos_token": "<|end_of_text|>"}))
