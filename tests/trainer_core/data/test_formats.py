from __future__ import annotations

import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer_core.data.formats import KINDS, decode, kind_of, parse
from trainer_core.errors import Code, SpotterError

STORY = "Once there was a bar that nobody could lift alone."
lines = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=60).filter(str.strip)


def table(*rows: list[str], delimiter: str = ",") -> str:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows(rows)
    return text.getvalue()


@pytest.mark.parametrize("kind", KINDS)
def test_the_ending_says_the_kind(kind: str) -> None:
    assert kind_of(f"My notes.{kind.upper()}") == kind


@pytest.mark.parametrize("name", ["notes.pdf", "notes", "notes.", ".csv.exe", ""])
def test_another_kind_is_refused_with_the_kinds_that_are_read(name: str) -> None:
    with pytest.raises(SpotterError, match=r"\.txt, \.md, \.csv, \.json, \.jsonl") as caught:
        kind_of(name)
    assert caught.value.code is Code.CORPUS_UNREADABLE
    assert caught.value.field == "file"


def test_a_byte_order_mark_is_no_text() -> None:
    assert decode(b"\xef\xbb\xbfone\r\ntwo") == "one\ntwo"


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        ("caf\xe9 au lait".encode("latin-1"), "byte 3 does not fit"),
        ("text".encode("utf-16"), "UTF-8"),
        (b"a\0b", "NUL"),
    ],
)
def test_what_is_not_utf_8_text_is_refused(data: bytes, complaint: str) -> None:
    with pytest.raises(SpotterError, match=complaint):
        decode(data)


@given(st.text())
def test_plain_text_is_one_document(text: str) -> None:
    assert "".join(parse("txt", text).documents) == (text if text.strip() else "")


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_a_column_called_text_is_the_text(delimiter: str) -> None:
    text = table(["id", "Text", "note"], ["1", "one", STORY * 3], ["2", "two", STORY * 3], delimiter=delimiter)
    parsed = parse("csv", text)
    assert parsed.text_column == "Text"
    assert parsed.documents == ("one", "two")


def test_without_such_a_name_it_is_the_longest_prose() -> None:
    text = table(["url", "title", "story"], ["https://example.org/a/very/long/address/indeed", "A bar", STORY])
    assert parse("csv", text).text_column == "story"


def test_a_cell_may_be_as_long_as_a_book_and_have_lines() -> None:
    book = "A long line of text.\n" * 20_000
    assert parse("csv", table(["text"], [book])).documents == (book,)


def test_rows_too_short_or_too_long_are_read_as_far_as_they_go() -> None:
    assert parse("csv", "id,text\n1,one\n2\n\n3,three,more\n").documents == ("one", "three")


@pytest.mark.parametrize(
    "text", [table(["a", "b"], ["1", "2"], ["3", "4"]), table(["day"], ["2026-01-01 00:00:00.000000"])]
)
def test_a_table_without_prose_is_refused_with_what_to_do(text: str) -> None:
    with pytest.raises(SpotterError, match="name the column that holds the text `text`"):
        parse("csv", text)


@pytest.mark.parametrize("text", ["", "id,text\n"])
def test_an_empty_table_has_no_documents(text: str) -> None:
    assert parse("csv", text).documents == ()


def test_a_broken_table_is_refused() -> None:
    with pytest.raises(SpotterError, match=r"not a CSV table \(line 3"):
        parse("csv", 'id,text\n1,one\n2,"two\n')


@given(st.lists(lines, min_size=1))
def test_json_in_each_of_its_forms_gives_the_same_documents(texts: list[str]) -> None:
    objects = [{"text": text, "id": index} for index, text in enumerate(texts)]
    forms = [
        parse("json", json.dumps(texts)),
        parse("json", json.dumps(objects)),
        parse("json", json.dumps({"data": objects, "version": 1})),
        parse("jsonl", "\n".join(map(json.dumps, texts))),
        parse("jsonl", "\n\n".join(map(json.dumps, objects)) + "\n"),
    ]
    assert {form.documents for form in forms} == {tuple(texts)}
    assert {form.text_column for form in forms} == {None, "text"}


def test_entries_without_the_text_are_left_out() -> None:
    text = json.dumps([{"body": STORY, "n": 1}, {"n": 2}, {"body": None}, {"body": " "}, {"body": "two"}])
    assert parse("json", text).documents == (STORY, "two")


@pytest.mark.parametrize(
    ("kind", "text", "complaint"),
    [
        ("json", "{", "not valid JSON"),
        ("json", "[" * 100_000, "not valid JSON"),
        ("json", '{"text": "one"}', "must be a list"),
        ("json", '"one"', "must be a list"),
        ("json", "[1]", "entry 1"),
        ("json", '["one", {"text": "two"}]', "mixes"),
        ("json", '[{"n": 1}]', "no column of text"),
        ("json", '["\\ud800"]', "surrogate"),
        ("jsonl", '"one"\n{', "line 2"),
        ("jsonl", "[1]", "entry 1"),
    ],
)
def test_json_that_is_no_list_of_texts_is_refused(kind: str, text: str, complaint: str) -> None:
    with pytest.raises(SpotterError, match=complaint):
        parse("json" if kind == "json" else "jsonl", text)
