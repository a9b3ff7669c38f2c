"""Whatever Spotter saves, `AutoTokenizer` opens, and it encodes and decodes the same."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from transformers import AutoTokenizer

from tests.trainer_core.tokenizers.conftest import KINDS, TEXTS, texts
from trainer_core.tokenizers.fast import END_OF_TEXT
from trainer_core.tokenizers.tokenizer import Tokenizer


@pytest.fixture(scope="session")
def opened(tokenizers: Mapping[str, Tokenizer]) -> Mapping[str, Any]:
    return {kind: AutoTokenizer.from_pretrained(tokenizer.folder) for kind, tokenizer in tokenizers.items()}


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=25)
@example(text="".join(TEXTS))
@example(text=f"one{END_OF_TEXT}two<unk>three[UNK]four<0x0A>five ▁ ##six")
@given(text=texts)
def test_it_encodes_the_same(
    tokenizers: Mapping[str, Tokenizer], opened: Mapping[str, Any], kind: str, text: str
) -> None:
    encoded = tokenizers[kind].encode_batch([text])
    ids = opened[kind](text, add_special_tokens=False).input_ids
    assert encoded.ids.tolist() == ids
    assert encoded.lengths.tolist() == [len(ids)]
    assert opened[kind](text).input_ids == ids, "nothing is put around a text"
    assert tokenizers[kind].decode(ids) == opened[kind].decode(ids, skip_special_tokens=True)


@pytest.mark.parametrize("kind", KINDS)
def test_it_has_the_same_vocabulary_and_special_tokens(
    tokenizers: Mapping[str, Tokenizer], opened: Mapping[str, Any], kind: str
) -> None:
    mine, theirs = tokenizers[kind], opened[kind]
    assert len(theirs) == mine.vocabulary
    assert (theirs.eos_token_id, theirs.bos_token_id) == (mine.end_of_text, mine.end_of_text)
    assert theirs.unk_token_id == mine.unknown
    assert {token: theirs.convert_tokens_to_ids(token) for token in theirs.all_special_tokens} == mine.special_tokens


@pytest.mark.parametrize("kind", KINDS)
def test_special_tokens_that_are_meant_are_one_token(
    tokenizers: Mapping[str, Tokenizer], opened: Mapping[str, Any], kind: str
) -> None:
    text = f"one{END_OF_TEXT}two"
    meant = opened[kind](text, add_special_tokens=False, split_special_tokens=False).input_ids
    assert tokenizers[kind].encode_with_special(text) == meant
    assert meant.count(tokenizers[kind].end_of_text) == 1


def test_any_ids_of_characters_are_decoded_the_same(
    tokenizers: Mapping[str, Tokenizer], opened: Mapping[str, Any]
) -> None:
    mine, theirs = tokenizers["characters"], opened["characters"]
    for ids in ([0xC4, 0xA5, 300], [300, 0xC4], [0xC4, 0, 0xA5], [0xF1, 300, 301, 2, 3], [], [0]):
        assert mine.decode(ids) == theirs.decode(ids, skip_special_tokens=True)


def test_beside_a_model_it_is_still_the_same(tokenizers: Mapping[str, Tokenizer], tmp_path: Path) -> None:
    """A finished run's folder has both, and what kind of model it is must not change how text is encoded."""
    tokenizer = tokenizers["wordpiece"]
    shutil.copytree(tokenizer.folder, tmp_path / "export")
    (tmp_path / "export" / "config.json").write_text(json.dumps({"model_type": "gpt2"}))
    opened = AutoTokenizer.from_pretrained(tmp_path / "export")
    assert opened(TEXTS).input_ids == [tokenizer.encode_batch([text]).ids.tolist() for text in TEXTS]


def test_training_and_saving_load_neither_torch_nor_transformers() -> None:
    script = (
        "import sys, trainer_core.tokenizers.make, trainer_core.tokenizers.train, trainer_core.tokenizers.characters;"
        "print(*sorted({'torch', 'transformers', 'sentencepiece', 'datasets'} & set(sys.modules)))"
    )
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert loaded.split() == []
