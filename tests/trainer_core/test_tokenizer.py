from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoTokenizer

from tests.trainer_core.conftest import prose
from trainer_core.data.split import Split
from trainer_core.data.tokens import build_tokens
from trainer_core.errors import Code, SpotterError
from trainer_core.layout import Home
from trainer_core.tokenizers.bpe import BPE, END_OF_TEXT, load_bpe, suggested_vocabulary, train_bpe

TEXT = prose(4_000)


@pytest.fixture(scope="module")
def bpe(tmp_path_factory: pytest.TempPathFactory) -> BPE:
    return train_bpe(Home(tmp_path_factory.mktemp("home")), "prose", [TEXT], 300)


@given(text=st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_is_written_and_read_back(bpe: BPE, text: str) -> None:
    if END_OF_TEXT in text:
        return
    [ids] = bpe.encode([text])
    assert bpe.decode(ids) == text
    assert sum(bpe.bytes_per_token()[token] for token in ids) == len(text.encode())


def test_it_has_the_vocabulary_asked_for(bpe: BPE) -> None:
    assert bpe.vocabulary == 300
    assert bpe.bytes_per_token()[bpe.end_of_text] == 0
    assert len(bpe.encode([TEXT])[0]) < len(TEXT) / 2


def test_the_text_of_a_corpus_cannot_smuggle_in_an_end_of_text(bpe: BPE) -> None:
    assert bpe.end_of_text not in bpe.encode([f"one{END_OF_TEXT}two"])[0]


def test_transformers_opens_it(bpe: BPE) -> None:
    opened = AutoTokenizer.from_pretrained(bpe.folder)
    assert opened(TEXT).input_ids == bpe.encode([TEXT])[0]
    assert opened.eos_token_id == bpe.end_of_text
    assert len(opened) == bpe.vocabulary


def test_it_is_trained_once_for_the_same_text_and_settings(home: Home) -> None:
    first = train_bpe(home, "key", [TEXT], 300)
    again = train_bpe(home, "key", ["other text"], 300)
    other = train_bpe(home, "key", [TEXT], 301)
    assert again.folder == first.folder != other.folder
    assert again.encode([TEXT]) == first.encode([TEXT])


def test_a_damaged_folder_is_made_again(home: Home) -> None:
    first = train_bpe(home, "key", [TEXT], 300)
    (first.folder / "tokenizer.json").write_text("{}")
    again = train_bpe(home, "key", [TEXT], 300)
    assert again.encode([TEXT])[0]
    assert sorted(path.name for path in home.tokenizers.iterdir()) == [first.name]


def test_a_tokenizer_that_another_process_published_meanwhile_is_kept(home: Home, tmp_path: Path) -> None:
    elsewhere = train_bpe(Home(tmp_path / "other"), "key", [TEXT], 300)
    target = home.tokenizer(elsewhere.name)

    def texts() -> Iterator[str]:
        yield TEXT
        shutil.copytree(elsewhere.folder, target)
        (target / "by-another").touch()

    found = train_bpe(home, "key", texts(), 300)
    assert found.folder == target
    assert (target / "by-another").exists()
    assert list(home.tokenizers.iterdir()) == [target]


def test_a_tokenizer_that_cannot_be_loaded_is_named_without_its_path(home: Home) -> None:
    home.tokenizers.mkdir(parents=True)
    with pytest.raises(SpotterError) as caught:
        load_bpe(home.tokenizers / "gone")
    assert caught.value.code is Code.TOKENIZER_LOAD_FAILED
    assert str(home.path) not in str(caught.value)


@settings(max_examples=30)
@given(st.integers(1, 10**9), st.integers(1, 10**9))
def test_more_text_gets_no_smaller_a_vocabulary(some: int, more: int) -> None:
    assert 257 <= suggested_vocabulary(some) <= suggested_vocabulary(some + more) <= 32_768


def test_tokens_hold_every_document_and_its_end(home: Home, bpe: BPE) -> None:
    folder = home.dataset("gym")
    sides = Split(train=("one two", TEXT), validation=("three",))
    tokens = build_tokens(folder, "key", sides, bpe)
    end = bpe.end_of_text
    one, text, three = bpe.encode(["one two", TEXT, "three"])
    assert tokens.train.tolist() == [*one, end, *text, end]
    assert tokens.validation.tolist() == [*three, end]
    assert (tokens.meta.train_documents, tokens.meta.validation_documents) == (2, 1)
    [built] = (folder / "tokens").iterdir()
    offsets = np.fromfile(built / "docs.idx", dtype=np.uint64).tolist()
    assert offsets == [0, len(one) + 1, len(one) + len(text) + 2, len(one) + len(text) + len(three) + 3]


def test_tokens_are_built_once_and_again_when_damaged(home: Home, bpe: BPE) -> None:
    folder = home.dataset("gym")
    sides = Split(train=(TEXT,), validation=("three",))
    first = build_tokens(folder, "key", sides, bpe)
    assert build_tokens(folder, "key", Split(("x",), ("y",)), bpe).train.tolist() == first.train.tolist()
    [built] = (folder / "tokens").iterdir()
    data = (built / "tokens.bin").read_bytes()
    (built / "tokens.bin").write_bytes(data[:-2])
    assert build_tokens(folder, "key", sides, bpe).train.tolist() == first.train.tolist()
    shutil.rmtree(built)
    assert build_tokens(folder, "key", sides, bpe).validation.tolist() == first.validation.tolist()
