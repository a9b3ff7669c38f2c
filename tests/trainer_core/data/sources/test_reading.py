from __future__ import annotations

import codecs
import gzip
import hashlib
import random
from pathlib import Path

import pytest

from tests.trainer_core.data.sources.given import PROSE, everything, json_lines, parquet, upload, zipped
from trainer_core.data.documents import PIECE
from trainer_core.data.sources.reading import ColumnUndecided, read
from trainer_core.errors import Code, SpotterError
from trainer_core.tasks.orders import LocalSource

TABLES = {
    "a.csv": f"id,text\n1,{PROSE}\n2,two\n3,\n".encode(),
    "a.tsv": f"id\ttext\n1\t{PROSE}\n2\ttwo\n3\t\n".encode(),
    "a.json": f'[{{"text": "{PROSE}"}}, {{"text": "two"}}, {{"n": 1}}]'.encode(),
    "a.jsonl": json_lines({"text": PROSE}, {"text": "two"}, {"text": None}),
    "a.parquet": parquet({"id": [1, 2, 3], "text": [PROSE, "two", None]}),
}


@pytest.mark.parametrize("filename", TABLES)
def test_a_document_is_a_record_that_has_text(tmp_path: Path, filename: str) -> None:
    data = TABLES[filename]
    for name, packed in (filename, data), (f"{filename}.gz", gzip.compress(data)), ("a.zip", zipped({filename: data})):
        outcome = everything(upload(tmp_path, name, packed))
        assert (outcome.documents, outcome.column) == ([PROSE, "two"], "text")
        assert outcome.format == name.removeprefix("a.")
        assert (outcome.found.read, outcome.found.blank) == (2, 1)
        assert outcome.found.source_bytes == len(packed)
        assert outcome.found.sha256 == hashlib.sha256(packed).hexdigest()


@pytest.mark.parametrize("filename", ["notes.txt", "notes.md", "NOTES.TXT.GZ"])
def test_plain_text_is_one_document(tmp_path: Path, filename: str) -> None:
    data = "une élève\r\nécrit\n".encode("cp1252")
    outcome = everything(upload(tmp_path, filename, gzip.compress(data) if filename.endswith("GZ") else data))
    assert (outcome.documents, outcome.column, outcome.found.encoding) == (["une élève\r\nécrit\n"], None, "cp1252")


