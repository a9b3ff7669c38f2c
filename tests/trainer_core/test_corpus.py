from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.trainer_core.conftest import prose
from trainer_core.data.corpus import (
    BUILTIN,
    MINIMUM_CHARACTERS,
    DatasetCard,
    add_builtin,
    add_file,
    documents,
    list_cards,
    read_card,
)
from trainer_core.errors import Code, SpotterError
from trainer_core.layout import Home

TEXT = prose(2_000).encode()


def left_over(home: Home) -> list[str]:
    return sorted(path.name for path in home.datasets.iterdir()) if home.datasets.exists() else []


def test_the_built_in_text_is_written_once(home: Home) -> None:
    card = add_builtin(home, BUILTIN)
    assert add_builtin(home, BUILTIN) == card
    assert card.builtin
    assert card.documents > 50
    assert card.characters == sum(map(len, documents(home, card)))
    assert read_card(home, BUILTIN) == card


def test_two_who_need_the_built_in_text_at_once_get_the_same(home: Home) -> None:
    with ThreadPoolExecutor(4) as pool:
        cards = list(pool.map(lambda _: add_builtin(home, BUILTIN), range(4)))
    assert len(set(cards)) == 1
    assert left_over(home) == [BUILTIN]


def test_an_unknown_built_in_text_is_refused(home: Home) -> None:
    with pytest.raises(SpotterError, match=BUILTIN) as caught:
        add_builtin(home, "rust-docs")
    assert caught.value.code is Code.CORPUS_NOT_FOUND


def test_a_file_becomes_a_data_set_with_its_name(home: Home) -> None:
    card = add_file(home, "My Notes (final).TXT", TEXT, added_by="7")
    assert (card.name, card.kind, card.filename) == ("my-notes-final", "txt", "My Notes (final).TXT")
    assert (card.bytes, card.added_by, card.builtin) == (len(TEXT), "7", False)
    assert list(documents(home, card)) == [TEXT.decode()]
    assert list_cards(home) == [card]


def test_a_file_may_be_given_by_its_path(home: Home, tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_bytes(TEXT)
    card = add_file(home, "notes.md", tmp_path / "notes.md", added_by="7")
    assert list(documents(home, card)) == [TEXT.decode()]


def test_the_same_file_from_the_same_person_is_taken_in_once(home: Home) -> None:
    first = add_file(home, "notes.txt", TEXT, added_by="7")
    assert add_file(home, "notes.txt", TEXT, added_by="7") == first


def test_a_taken_name_gets_a_number(home: Home) -> None:
    add_file(home, "notes.txt", TEXT, added_by="7")
    other = add_file(home, "notes.txt", TEXT, added_by="8")
    third = add_file(home, "notes.txt", TEXT + b"More.", added_by="7")
    assert (other.name, third.name) == ("notes-2", "notes-3")
    assert add_file(home, "notes.txt", TEXT, added_by="8") == other


def test_nobody_s_file_takes_the_name_of_the_built_in_text(home: Home) -> None:
    assert add_file(home, f"{BUILTIN}.txt", TEXT, added_by="7").name == f"{BUILTIN}-2"


@pytest.mark.parametrize(
    "filename", ["../../etc/passwd.txt", "日本.txt", "...txt", "-.txt", "a" * 300 + ".txt", "a..b.txt"]
)
def test_whatever_a_file_is_called_its_data_set_has_a_plain_name(home: Home, filename: str) -> None:
    card = add_file(home, filename, TEXT, added_by="7")
    assert home.dataset(card.name).parent == home.datasets
    assert "/" not in card.filename
    assert read_card(home, card.name) == card


def test_a_name_may_be_wished_for(home: Home) -> None:
    assert add_file(home, "notes.txt", TEXT, "7", "gym_log").name == "gym_log"
    with pytest.raises(SpotterError, match="lower-case") as caught:
        add_file(home, "notes.txt", TEXT, "7", "../up")
    assert caught.value.field == "name"


@pytest.mark.parametrize(
    ("filename", "data", "code"),
    [
        ("notes.txt", b"", Code.CORPUS_EMPTY),
        ("notes.txt", b"x", Code.CORPUS_EMPTY),
        ("notes.txt", b" \n" * MINIMUM_CHARACTERS, Code.CORPUS_EMPTY),
        ("notes.txt", b"word" * MINIMUM_CHARACTERS, Code.CORPUS_EMPTY),
        ("notes.csv", b"a,b\n1,2\n", Code.CORPUS_UNREADABLE),
        ("notes.json", b"{}", Code.CORPUS_UNREADABLE),
        ("notes.pdf", TEXT, Code.CORPUS_UNREADABLE),
        ("notes.txt", b"\xff\xfe" + TEXT, Code.CORPUS_UNREADABLE),
        ("notes.txt", TEXT + b"\0", Code.CORPUS_UNREADABLE),
        ("notes.txt", TEXT * 10, Code.CORPUS_TOO_LARGE),
    ],
)
def test_a_bad_file_is_refused_and_nothing_is_left(home: Home, filename: str, data: bytes, code: Code) -> None:
    with pytest.raises(SpotterError) as caught:
        add_file(home, filename, data, added_by="7", limit=10_000)
    assert caught.value.code is code
    assert caught.value.field == "file"
    assert left_over(home) == []


def test_a_disk_that_fails_leaves_nothing(home: Home) -> None:
    home.path.mkdir()
    home.datasets.write_text("in the way")
    with pytest.raises(NotADirectoryError):
        add_file(home, "notes.txt", TEXT, added_by="7")


def test_a_name_nearly_right_gets_a_suggestion(home: Home) -> None:
    add_file(home, "gym-diary.txt", TEXT, added_by="7")
    with pytest.raises(SpotterError, match="did you mean gym-diary"):
        read_card(home, "Gym-Dairy")
    with pytest.raises(SpotterError, match=f"there are: {BUILTIN}, gym-diary"):
        read_card(home, "../secrets")


def test_a_home_without_data_sets_lists_none(home: Home) -> None:
    assert list_cards(home) == []


def test_a_folder_that_is_no_data_set_is_not_listed(home: Home) -> None:
    card = add_file(home, "notes.txt", TEXT, added_by="7")
    (home.datasets / "junk").mkdir()
    (home.datasets / "older").mkdir()
    (home.datasets / "older" / "dataset.json").write_text(json.dumps({"name": "older"}))
    assert list_cards(home) == [card]


def test_a_source_changed_since_is_not_read(home: Home) -> None:
    card = add_file(home, "notes.txt", TEXT, added_by="7")
    (home.dataset(card.name) / "source.txt").write_bytes(TEXT + b"!")
    with pytest.raises(SpotterError, match="was changed"):
        list(documents(home, card))


def test_a_card_survives_json(card: DatasetCard) -> None:
    assert DatasetCard.model_validate_json(card.model_dump_json()) == card


def test_a_source_that_comes_to_be_read_otherwise_is_named_in_a_whole_sentence(home: Home) -> None:
    card = add_file(home, "notes.txt", TEXT, added_by="7")
    (home.dataset(card.name) / "source.json").write_bytes(TEXT)
    with pytest.raises(SpotterError, match="the source of notes is not valid JSON") as caught:
        list(documents(home, card.model_copy(update={"kind": "json"})))
    assert caught.value.field == "data.dataset"
