from __future__ import annotations

import json
import zipfile
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from tests.trainer_core.conftest import prose
from tests.trainer_core.data.adding import add_file, give_file
from trainer_core.data.card import DatasetCard, Preprocessing
from trainer_core.data.catalog import BUILTIN, list_cards, read_card
from trainer_core.data.documents import open_documents
from trainer_core.data.intake.ingest import MINIMUM_CHARACTERS, _as_progress, ingest
from trainer_core.errors import Code, SpotterError
from trainer_core.files.layout import Home
from trainer_core.tasks.orders import AddDataset, Added, BuiltinSource, LocalSource, Progress, Undecided

TEXT = prose(2_000).encode()
SECRET = "write to someone@gym.example.org\n"


def documents(home: Home, card: DatasetCard) -> list[str]:
    return list(open_documents(home.dataset(card.name), card.name))


def left_over(home: Home) -> list[str]:
    return sorted(path.name for path in home.datasets.iterdir()) if home.datasets.exists() else []


def jsonl(texts: list[str]) -> bytes:
    return "\n".join(json.dumps({"text": text}) for text in texts).encode()


def test_a_file_becomes_a_data_set_with_its_name(home: Home) -> None:
    card = add_file(home, "My Notes (final).TXT", TEXT)
    assert (card.name, card.format, card.filename) == ("my-notes-final", "txt", "My Notes (final).TXT")
    assert (card.source_bytes, card.added_by, card.builtin) == (len(TEXT), "7", False)
    assert documents(home, card) == [TEXT.decode()]
    assert list_cards(home) == [card]
    assert (home.dataset(card.name) / "source.txt").read_bytes() == TEXT
    assert list(home.incoming.iterdir()) == []


def test_the_card_tells_what_the_text_is_like(home: Home) -> None:
    russian = "Штанга медленно поднимается, пока кто-то стоит рядом и считает вслух каждый вдох. "
    texts = [prose(900, seed=seed) for seed in range(6)] + [russian * 12 + f"Раз {number}." for number in range(2)]
    card = add_file(home, "notes.jsonl", jsonl(texts), preprocessing=Preprocessing(near_duplicates=False))
    assert card.text_column == "text"
    assert card.documents == card.counts.read == 8
    assert card.characters == sum(map(len, texts)) == sum(map(len, documents(home, card)))
    assert card.bytes == sum(len(text.encode()) for text in texts)
    assert list(card.scripts) == ["Latin", "Cyrillic"]
    assert sum(card.scripts.values()) == pytest.approx(1)
    assert set(card.languages) == {"en", "ru"}
    assert sum(card.lengths.counts) == card.documents
    assert (card.lengths.shortest, card.lengths.longest) == (min(map(len, texts)), max(map(len, texts)))
    assert 0.05 < card.tokens_per_byte < 0.6


def test_what_preprocessing_did_is_counted(home: Home) -> None:
    almost = prose(1_000, seed=1).replace("careful", "CAREFUL", 1)
    texts = [prose(1_000, seed=1), prose(1_000, seed=1), almost, "cafe\u0301 \x07 \n", "", "x", SECRET, prose(1_500)]
    card = add_file(home, "notes.jsonl", jsonl(texts), preprocessing=Preprocessing(min_characters=2))
    counts = card.counts
    assert (counts.duplicates, counts.near_duplicates, counts.too_short) == (1, 1, 2)
    assert (counts.normalized, counts.control_characters) == (1, 1)
    assert counts.read - counts.duplicates - counts.near_duplicates - counts.too_short == card.documents
    assert (counts.secret_lines, counts.secret_lines_removed) == (1, 0)
    assert card.secrets == {"e-mail address": 1}
    assert documents(home, card)[1:3] == ["caf\u00e9\n", SECRET]


def test_secrets_go_when_asked(home: Home) -> None:
    text = prose(1_500)
    kept = add_file(home, "notes.txt", (SECRET + text).encode(), preprocessing=Preprocessing(remove_secrets=True))
    assert documents(home, kept) == [text]
    assert (kept.counts.secret_lines, kept.counts.secret_lines_removed) == (1, 1)


def test_everything_can_be_switched_off(home: Home) -> None:
    options = Preprocessing(normalize=False, control=False, whitespace=False, duplicates=False, near_duplicates=False)
    texts = [prose(600) + "  \r\n\n\n\n\n\x07e\u0301"] * 3
    card = add_file(home, "notes.jsonl", jsonl(texts), preprocessing=options)
    assert documents(home, card) == texts
    assert not any(value for name, value in card.counts if name != "read")


