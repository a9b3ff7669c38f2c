from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from trainer_core.errors import Code, SpotterError
from trainer_core.files.layout import Home
from trainer_core.files.sums import problems_with_sums
from trainer_core.tokenizers.card import TokenizerCard
from trainer_core.tokenizers.characters import character_tokenizer, save_characters
from trainer_core.tokenizers.shelf import free_name, list_cards, open_tokenizer, publish, read_card


def characters(folder: Path) -> TokenizerCard:
    save_characters(folder, 200)
    return TokenizerCard(
        name=folder.name,
        kind="characters",
        vocabulary=200,
        source="all scripts",
        sha256="0" * 64,
        added_by="1",
        added_at=datetime.now(UTC),
    )


def test_what_is_published_is_listed_and_opened(home: Home) -> None:
    assert list_cards(home) == []
    cards = [publish(home, name, characters) for name in ("second", "first")]
    assert list_cards(home) == cards[::-1]
    assert read_card(home, "first") == cards[1]
    assert problems_with_sums(home.tokenizer("first")) == []
    assert open_tokenizer(home.tokenizer("first")).vocabulary == 200


def test_what_runs_make_for_themselves_is_not_listed(home: Home) -> None:
    made = character_tokenizer(home, 300)
    assert list_cards(home) == []
    with pytest.raises(SpotterError, match="there are none yet"):
        read_card(home, made.name)


@pytest.mark.parametrize(
    ("name", "said"), [("frist", "did you mean first"), ("zzz", "there are: first"), ("../x", "no")]
)
def test_a_name_that_is_none_gets_the_nearest(home: Home, name: str, said: str) -> None:
    publish(home, "first", characters)
    with pytest.raises(SpotterError, match=said) as caught:
        read_card(home, name)
    assert caught.value.code is Code.TOKENIZER_NOT_FOUND


def test_a_card_in_the_wrong_folder_is_none(home: Home) -> None:
    publish(home, "first", characters)
    home.tokenizer("first").rename(home.tokenizer("second"))
    assert list_cards(home) == []


def test_a_taken_name_is_refused_or_gets_a_number(home: Home) -> None:
    assert free_name(home, "mine", "stem") == "mine"
    assert free_name(home, None, "stem") == "stem"
    publish(home, "mine", characters)
    publish(home, "stem", characters)
    assert free_name(home, None, "stem") == "stem-2"
    with pytest.raises(SpotterError, match="there is a tokenizer mine already") as caught:
        free_name(home, "mine", "stem")
    assert caught.value.field == "name"
    with pytest.raises(FileExistsError):
        publish(home, "mine", characters)


@pytest.mark.parametrize("name", ["", "Mine", "a b", "../a", "-a", "a" * 49, "a.b"])
def test_what_is_no_name_is_refused(home: Home, name: str) -> None:
    with pytest.raises(SpotterError, match="lower-case letters") as caught:
        free_name(home, name, "stem")
    assert caught.value.code is Code.CONFIG_INVALID


def test_nothing_is_left_when_it_cannot_be_filled(home: Home) -> None:
    def fill(folder: Path) -> TokenizerCard:
        (folder / "tokenizer.json").touch()
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        publish(home, "mine", fill)
    assert list(home.tokenizers.iterdir()) == []
