"""Byte-level BPE: any text can be written, nothing is unknown, and every token stands for a known number of bytes."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from trainer_core.errors import Code, SpotterError
from trainer_core.export import problems_with_sums, write_sums
from trainer_core.folders import new_folder
from trainer_core.layout import Home

END_OF_TEXT = "<|endoftext|>"
"""Ends every document, and is what a text starts from."""


@dataclass(frozen=True, slots=True)
class BPE:
    """A trained tokenizer and the folder that `AutoTokenizer` opens."""

    folder: Path
    tokenizer: Tokenizer

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def vocabulary(self) -> int:
        return self.tokenizer.get_vocab_size()

    @property
    def end_of_text(self) -> int:
        token = self.tokenizer.token_to_id(END_OF_TEXT)
        if token is None:
            raise SpotterError(Code.TOKENIZER_LOAD_FAILED, f"the tokenizer {self.name} has no {END_OF_TEXT}")
        return token

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text, without the end of text."""
        return [encoding.ids for encoding in self.tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)]

    def decode(self, tokens: Sequence[int]) -> str:
        return str(self.tokenizer.decode(list(tokens), skip_special_tokens=True))

    def bytes_per_token(self) -> list[int]:
        """Bytes of text that each token id stands for; 0 for the end of text."""
        # The byte-level alphabet writes each byte as one character.
        size = {index: len(token) for token, index in self.tokenizer.get_vocab().items() if token != END_OF_TEXT}
        return [size.get(index, 0) for index in range(self.vocabulary)]


def suggested_vocabulary(characters: int) -> int:
    """Tokens for a corpus of this many characters: a multiple of 128 that grows with its square root."""
    wanted = 128 * round(6 * math.sqrt(characters) / 128)
    return min(32_768, max(512, wanted))


def train_bpe(home: Home, key: str, texts: Iterable[str], vocabulary: int) -> BPE:
    """The tokenizer of `vocabulary` tokens (fewer if the text has fewer) for `texts`, trained or found again.

    `key` stands for the content of `texts`: the same key and vocabulary are trained once.
    Raises OSError.
    """
    settings = json.dumps({"kind": "bpe", "version": 1, "vocabulary": vocabulary, "texts": key})
    folder = home.tokenizer(f"bpe-{hashlib.sha256(settings.encode()).hexdigest()[:16]}")
    if problems_with_sums(folder):
        _publish(_trained(texts, vocabulary), folder)
    return load_bpe(folder)


def load_bpe(folder: Path) -> BPE:
    """Raises TOKENIZER_LOAD_FAILED."""
    try:
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    except Exception as error:  # `tokenizers` raises bare Exception for a file that is missing or malformed
        raise SpotterError(Code.TOKENIZER_LOAD_FAILED, f"the tokenizer {folder.name} could not be loaded") from error
    tokenizer.encode_special_tokens = True  # a corpus that spells the end of text has spelt it, not ended
    return BPE(folder, tokenizer)


def _trained(texts: Iterable[str], vocabulary: int) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[END_OF_TEXT],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def _publish(tokenizer: Tokenizer, folder: Path) -> None:
    """Write the folder whole; another process may have done so first, with the same content."""
    with suppress(FileExistsError), new_folder(folder, makes_way=problems_with_sums) as aside:
        PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]  # unannotated in transformers
            tokenizer_object=tokenizer, bos_token=END_OF_TEXT, eos_token=END_OF_TEXT, clean_up_tokenization_spaces=False
        ).save_pretrained(aside)
        write_sums(aside)
