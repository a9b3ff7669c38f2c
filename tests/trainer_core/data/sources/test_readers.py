from __future__ import annotations

import csv
import io
import json
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet as pq

from tests.trainer_core.data.sources.given import PROSE
from trainer_core.data.documents import PIECE
from trainer_core.data.sources.archives import Meter, opened
from trainer_core.data.sources.encodings import decoded
from trainer_core.data.sources.readers import delimited, jsons, parquet
from trainer_core.data.sources.readers.delimited import rows
from trainer_core.data.sources.readers.found import Broken, Found, Record
from trainer_core.data.sources.readers.jsons import json_lines, json_list
from trainer_core.data.sources.readers.lines import lines
from trainer_core.data.sources.readers.plain import document
from trainer_core.errors import Code, SpotterError

words = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=40).filter(str.strip)


def parts(text: str, size: int) -> Iterator[str]:
    return (text[at : at + size] for at in range(0, len(text), size))


def table(*rows: list[str], delimiter: str = ",") -> str:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows(rows)
    return text.getvalue()


class TestLines:
    @given(st.lists(st.sampled_from(["a", "\r", "\n", "\r\n", "\u2028", "\x0b"]), max_size=20), st.integers(1, 5))
    @settings(max_examples=30)
    def test_they_end_as_in_any_file_wherever_the_text_is_parted(self, pieces: list[str], size: int) -> None:
        text = "".join(pieces)
        expected = io.StringIO(text, newline="").readlines()
        assert list(lines(parts(text, size))) == expected

    def test_one_that_is_too_long_is_passed_over_as_it_comes(self) -> None:
        assert list(lines(parts("ab\n" + "x" * 100 + "\ncd", 7), longest=10)) == ["ab\n", None, "cd"]


