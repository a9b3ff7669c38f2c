from __future__ import annotations

import pytest

from tests.trainer_core.data.sources.given import PROSE
from trainer_core.data.sources.columns import ColumnUndecided, text_column
from trainer_core.errors import Code, SpotterError


def test_a_column_called_text_is_the_text_whatever_else_there_is() -> None:
    assert text_column([{"id": "1", " Text ": "one", "note": PROSE * 3}], None) == " Text "


def test_without_such_a_name_it_is_the_only_prose() -> None:
    assert text_column([{"url": "https://example.org/a/very/long/address", "title": "A bar", "tale": PROSE}], None) == (
        "tale"
    )


def test_prose_that_is_much_longer_needs_no_question() -> None:
    assert text_column([{"summary": PROSE, "tale": PROSE * 2}], None) == "tale"


def test_where_several_could_be_it_a_person_decides_the_likeliest_first() -> None:
    with pytest.raises(ColumnUndecided) as asked:
        text_column([{"n": "1", "question": PROSE, "answer": PROSE + PROSE[:20]}], None)
    assert asked.value.columns == ("answer", "question")


def test_of_500_columns_five_are_offered() -> None:
    with pytest.raises(ColumnUndecided) as asked:
        text_column([{f"c{n}": PROSE + "." * n for n in range(500)}], None)
    assert asked.value.columns == ("c499", "c498", "c497", "c496", "c495")


@pytest.mark.parametrize("record", [{"a": "1", "b": "2"}, {"day": "2026-01-01 00:00:00.000000"}, {"n": 3}, {}])
def test_a_table_without_prose_is_refused_with_what_to_do(record: dict[str, object]) -> None:
    with pytest.raises(SpotterError, match="has no column of text") as refused:
        text_column([record], None)
    assert refused.value.code is Code.CORPUS_UNREADABLE
    assert "`text`" in refused.value.next_step


@pytest.mark.parametrize("chosen", ["Answer", "answer ", "ANSWER"])
def test_the_chosen_column_is_found_however_it_is_written(chosen: str) -> None:
    assert text_column([{"text": PROSE, "Answer": "yes"}], chosen) == "Answer"


def test_a_chosen_column_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(SpotterError, match=r"no column 'story'; there are: c0, c1, .* and 490 more") as refused:
        text_column([{f"c{n}": PROSE for n in range(500)}], "story")
    assert (refused.value.code, refused.value.field) == (Code.CONFIG_INVALID, "column")
    assert "c10" not in refused.value.message


def test_texts_without_columns_have_none() -> None:
    assert text_column(["one", "two"], None) is None
    assert text_column([], None) is None


def test_texts_and_objects_are_not_mixed() -> None:
    with pytest.raises(SpotterError, match="mixes plain texts and objects"):
        text_column(["one", {"text": "two"}], None)
