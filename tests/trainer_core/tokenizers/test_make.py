from __future__ import annotations

import random
from pathlib import Path
from pydoc_data.topics import topics

import pytest
from tokenizers import AddedToken, Tokenizer

from tests.trainer_core.conftest import make_dataset, prose
from tests.trainer_core.tokenizers.conftest import TRAINED
from trainer_core.data.catalog import CARD
from trainer_core.errors import Code, SpotterError
from trainer_core.files.layout import Home
from trainer_core.tasks.orders import MakeTokenizer, Progress
from trainer_core.tokenizers import shelf
from trainer_core.tokenizers.card import MOST_NAMED, TokenizerCard, TokenizerKind
from trainer_core.tokenizers.make import make

SMALL = list(topics.values())[:20]


def asked(home: Home, kind: TokenizerKind, **order: object) -> MakeTokenizer:
    return MakeTokenizer.model_validate({"home": home.path, "kind": kind, "added_by": "1", **order})


def made(home: Home, kind: TokenizerKind, **order: object) -> TokenizerCard:
    return make(asked(home, kind, **order), lambda _: None).card


def refused(home: Home, kind: TokenizerKind, **order: object) -> SpotterError:
    before = sorted(home.tokenizers.iterdir()) if home.tokenizers.is_dir() else []
    with pytest.raises(SpotterError) as caught:
        made(home, kind, **order)
    assert (sorted(home.tokenizers.iterdir()) if home.tokenizers.is_dir() else []) == before, "nothing is left behind"
    return caught.value


@pytest.fixture
def docs(home: Home) -> str:
    return make_dataset(home, "docs", SMALL).name


@pytest.mark.parametrize("kind", TRAINED)
def test_one_is_trained_on_a_data_set_and_tried_on_what_was_held_out(
    home: Home, docs: str, kind: TokenizerKind
) -> None:
    heard: list[Progress] = []
    card = make(asked(home, kind, dataset=docs, vocabulary=600), heard.append).card
    assert card == shelf.read_card(home, f"docs-{kind}-600")
    assert (card.kind, card.vocabulary, card.source, card.added_by) == (kind, 600, "docs", "1")
    assert card.seconds > 0
    assert card.report is not None
    assert card.report.problems == ()
    assert 0 < card.report.bytes < 0.3 * sum(map(len, SMALL))
    tokenizer = shelf.open_tokenizer(home.tokenizer(card.name))
    assert (tokenizer.sha256, tokenizer.special_tokens) == (card.sha256, card.special_tokens)
    phases = [progress.phase for progress in heard]
    assert list(dict.fromkeys(phases)) == ["reading", "training", "report"]


def test_without_a_size_it_gets_the_one_that_suits_the_text(home: Home, docs: str) -> None:
    card = made(home, "bpe", dataset=docs, name="mine")
    assert card.name == "mine"
    assert 512 <= card.vocabulary < 4_096


def test_characters_need_no_text(home: Home) -> None:
    card = made(home, "characters", vocabulary=1_000)
    assert (card.name, card.vocabulary, card.source, card.report) == ("characters-1000", 1_000, "all scripts", None)
    assert made(home, "characters", vocabulary=1_000).name == "characters-1000-2"


def test_characters_can_be_tried_on_a_text(home: Home, docs: str) -> None:
    measured = made(home, "characters", dataset=docs).report
    assert measured is not None
    assert measured.round_trip == measured.tokens_per_character == 1


def test_an_upload_is_called_after_its_file(home: Home, docs: str) -> None:
    trained = made(home, "bpe", dataset=docs, vocabulary=300)
    file = home.tokenizer(trained.name) / "tokenizer.json"
    card = made(home, "upload", file=file, filename="My Tokenizer.json", dataset=docs, strict=True)
    assert (card.name, card.kind, card.source, card.vocabulary) == ("my-tokenizer", "upload", "My Tokenizer.json", 300)