def test_a_long_document_is_cut(home: Home) -> None:
    text = prose(5_000)
    card = add_file(home, "notes.txt", text.encode(), preprocessing=Preprocessing(max_characters=1_000))
    assert "".join(documents(home, card)) == text
    assert card.counts.cut == card.counts.read == 1
    assert card.documents == len(documents(home, card)) > 4
    assert card.lengths.longest <= 1_000


def test_the_same_file_from_the_same_person_is_taken_in_once(home: Home) -> None:
    first = add_file(home, "notes.txt", TEXT)
    again = give_file(home, "notes.txt", TEXT)
    assert isinstance(again, Added)
    assert (again.card, again.new) == (first, False)
    other_options = give_file(home, "notes.txt", TEXT, preprocessing=Preprocessing(normalize=False))
    assert isinstance(other_options, Added)
    assert (other_options.card.name, other_options.new) == ("notes-2", True)


def test_two_at_once_get_the_same(home: Home) -> None:
    with ThreadPoolExecutor(2) as pool:
        cards = list(pool.map(lambda _: add_file(home, "notes.txt", TEXT), range(2)))
    assert cards[0] == cards[1]
    assert left_over(home) == ["notes"]


def test_a_taken_name_gets_a_number(home: Home) -> None:
    add_file(home, "notes.txt", TEXT)
    other = add_file(home, "notes.txt", TEXT, added_by="8")
    third = add_file(home, "notes.md", TEXT + b"More.")
    assert (other.name, third.name) == ("notes-2", "notes-3")
    assert add_file(home, "notes.txt", TEXT, added_by="8") == other


@pytest.mark.parametrize(
    ("filename", "name"),
    [
        ("../../etc/passwd.txt", "passwd"),
        ("日本.txt", "data"),
        ("-.txt", "data"),
        ("a" * 200 + ".txt", "a" * 40),
        ("a..b.txt", "a-b"),
        (f"{BUILTIN}.txt", f"{BUILTIN}-2"),
    ],
)
def test_whatever_a_file_is_called_its_data_set_has_a_plain_name(home: Home, filename: str, name: str) -> None:
    card = add_file(home, filename, TEXT)
    assert card.name == name
    assert "/" not in card.filename
    assert read_card(home, card.name) == card


def test_a_name_may_be_wished_for(home: Home) -> None:
    assert add_file(home, "notes.txt", TEXT, name="gym_log").name == "gym_log"
    with pytest.raises(SpotterError, match="lower-case") as caught:
        add_file(home, "notes.txt", TEXT, name="../up")
    assert (caught.value.code, caught.value.field) == (Code.CONFIG_INVALID, "name")


@pytest.mark.parametrize(
    ("filename", "data", "code"),
    [
        ("notes.txt", b"", Code.CORPUS_EMPTY),
        ("notes.txt", b"x", Code.CORPUS_EMPTY),
        ("notes.txt", b" \n" * MINIMUM_CHARACTERS, Code.CORPUS_EMPTY),
        ("notes.txt", b"word" * MINIMUM_CHARACTERS, Code.CORPUS_EMPTY),
        ("notes.jsonl", jsonl(["the same again and again"] * 200), Code.CORPUS_EMPTY),
        ("notes.txt", b"\0\1\2" * MINIMUM_CHARACTERS, Code.CORPUS_UNREADABLE),
        ("notes.json", b"{}", Code.CORPUS_UNREADABLE),
        ("notes.pdf", TEXT, Code.CORPUS_UNREADABLE),
        ("notes.txt", TEXT * 10, Code.CORPUS_TOO_LARGE),
    ],
)
def test_a_bad_file_is_refused_and_nothing_is_left(home: Home, filename: str, data: bytes, code: Code) -> None:
    with pytest.raises(SpotterError) as caught:
        give_file(home, filename, data, limit=10_000)
    assert (caught.value.code, caught.value.field) == (code, "file")
    assert left_over(home) == []


def test_duplicates_that_leave_too_little_are_named(home: Home) -> None:
    with pytest.raises(SpotterError, match="of 50 documents 49 are the same as others"):
        add_file(home, "notes.jsonl", jsonl(["lift, and then lift again"] * 50))


def test_a_column_that_could_be_either_is_asked_for(home: Home) -> None:
    rows = [{"question": prose(100, seed=2 * n), "answer": prose(100, seed=2 * n + 1)} for n in range(20)]
    data = "\n".join(map(json.dumps, rows)).encode()
    asked = give_file(home, "qa.jsonl", data)
    assert isinstance(asked, Undecided)
    assert set(asked.columns) == {"question", "answer"}
    assert left_over(home) == []
    assert len(list(home.incoming.iterdir())) == 1
    decided = give_file(home, "qa.jsonl", data, text_column="answer")
    assert isinstance(decided, Added)
    assert documents(home, decided.card)[0] == rows[0]["answer"]


