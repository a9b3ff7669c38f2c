from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trainer_core.conftest import prose
from trainer_core.files.layout import Home
from trainer_core.tokenizers import words as module
from trainer_core.tokenizers.fast import FastTokenizer
from trainer_core.tokenizers.tokenizer import Encoded
from trainer_core.tokenizers.train import made_for
from trainer_core.tokenizers.words import Words, worth_it


@pytest.fixture(scope="module", params=["bpe", "unigram"])
def tokenizer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> FastTokenizer:
    texts = [prose(8_000), "it's they're we've I'm we'll he'd 1 22 333 -- ... !!! \n\n  \t x  y é ß λόγος слово " * 5]
    return made_for(Home(tmp_path_factory.mktemp("home")), "words", request.param, texts, 400, lambda _: None)


def library(tokenizer: FastTokenizer, texts: Sequence[str]) -> list[list[int]]:
    return [one.ids for one in tokenizer.backend.encode_batch_fast(list(texts), add_special_tokens=False)]


def each(encoded: Encoded) -> list[list[int]]:
    ends = encoded.lengths.cumsum().tolist()
    return [encoded.ids[start:end].tolist() for start, end in zip([0, *ends], ends, strict=False)]


def fresh(tokenizer: FastTokenizer) -> Words:
    return Words(FastTokenizer(tokenizer.folder, tokenizer.backend, "", 0, 0, None, {}, exact=True).encode_batch)


letters = st.sampled_from([*"aZé1٣²語😀'st .\n\t\x85\xa0\u200b\u2028\x1c<|>", "'ll", "  ", "<|endoftext|>"])
texts = st.lists(st.lists(letters, max_size=40).map("".join) | st.text(max_size=40), max_size=8)


@settings(max_examples=60)
@given(texts)
def test_words_come_to_what_the_library_makes_of_the_text(tokenizer: FastTokenizer, texts: list[str]) -> None:
    texts = [text.encode(errors="replace").decode() for text in texts]
    words = fresh(tokenizer)
    for _ in range(2):
        assert each(words.encode_batch(texts)) == library(tokenizer, texts)


def test_every_character_is_of_the_kind_that_the_library_takes_it_for(tokenizer: FastTokenizer) -> None:
    """Letter, digit, space or neither: each beside one of each kind."""
    points = [point for block in module._BLOCKS for point in block if not 0xD800 <= point < 0xE000]
    texts = [f"a{c}b 1{c}2 !{c}! {c} x {c}{c}\n{c}" for c in map(chr, points)]
    assert sum(module._UNSETTLED.search(text) is None for text in texts) > 4_000
    assert each(fresh(tokenizer).encode_batch(texts)) == library(tokenizer, texts)


def test_words_are_forgotten_when_they_are_too_many(tokenizer: FastTokenizer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_WORDS", 50)
    words = fresh(tokenizer)
    for number in range(20):
        texts = [f"{number * 100 + word} " * 3 for word in range(30)]
        assert each(words.encode_batch(texts)) == library(tokenizer, texts)


def test_it_is_for_few_cores(tokenizer: FastTokenizer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAYON_NUM_THREADS", "2")
    assert worth_it(tokenizer.backend)
    monkeypatch.setenv("RAYON_NUM_THREADS", "64")
    assert not worth_it(tokenizer.backend)


def test_it_is_for_texts_cut_as_gpt_2_cuts_them(tmp_path_factory: pytest.TempPathFactory) -> None:
    home = Home(tmp_path_factory.mktemp("home"))
    assert made_for(home, "words", "wordpiece", [prose(4_000)], 300, lambda _: None).words is None
