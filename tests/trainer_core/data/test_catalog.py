from __future__ import annotations

import json

import pytest

from tests.trainer_core.conftest import make_dataset, prose
from trainer_core.data.card import DatasetCard
from trainer_core.data.catalog import BUILTIN, delete, find_card, list_cards, read_card
from trainer_core.errors import Code, SpotterError
from trainer_core.files.layout import Home

TEXTS = [prose(1_000)]


def test_a_home_without_data_sets_lists_none(home: Home) -> None:
    assert list_cards(home) == []
    assert find_card(home, "gym") is None


def test_cards_are_listed_by_name(home: Home) -> None:
    cards = [make_dataset(home, name, TEXTS) for name in ("squat", "bench")]
    assert list_cards(home) == cards[::-1]
    assert find_card(home, "squat") == cards[0]


def test_a_folder_that_is_no_data_set_is_not_listed(home: Home, card: DatasetCard) -> None:
    (home.datasets / "junk").mkdir()
    (home.datasets / "older").mkdir()
    (home.datasets / "older" / "dataset.json").write_text(json.dumps({"version": 1, "name": "older"}))
    assert list_cards(home) == [card]


def test_a_name_nearly_right_gets_a_suggestion(home: Home) -> None:
    make_dataset(home, "gym-diary", TEXTS)
    with pytest.raises(SpotterError, match="did you mean gym-diary") as caught:
        read_card(home, "Gym-Dairy")
    assert (caught.value.code, caught.value.field) == (Code.CORPUS_NOT_FOUND, "data")
    with pytest.raises(SpotterError, match=f"there are: {BUILTIN}, gym-diary"):
        read_card(home, "../secrets")


def test_what_is_deleted_is_gone_with_all_its_files(home: Home, card: DatasetCard) -> None:
    (home.dataset(card.name) / "tokens" / "abc").mkdir(parents=True)
    (home.dataset(card.name) / "tokens" / "abc" / "tokens.bin").write_bytes(b"1")
    delete(home, card.name)
    assert list(home.datasets.iterdir()) == []
    with pytest.raises(SpotterError, match="there is no data set 'gym'"):
        delete(home, card.name)


def test_a_card_survives_json(card: DatasetCard) -> None:
    assert DatasetCard.model_validate_json(card.model_dump_json()) == card
