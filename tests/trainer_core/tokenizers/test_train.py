from __future__ import annotations

import random
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trainer_core.conftest import prose
from tests.trainer_core.tokenizers.conftest import KINDS, SCRIPTS, TEXTS, TRAINED, texts
from trainer_core.errors import Code, SpotterError
from trainer_core.files.layout import Home
from trainer_core.tokenizers.strategy import TrainedKind
from trainer_core.tokenizers.tokenizer import Tokenizer
from trainer_core.tokenizers.train import counted, made_for, train

TEXT = prose(4_000)


def unheard(_: int) -> None:
    """Nobody listens."""


@pytest.mark.parametrize("kind", ["bpe", "unigram", "characters", "characters, many"])
@settings(max_examples=25)
@given(text=texts)
def test_any_text_comes_back(tokenizers: Mapping[str, Tokenizer], kind: str, text: str) -> None:
    tokenizer = tokenizers[kind]
    assert tokenizer.exact
    assert tokenizer.unknown is None
    assert tokenizer.decode(tokenizer.encode_batch([text]).ids.tolist()) == text


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=15)
@given(text=texts)
def test_a_text_cannot_smuggle_in_a_special_token(tokenizers: Mapping[str, Tokenizer], kind: str, text: str) -> None:
    tokenizer = tokenizers[kind]
    ids = set(tokenizer.encode_batch([text, *tokenizer.special_tokens]).ids.tolist())
    assert ids.isdisjoint({*tokenizer.special_tokens.values()} - {tokenizer.unknown})


@pytest.mark.parametrize("kind", KINDS)
def test_texts_are_encoded_as_each_by_itself(tokenizers: Mapping[str, Tokenizer], kind: str) -> None:
    several = ["one\ue000", "", TEXT, "\U0010ffff", SCRIPTS, ""]
    encoded = tokenizers[kind].encode_batch(several)
    alone = [tokenizers[kind].encode_batch([text]).ids.tolist() for text in several]
    assert encoded.ids.tolist() == [token for ids in alone for token in ids]
    assert encoded.lengths.tolist() == list(map(len, alone))


@pytest.mark.parametrize("kind", TRAINED)
def test_it_has_the_vocabulary_asked_for(tokenizers: Mapping[str, Tokenizer], kind: str) -> None:
    tokenizer = tokenizers[kind]
    assert tokenizer.vocabulary == 600
    assert len(tokenizer.encode_batch(TEXTS[:1]).ids) < 0.6 * len(TEXTS[0])


def test_a_wordpiece_keeps_to_its_vocabulary_where_the_characters_alone_would_not(home: Home) -> None:
    text = "".join(chr(0x4E00 + index) + " " for index in range(500)) * 2
    tokenizer = made_for(home, "key", "wordpiece", [text], 200, unheard)
    assert tokenizer.vocabulary <= 200
    assert tokenizer.unknown in tokenizer.encode_batch([text]).ids


def test_it_is_trained_once_for_the_same_text_and_settings(home: Home) -> None:
    first = made_for(home, "key", "bpe", [TEXT], 300, unheard)
    again = made_for(home, "key", "bpe", ["other text"], 300, unheard)
    others = [
        made_for(home, "key", "bpe", [TEXT], 301, unheard),
        made_for(home, "key", "unigram", [TEXT], 300, unheard),
    ]
    assert again.folder == first.folder
    assert again.sha256 == first.sha256
    assert first.sha256 not in {other.sha256 for other in others}


def test_a_damaged_folder_is_made_again(home: Home) -> None:
    first = made_for(home, "key", "bpe", [TEXT], 300, unheard)
    (first.folder / "tokenizer.json").write_text("{}")
    again = made_for(home, "key", "bpe", [TEXT], 300, unheard)
    assert again.sha256 == first.sha256
    assert sorted(path.name for path in home.tokenizers.iterdir()) == [first.name]


def test_a_tokenizer_that_another_process_published_meanwhile_is_kept(home: Home, tmp_path: Path) -> None:
    elsewhere = made_for(Home(tmp_path / "other"), "key", "bpe", [TEXT], 300, unheard)
    target = home.tokenizer(elsewhere.name)

    def meanwhile() -> Iterator[str]:
        yield TEXT
        shutil.copytree(elsewhere.folder, target)
        (target / "by-another").touch()

    found = made_for(home, "key", "bpe", meanwhile(), 300, unheard)
    assert found.folder == target
    assert (target / "by-another").exists()
    assert list(home.tokenizers.iterdir()) == [target]


@pytest.mark.parametrize("kind", TRAINED)
def test_it_says_how_much_it_has_read_and_ends_when_it_may_not_go_on(home: Home, kind: TrainedKind) -> None:
    heard = []

    class UnwantedError(Exception):
        pass

    def told(size: int) -> None:
        heard.append(size)
        if len(heard) == 3:
            raise UnwantedError

    with pytest.raises(UnwantedError):
        made_for(home, "key", kind, ["día uno. "] * 1_000, 300, told)
    assert heard == [10, 20, 30]
    assert not home.tokenizers.exists()


def test_what_a_text_supports_is_all_there_is(home: Home) -> None:
    assert made_for(home, "key", "bpe", [TEXT], 30_000, unheard).vocabulary < 1_000
    with pytest.raises(SpotterError, match="more than this text supports") as caught:
        made_for(home, "key", "bpe", [TEXT], 30_000, unheard, fewer=False)
    assert caught.value.code is Code.TOKENIZER_TRAIN_FAILED
    assert "give more text" in caught.value.next_step


@pytest.mark.parametrize("kind", ["bpe", "unigram", "sentencepiece"])
def test_too_few_tokens_for_every_byte_are_refused(home: Home, kind: TrainedKind) -> None:
    with pytest.raises(SpotterError, match="vocabulary") as caught:
        train(kind, [SCRIPTS] * 3, 200, unheard)
    assert caught.value.code is Code.TOKENIZER_TRAIN_FAILED


def test_a_line_without_a_space_does_not_take_hours(home: Home) -> None:
    endless = "".join(random.Random(1).choices("abcdefgh", k=200_000))
    for text in (endless, "a" * 1_000_000, " " * 1_000_000):
        tokenizer = train("bpe", [text], 400, unheard).backend
        assert tokenizer.decode(tokenizer.encode(text[:2_000]).ids) == text[:2_000]


@given(st.lists(st.tuples(st.sampled_from(["a", "é", "道", " ", "\n"]), st.integers(1, 2_500)), max_size=6))
def test_long_runs_are_trained_on_in_parts(runs: list[tuple[str, int]]) -> None:
    text = "".join(letter * count for letter, count in runs)
    parts = list(counted([text], unheard))
    assert "".join(parts) == text
    assert all(len(run) <= 1_500 for part in parts for run in re.findall(r"\S+|\s+", part))


def test_words_stay_whole_with_the_space_before_them() -> None:
    text = prose(5_000)
    assert list(counted([text], unheard)) == [text]