def test_a_long_record_comes_in_pieces_of_one_document(tmp_path: Path) -> None:
    text = PROSE * (3 * PIECE // len(PROSE))
    source = upload(tmp_path, "a.jsonl", json_lines(text, "two"))
    pieces = list(read(source, text_column=None, limit=2**26, advanced=lambda _done, _total: None).pieces)
    assert max(len(piece.text) for piece in pieces) <= PIECE
    assert [piece.begins for piece in pieces] == [True, False, False, True]
    assert "".join(piece.text for piece in pieces[:3]) == text


@pytest.mark.parametrize("filename", ["a.txt", "a.csv.gz", "a.zip", "a.parquet"])
def test_how_far_it_got_is_told_up_to_the_end(tmp_path: Path, filename: str) -> None:
    table = f"text\n{PROSE}\n".encode() * 5_000
    data = {
        "a.txt": table * 10,
        "a.csv.gz": gzip.compress(table),
        "a.zip": zipped({"a.csv": table, "b.txt": table}),
        "a.parquet": parquet({"text": [PROSE] * 512}),
    }[filename]
    told: list[tuple[int, int | None]] = []
    source = upload(tmp_path, filename, data)
    list(read(source, text_column=None, limit=2**26, advanced=lambda *step: told.append(step)).pieces)
    whole = 2 * len(table) if filename == "a.zip" else len(data)
    assert told[-1] == (whole, whole)
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert {total for done, total in told if done} == {whole}
    assert told[0] == (0, None)  # while it is hashed, which takes its time, too


def test_a_person_is_asked_before_anything_is_read(tmp_path: Path) -> None:
    source = upload(tmp_path, "a.jsonl", json_lines({"question": PROSE, "answer": PROSE + "!"}))
    with pytest.raises(ColumnUndecided) as asked:
        read(source, text_column=None, limit=2**26, advanced=lambda _done, _total: None)
    assert asked.value.columns == ("answer", "question")
    assert everything(source, column="question").documents == [PROSE]


def test_a_column_that_is_not_there_is_refused(tmp_path: Path) -> None:
    for name, data in ("a.csv", TABLES["a.csv"]), ("a.zip", zipped({"a.csv": TABLES["a.csv"], "b.txt": b"two"})):
        with pytest.raises(SpotterError) as refused:
            everything(upload(tmp_path, name, data), column="story")
        assert refused.value.message == "there is no column 'story'; there are: id, text"
        assert (refused.value.code, refused.value.field) == (Code.CONFIG_INVALID, "column")


def test_each_table_has_its_text_where_it_has_it(tmp_path: Path) -> None:
    tables = {
        "a.csv": b"id,n\n1,2\n",
        "b.csv": TABLES["a.csv"],
        "c.csv": TABLES["a.csv"],
        "d.jsonl": json_lines({"body": "three"}),
        "e.json": json_lines(["four"]),
    }
    outcome = everything(upload(tmp_path, "a.zip", zipped(tables)))
    assert (outcome.documents, outcome.column) == ([PROSE, "two", PROSE, "two", "three", "four"], "text")
    assert outcome.found.skipped == 1
    chosen = everything(upload(tmp_path, "a.zip", zipped(tables)), column="id")
    assert (chosen.documents, chosen.found.skipped) == (["1", "1", "2", "3", "1", "2", "3", "four"], 1)


def test_a_table_among_others_whose_text_nobody_can_tell_is_named(tmp_path: Path) -> None:
    undecided = json_lines({"question": PROSE, "answer": PROSE + "!"})
    with pytest.raises(SpotterError) as refused:
        everything(upload(tmp_path, "a.zip", zipped({"a.csv": TABLES["a.csv"], "b.jsonl": undecided})))
    assert refused.value.message == ("holds b.jsonl, which could have its text in several columns (answer, question)")


def test_a_licence_beside_a_table_without_text_is_not_the_text(tmp_path: Path) -> None:
    table = b"id,n\n" + b"1,2\n" * 1_000
    with pytest.raises(SpotterError, match=r"holds data\.csv, which has no column of text"):
        everything(upload(tmp_path, "a.zip", zipped({"data.csv": table, "LICENSE": PROSE.encode() * 20})))
    notes = {"notes.txt": PROSE.encode() * 200, "numbers.csv": table}
    outcome = everything(upload(tmp_path, "a.zip", zipped(notes)))
    assert (outcome.documents, outcome.found.skipped) == ([PROSE * 200], 1)


def test_a_file_that_turns_out_to_be_binary_is_named(tmp_path: Path) -> None:
    late = PROSE.encode() * 50_000 + bytes(2**21)
    with pytest.raises(SpotterError) as refused:
        everything(upload(tmp_path, "a.zip", zipped({"a.txt": b"one", "b.txt": late})))
    assert refused.value.message == "holds b.txt, which is binary, no text (it has NUL bytes)"


def test_what_is_passed_over_is_not_counted_as_damage(tmp_path: Path) -> None:
    files = {"a.txt": PROSE.encode(), "b.txt": "é".encode() * 10_000 + BINARY * 50, "state.json": b'{"step": 3}'}
    outcome = everything(upload(tmp_path, "a.zip", zipped(files)))
    assert (outcome.documents, outcome.found.skipped) == ([PROSE], 2)
    assert (outcome.found.undecodable_bytes, outcome.found.encodings) == (0, {"utf-8": 1})


def test_texts_with_commas_that_are_not_quoted_are_not_cut_off(tmp_path: Path) -> None:
    rows = b"".join(b"Once, there was a bar that nobody could lift,%d\n" % n for n in range(9))
    with pytest.raises(SpotterError, match="has 9 broken entries: line 2 has more cells than there are columns") as no:
        everything(upload(tmp_path, "a.csv", b"text,id\n" + rows))
    assert no.value.next_step == "Put quotes around every text that has a delimiter in it."


def test_500_columns_are_no_trouble(tmp_path: Path) -> None:
    header = ",".join([*(f"c{n}" for n in range(499)), "text"])
    row = ",".join([*("1" for _ in range(499)), PROSE])
    assert everything(upload(tmp_path, "a.csv", f"{header}\n{row}\n{row}\n".encode())).documents == [PROSE] * 2


def test_a_few_broken_lines_are_counted(tmp_path: Path) -> None:
    for broken in ["{", "{", "[1]"], ["{", "{"]:
        lines = [f'"text {number}"' for number in range(27)] + broken
        outcome = everything(upload(tmp_path, "a.jsonl", "\n".join(lines).encode()))
        assert (outcome.found.read, outcome.found.broken_lines) == (27, len(broken))


def test_many_broken_lines_are_refused(tmp_path: Path) -> None:
    lines = [f'"text {number}"' for number in range(26)] + ["{", "{", "[1]"]
    with pytest.raises(SpotterError) as refused:
        everything(upload(tmp_path, "a.jsonl", "\n".join(lines).encode()))
    assert refused.value.code is Code.CORPUS_UNREADABLE
    assert refused.value.message == "has 3 broken entries of 29: line 27 is not valid JSON"
    assert refused.value.next_step == "Mend them, or remove them; a few are passed over."


NUL = b"text\0" * 100
BINARY = random.Random(1).randbytes(2_000)


@pytest.mark.parametrize(
    ("filename", "data", "code", "sentence", "next_step"),
    [
        ("a.txt", b"", Code.CORPUS_EMPTY, "is empty", "Give a file with more text."),
        ("a.txt", b" \n\t\n", Code.CORPUS_EMPTY, "has no text", "Give a file with more text."),
        ("a.txt", codecs.BOM_UTF8, Code.CORPUS_EMPTY, "has no text", "Give a file with more text."),
        ("a.csv", b"id,text\n", Code.CORPUS_EMPTY, "has no text", "Give a file with more text."),
        ("a.json", b"[]", Code.CORPUS_EMPTY, "has no text", "Give a file with more text."),
        ("a.txt", NUL, Code.CORPUS_UNREADABLE, "is binary, no text (it has NUL bytes)", "Save it as plain UTF-8 text."),
        ("a.csv", NUL, Code.CORPUS_UNREADABLE, "is binary, no text (it has NUL bytes)", "Save it as plain UTF-8 text."),
        ("a.json", BINARY, Code.CORPUS_UNREADABLE, "is binary", "Save it as plain UTF-8 text."),
        ("a.jsonl", b"{", Code.CORPUS_UNREADABLE, "has 1 broken entry: line 1 is not valid JSON", "Mend the file"),
        ("a.jsonl", b"1\n2\n", Code.CORPUS_UNREADABLE, "line 1 is neither a text nor an object", "Mend the file"),
        ("a.csv", b"a,b\n1,2\n", Code.CORPUS_UNREADABLE, "has no column of text", "or say which one it is."),
        ("a.parquet", b"PAR1", Code.CORPUS_UNREADABLE, "is no Parquet file", "Write it as Parquet again."),
        ("a.parquet", BINARY, Code.CORPUS_UNREADABLE, "is no Parquet file", "Write it as Parquet again."),
        ("a.parquet.gz", gzip.compress(BINARY), Code.CORPUS_UNREADABLE, "is no Parquet file", "Write it as Parquet"),
        (
            "a.parquet",
            TABLES["a.parquet"][:-40] + TABLES["a.parquet"][-20:],
            Code.CORPUS_UNREADABLE,
            "is no Parquet file, or a damaged one",
            "Write it as Parquet again.",
        ),
        ("a.parquet", parquet({"n": [1]}), Code.CORPUS_UNREADABLE, "has no column of text", "or say which one it is."),
        ("a.pdf", b"%PDF", Code.CORPUS_UNREADABLE, ".pdf is not a kind that can be read", "Save it as one of .txt"),
    ],
)
def test_what_cannot_be_read_is_refused_with_what_to_do(
    tmp_path: Path, filename: str, data: bytes, code: Code, sentence: str, next_step: str
) -> None:
    with pytest.raises(SpotterError) as refused:
        everything(upload(tmp_path, filename, data))
    assert (refused.value.code, refused.value.field) == (code, "file")
    assert sentence in refused.value.message
    assert next_step in refused.value.next_step
    assert sorted(path.name for path in tmp_path.iterdir()) == ["upload"]


def test_one_byte_is_a_document(tmp_path: Path) -> None:
    assert everything(upload(tmp_path, "a.txt", b"x")).documents == ["x"]


def test_damaged_text_in_parquet_is_counted(tmp_path: Path) -> None:
    import pyarrow as pa

    cells = pa.array([b"caf\xe9", b"two"], pa.binary()).view(pa.string())
    outcome = everything(upload(tmp_path, "a.parquet", parquet({"text": cells})))
    assert (outcome.documents, outcome.found.undecodable_bytes) == (["caf\ufffd", "two"], 1)


def test_nothing_outside_of_the_approved_folder_is_read(tmp_path: Path) -> None:
    root = tmp_path / "corpora"
    root.mkdir()
    (tmp_path / "secret.txt").write_text(PROSE)
    (root / "link.txt").symlink_to("../secret.txt")
    for path in root / "link.txt", root / ".." / "secret.txt", tmp_path / "secret.txt", root / "gone.txt":
        with pytest.raises(SpotterError) as refused:
            everything(LocalSource(path=path, root=root))
        assert (refused.value.code, refused.value.field) == (Code.CORPUS_NOT_FOUND, "path")
        assert str(tmp_path) not in refused.value.message