def test_a_pretrained_one_is_called_after_its_folder(home: Home, docs: str) -> None:
    trained = made(home, "bpe", dataset=docs, vocabulary=300)
    card = made(home, "pretrained", family=str(home.tokenizer(trained.name)))
    assert (card.kind, card.source, card.vocabulary) == ("pretrained", trained.name, 300)
    assert card.name == f"{trained.name}-2"


@pytest.mark.parametrize("vocabulary", [2_000, 100_000])
def test_more_than_the_text_supports_is_refused(home: Home, vocabulary: int) -> None:
    make_dataset(home, "gym", [prose(40_000)])
    error = refused(home, "bpe", dataset="gym", vocabulary=vocabulary)
    assert error.code is Code.TOKENIZER_TRAIN_FAILED
    assert error.message == f"{vocabulary:,} is more than this text supports"
    assert "Ask for at most" in error.next_step


def test_strict_refuses_a_tokenizer_with_problems(home: Home) -> None:
    chance = random.Random(1)
    cyrillic = "".join(chr(chance.randint(0x410, 0x44F)) if chance.random() < 0.8 else " " for _ in range(4_000))
    make_dataset(home, "cyrillic", [cyrillic[start : start + 200] for start in range(0, 4_000, 200)])
    error = refused(home, "characters", dataset="cyrillic", vocabulary=100, name="tiny", strict=True)
    assert error.code is Code.TOKENIZER_TRAIN_FAILED
    assert "the tokenizer tiny has problems" in error.message
    assert "unknown" in error.message
    assert made(home, "characters", dataset="cyrillic", vocabulary=100).report is not None


def test_a_name_that_is_none_is_refused(home: Home, docs: str) -> None:
    error = refused(home, "bpe", dataset=docs, name="No Name")
    assert (error.code, error.field) == (Code.CONFIG_INVALID, "name")
    assert "lower-case" in error.message


def test_a_data_set_that_is_none_is_named(home: Home, docs: str) -> None:
    assert refused(home, "bpe", dataset="dosc").message == "there is no data set 'dosc'; did you mean docs?"


def test_pictures_and_repeated_text_teach_no_tokenizer(home: Home) -> None:
    pictures = make_dataset(home, "pictures", SMALL[:1]).model_copy(update={"kind": "images"})
    (home.dataset("pictures") / CARD).write_text(pictures.model_dump_json())
    assert "holds pictures" in refused(home, "bpe", dataset="pictures").message
    make_dataset(home, "same", ["one and the same"] * 400)
    error = refused(home, "bpe", dataset="same")
    assert (error.code, error.field) == (Code.TOKENIZER_TRAIN_FAILED, "data")


def test_a_card_names_the_first_of_very_many_special_tokens(home: Home, docs: str) -> None:
    trained = made(home, "bpe", dataset=docs, vocabulary=300)
    backend = Tokenizer.from_file(str(home.tokenizer(trained.name) / "tokenizer.json"))
    backend.add_special_tokens([AddedToken(f"<|{number}|>", special=True) for number in range(500)])
    file = home.path / "many.json"
    backend.save(str(file))
    card = made(home, "upload", file=file, filename="many.json")
    assert (len(card.special_tokens), card.further_special_tokens) == (MOST_NAMED, 501 - MOST_NAMED)


def test_a_name_that_somebody_takes_meanwhile_gets_a_number(home: Home, docs: str) -> None:
    def told(progress: Progress) -> None:
        if progress.phase == "report":
            home.tokenizer("characters-300").mkdir(exist_ok=True)
            (home.tokenizer("characters-300") / "file").touch()

    order = asked(home, "characters", vocabulary=300, dataset=docs)
    assert make(order, told).card.name == "characters-300-2"
    assert sorted(path.name for path in home.tokenizers.iterdir()) == ["characters-300", "characters-300-2"]


def test_no_path_is_told(home: Home, tmp_path: Path) -> None:
    error = refused(home, "pretrained", family=str(tmp_path / "empty"))
    assert str(tmp_path) not in f"{error}{error.next_step}"