def test_a_local_file_stays_where_it_is(home: Home, tmp_path: Path) -> None:
    (tmp_path / "corpora").mkdir()
    path = tmp_path / "corpora" / "notes.md"
    path.write_bytes(TEXT)
    order = AddDataset(home=home.path, source=LocalSource(path=path, root=path.parent), added_by="7")
    added = ingest(order, lambda _: None)
    assert isinstance(added, Added)
    assert (added.card.source, added.card.filename) == ("local", "notes.md")
    assert path.read_bytes() == TEXT
    assert sorted(file.name for file in home.dataset("notes").iterdir()) == [
        "dataset.json",
        "documents.bin",
        "documents.idx",
    ]


def test_a_built_in_text_is_taken_in_once(home: Home) -> None:
    order = AddDataset(home=home.path, source=BuiltinSource(name=BUILTIN), added_by="")
    told: list[Progress] = []
    first, again = ingest(order, told.append), ingest(order, told.append)
    assert isinstance(first, Added)
    assert isinstance(again, Added)
    assert (first.new, again.new, again.card) == (True, False, first.card)
    assert first.card.builtin
    assert first.card.documents > 50
    assert told
    with pytest.raises(SpotterError, match=BUILTIN):
        ingest(order.model_copy(update={"source": BuiltinSource(name="rust-docs")}), told.append)


def test_a_built_in_text_of_an_older_kind_is_made_anew(home: Home) -> None:
    older = home.dataset(BUILTIN)
    older.mkdir(parents=True)
    (older / "dataset.json").write_text('{"version": 1}')
    added = ingest(AddDataset(home=home.path, source=BuiltinSource(name=BUILTIN), added_by=""), lambda _: None)
    assert isinstance(added, Added)
    assert (added.card.name, added.new) == (BUILTIN, True)
    assert left_over(home) == [BUILTIN]


def test_files_of_an_archive_that_are_no_text_are_counted(home: Home) -> None:
    archive = BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("notes/monday.txt", prose(800, seed=1))
        file.writestr("notes/tuesday.md", prose(800, seed=2))
        file.writestr("notes/scan.dat", bytes(range(256)) * 4)
    card = add_file(home, "notes.zip", archive.getvalue())
    assert (card.name, card.format, card.documents) == ("notes", "zip", 2)
    assert (card.counts.read, card.counts.skipped) == (2, 1)


def test_folders_of_pictures_become_a_data_set(home: Home) -> None:
    archive = BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        for label, colour in (("bench", 10), ("squat", 200)):
            for number in range(3):
                picture = BytesIO()
                Image.new("L", (8 + number, 8), colour + number).save(picture, "PNG")
                file.writestr(f"lifts/{label}/{number}.png", picture.getvalue())
    card = add_file(home, "lifts.zip", archive.getvalue())
    assert (card.kind, card.documents) == ("images", 6)
    assert card.images is not None
    assert card.images.classes == {"bench": 3, "squat": 3}
    assert len(list(home.dataset("lifts").glob("images/*/*.png"))) == 6


def test_a_disk_that_fails_leaves_nothing(home: Home) -> None:
    home.path.mkdir()
    home.datasets.write_text("in the way")
    with pytest.raises(NotADirectoryError):
        add_file(home, "notes.txt", TEXT)


@pytest.mark.parametrize("line_ends", ["\n", " "])
def test_a_passage_over_and_over_is_refused(home: Home, line_ends: str) -> None:
    passage = prose(8_001).replace("\n", line_ends)
    with pytest.raises(SpotterError) as caught:
        add_file(home, "song.txt", (passage * 50).encode())
    assert (caught.value.code, caught.value.field) == (Code.CORPUS_EMPTY, "file")
    assert "over and over" in str(caught.value)
    assert left_over(home) == []


def test_what_a_long_text_repeats_is_counted(home: Home) -> None:
    card = add_file(home, "song.txt", (prose(50_000) * 3).encode())
    assert card.counts.repeated_characters == pytest.approx(2 / 3 * card.characters, rel=0.05)
    assert card.counts.repeats > 50
    assert card.counts.duplicates == 0
    varied = add_file(home, "prose.txt", prose(50_000).encode())
    assert (varied.counts.repeats, varied.counts.repeated_characters) == (0, 0)


@pytest.mark.parametrize(("size", "said"), [(999, "999 bytes"), (1_234, "1.2 kB"), (56_000_000, "56 MB")])
def test_progress_is_told_in_sizes_that_a_person_reads(size: int, said: str) -> None:
    told: list[Progress] = []
    _as_progress(told.append, "bytes")(size, None)
    _as_progress(told.append, "bytes")(size, size)
    assert [progress.detail for progress in told] == [said, f"{said} of {said}"]