class TestPlainText:
    @given(st.text(min_size=1), st.integers(1, 9))
    @settings(max_examples=30)
    def test_a_file_is_one_document_as_it_is(self, text: str, size: int) -> None:
        pieces = list(document(parts(text, size)))
        assert "".join(piece.text for piece in pieces) == (text if text.strip() else "")
        assert [piece.begins for piece in pieces] == [True] * bool(text.strip())

    def test_a_long_one_comes_in_pieces_that_end_between_lines_or_words(self) -> None:
        for filler, end in ("lift\n", "\n"), ("lift ", " "), ("lift", "l"):
            text = filler * (3 * PIECE // len(filler))
            pieces = list(document(parts(text, PIECE // 3)))
            assert "".join(piece.text for piece in pieces) == text
            assert max(len(piece.text) for piece in pieces) <= PIECE
            assert [piece.begins for piece in pieces] == [True] + [False] * (len(pieces) - 1)
            assert end == "l" or all(piece.text.endswith(end) for piece in pieces)

    def test_a_line_end_is_never_parted(self) -> None:
        pieces = list(document(["x" * (PIECE - 1) + "\r", "\nmore"]))
        assert [piece.text[-1] for piece in pieces] == ["x", "e"]

    def test_one_line_of_100_mb_takes_little_memory(self) -> None:
        tracemalloc.start()
        try:
            size = sum(len(piece.text) for piece in document(decoded((b"x" * 2**20 for _ in range(100)), Found())))
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert size == 100 * 2**20
        assert peak < 12 * 2**20


class TestTables:
    @given(st.lists(st.lists(words, min_size=2, max_size=2), min_size=1), st.sampled_from(",;\t|"), st.integers(1, 9))
    @settings(max_examples=30)
    def test_cells_come_back_as_they_were_written(self, cells: list[list[str]], mark: str, size: int) -> None:
        text = table(["id", "text"], *cells, delimiter=mark)
        assert list(rows(parts(text, size), None)) == [dict(zip(["id", "text"], row, strict=True)) for row in cells]

    def test_a_cell_may_be_as_long_as_a_book_and_have_lines(self) -> None:
        book = "A long line of text.\n" * 20_000
        assert list(rows([table(["text"], [book])], None)) == [{"text": book}]

    def test_rows_too_short_are_read_as_far_as_they_go(self) -> None:
        assert list(rows(["\nid,text\n1,one\n2\n\n3,three\n"], None)) == [
            {"id": "1", "text": "one"},
            {"id": "2"},
            {"id": "3", "text": "three"},
        ]

    def test_commas_of_a_text_in_the_last_column_belong_to_it(self) -> None:
        assert list(rows(["id,text\n1,Once, there was,\n2,two,\n"], None, "text")) == [
            {"id": "1", "text": "Once, there was,"},
            {"id": "2", "text": "two"},
        ]
        assert list(rows(["text\nOnce, there was\n"], None, "text")) == [{"text": "Once, there was"}]

    def test_commas_of_a_text_in_another_column_break_its_row(self) -> None:
        broken = list(rows(["text,id\nOnce, there was,1\ntwo,2\n"], None, "text"))
        assert [getattr(row, "where", "whole") for row in broken] == ["line 2", "whole"]

    def test_each_column_has_a_name_of_its_own(self) -> None:
        assert list(rows(["text,text\none,1\n"], None)) == [{"text": "one", "column 2": "1"}]

    def test_line_ends_may_be_mixed(self) -> None:
        read = list(rows(['id,text\r\n1,one\n2,"t\r\nwo"\r3,three'], None))
        assert [row["text"] for row in read if isinstance(row, dict)] == ["one", "t\r\nwo", "three"]

    def test_columns_without_a_name_are_called_by_their_number(self) -> None:
        assert list(rows(["id,,\n1,2,3\n"], None)) == [{"id": "1", "column 2": "2", "column 3": "3"}]

    def test_a_first_row_of_text_is_no_heading(self) -> None:
        """Its cells would be shown as the names of columns."""
        assert list(rows(["my private diary entry one,pos\ntwo,neg\n"], None)) == [
            {"column 1": "my private diary entry one", "column 2": "pos"},
            {"column 1": "two", "column 2": "neg"},
        ]
        assert list(rows([table(["1", PROSE * 2], ["2", "two"])], None)) == [
            {"column 1": "1", "column 2": PROSE * 2},
            {"column 1": "2", "column 2": "two"},
        ]

    def test_a_row_that_is_none_is_passed_over(self) -> None:
        assert list(rows(['id,text\n1,one\n2,"two" or more\n3,three\n'], None)) == [
            {"id": "1", "text": "one"},
            Broken("line 3", "is no row of a table"),
            {"id": "3", "text": "three"},
        ]

    def test_a_quote_that_never_closes_is_refused_with_its_line(self) -> None:
        with pytest.raises(SpotterError, match="a quote that opens on line 3 and never closes") as refused:
            list(rows(['id,text\n1,one\n2,"two\n3,three\n'], None))
        assert refused.value.code is Code.CORPUS_UNREADABLE
        assert "Close it" in refused.value.next_step

    def test_a_quote_that_never_closes_is_not_read_to_the_end_of_the_world(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(delimited, "RECORD", 1_000)
        read: list[int] = []

        def endless() -> Iterator[str]:
            yield 'id,text\n1,"one\n'
            for number in range(1_000_000):
                read.append(number)
                yield "more, more\n"

        with pytest.raises(SpotterError, match="opens on line 2 and never closes"):
            list(rows(endless(), None))
        assert len(read) < 110

    def test_a_line_that_is_too_long_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(delimited, "lines", lambda texts: lines(texts, longest=100))
        with pytest.raises(SpotterError, match="has a line 2 that is longer than"):
            list(rows(["text\n", "x" * 200, "\n"], None))


class TestJson:
    @given(st.lists(words, min_size=1), st.integers(1, 9))
    @settings(max_examples=30)
    def test_each_of_its_forms_gives_the_same_texts(self, texts: list[str], size: int) -> None:
        objects = [{"text": text, "id": index} for index, text in enumerate(texts)]
        forms = {
            json.dumps(texts): json_list,
            json.dumps(objects, indent=1): json_list,
            json.dumps({"version": [{}], "data": objects, "more": {"data": [1]}}): json_list,
            "\n".join(map(json.dumps, texts)): json_lines,
            "\r\n\r\n".join(map(json.dumps, objects)) + "\n": json_lines,
        }
        for text, read in forms.items():
            assert [text_of(record) for record in read(parts(text, size), Found())] == texts

    def test_a_list_that_is_json_lines_after_all_is_read_as_such(self) -> None:
        text = '{"text": "one", "n": NaN}\n{"text": "two"}\n'
        assert list(json_list([text], Found())) == [{"text": "one"}, {"text": "two"}]

    def test_broken_lines_are_told_by_their_number(self) -> None:
        text = '"one"\n{\n\n[1]\n"two"\n' + "[" * 100_000 + "\n" + "9" * 5_000
        assert list(json_lines([text], Found())) == [
            "one",
            Broken("line 2", "is not valid JSON"),
            Broken("line 4", "is neither a text nor an object"),
            "two",
            Broken("line 6", "is not valid JSON"),
            Broken("line 7", "is not valid JSON"),
        ]

    def test_a_line_that_is_too_long_is_broken(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(jsons, "lines", lambda texts: lines(texts, longest=20))
        read = list(json_lines(['"one"\n"', "x" * 50, '"\n"two"'], Found()))
        assert [record if isinstance(record, str) else "broken" for record in read] == ["one", "broken", "two"]

    def test_an_entry_without_end_is_not_read_to_the_end_of_the_world(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(jsons, "RECORD", 1_000)
        read: list[int] = []

        def endless() -> Iterator[str]:
            yield '["one", "'
            for number in range(1_000_000):
                read.append(number)
                yield "more " * 20

        with pytest.raises(SpotterError, match=r"after entry 1 \(it has no end within"):
            list(json_list(endless(), Found()))
        assert len(read) < 100

    @pytest.mark.parametrize(
        ("text", "complaint"),
        [
            ("", "not valid JSON"),
            ("{", "not valid JSON"),
            ("[" * 100_000, "nested too deeply"),
            ('["one", ' + "9" * 5_000, "after entry 1 .a number is too long"),
            ('["one", "two"', "not valid JSON after entry 2"),
            ('["one",]', "not valid JSON after entry 1"),
            ('["one"] ["two"]', "there is more after its end"),
            ('{"text": "one"}', "must be a list"),
            ('"one"', "must be a list"),
            ("{}", "must be a list"),
        ],
    )
    def test_json_that_is_no_list_of_texts_is_refused(self, text: str, complaint: str) -> None:
        with pytest.raises(SpotterError, match=complaint) as refused:
            list(json_list([text], Found()))
        assert (refused.value.code, refused.value.field) == (Code.CORPUS_UNREADABLE, "file")
        assert ".jsonl" in refused.value.next_step

    def test_half_a_surrogate_pair_is_mended_in_texts_and_names(self) -> None:
        found = Found()
        assert list(json_lines([r'{"te\ud800xt": "one\udc00", "n": "\ud83d\ude00"}'], found)) == [
            {"te\ufffd\ufffdxt": "one\ufffd\ufffd", "n": "😀"}
        ]
        assert found.undecodable_bytes == 4


def text_of(record: Record | Broken) -> object:
    assert not isinstance(record, Broken)
    return record if isinstance(record, str) else record["text"]


class TestParquet:
    def test_a_long_text_in_every_row_is_held_once_and_counted_each_time(self, tmp_path: Path) -> None:
        text = "lorem ipsum " * 2**19
        bomb = tmp_path / "a.parquet"
        cells = pa.DictionaryArray.from_arrays(pa.array([0] * 256, pa.int32()), pa.array([text]))
        pq.write_table(pa.table({"text": cells, "again": cells}), bomb, compression="zstd")
        assert bomb.stat().st_size < 20_000
        pool = pa.proxy_memory_pool(pa.default_memory_pool())
        before = pa.default_memory_pool()
        pa.set_memory_pool(pool)
        try:
            read = 0
            with pytest.raises(SpotterError) as refused, opened(bomb, "parquet") as members:
                for row in parquet.rows(members[0], Meter(None, 10 * len(text), lambda _done, _total: None), Found()):
                    read += len(row)
        finally:
            pa.set_memory_pool(before)
        assert refused.value.code is Code.CORPUS_TOO_LARGE
        assert read == 10
        assert pool.max_memory() < 16 * len(text)

    @pytest.mark.parametrize("columns", [1, 2])
    def test_a_row_that_is_too_long_is_refused(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, columns: int
    ) -> None:
        monkeypatch.setattr(parquet, "RECORD", 1_000)
        path = tmp_path / "a.parquet"
        pq.write_table(pa.table({f"c{number}": ["x" * (1_200 // columns)] for number in range(columns)}), path)
        with opened(path, "parquet") as members, pytest.raises(SpotterError, match="of more than 1,000 bytes"):
            list(parquet.rows(members[0], Meter(None, 2**20, lambda _done, _total: None), Found()))

    def test_a_page_that_could_fill_the_memory_is_not_unpacked(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(parquet, "_LARGE", 1_000)
        path = tmp_path / "a.parquet"
        pq.write_table(pa.table({"text": ["x" * 10**6]}), path, compression="zstd")
        with opened(path, "parquet") as members, pytest.raises(SpotterError, match="more tightly than text"):
            list(parquet.rows(members[0], Meter(None, 2**30, lambda _done, _total: None), Found()))
