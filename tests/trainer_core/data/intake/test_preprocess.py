from __future__ import annotations

import sys
import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from trainer_core.data.card import Preprocessing
from trainer_core.data.intake.preprocess import SEAM, Changes, clean, cut

OFF = Preprocessing(normalize=False, control=False, whitespace=False)
ALL = Preprocessing()
TRICKY = "ab \t\r\n\x00\x85\u2028\u00a0e\u0301\u0327\uac00\u1100\u1161\u11a8\u0b47\u0b3e\U0001f642"
TEXTS = st.text(st.one_of(st.sampled_from(TRICKY), st.characters(exclude_categories=["Cs"])), max_size=60)
OPTIONS = st.builds(Preprocessing, normalize=st.booleans(), control=st.booleans(), whitespace=st.booleans())


def cleaned(*pieces: str, options: Preprocessing = ALL) -> str:
    return "".join(clean(pieces, options, Changes()))


@given(TEXTS, OPTIONS)
@settings(max_examples=100)
def test_cleaning_twice_is_cleaning_once(text: str, options: Preprocessing) -> None:
    once = cleaned(text, options=options)
    changes = Changes()
    assert "".join(clean([once], options, changes)) == once
    assert changes == Changes()


@given(st.lists(TEXTS, max_size=6), OPTIONS)
@settings(max_examples=100)
@example(["a\r", "\nb"], ALL)
@example(["e", "\u0301"], ALL)
@example(["a\n\n", "\n\nb"], ALL)
@example(["\u1100", "\u1161"], ALL)
def test_where_a_document_was_cut_makes_no_difference(pieces: list[str], options: Preprocessing) -> None:
    in_pieces, whole = Changes(), Changes()
    assert "".join(clean(pieces, options, in_pieces)) == "".join(clean(["".join(pieces)], options, whole))
    assert in_pieces == whole


def test_a_text_is_never_cut_before_what_nfc_joins_to_the_character_before() -> None:
    pairs = (unicodedata.decomposition(chr(number)).split() for number in range(sys.maxunicode + 1))
    joined = {chr(int(pair[1], 16)) for pair in pairs if len(pair) == 2 and not pair[0].startswith("<")}
    assert len(joined) > 50
    for second in joined:
        first, _ = clean([f"a{second}", "b"], ALL, Changes())
        assert first == ""


@given(TEXTS)
def test_what_is_switched_off_is_not_done(text: str) -> None:
    assert cleaned(text, options=OFF) == text


@given(TEXTS)
def test_without_nfc_what_is_gone_is_what_was_counted(text: str) -> None:
    changes = Changes()
    left = "".join(clean([text], Preprocessing(normalize=False), changes))
    assert len(text) - len(left) == changes.control_characters + changes.whitespace_characters


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("one\r\ntwo\rthree\u2028four", "one\ntwo\nthree\nfour"),
        ("one  \t\ntwo\u00a0", "one\ntwo"),
        ("one\n\n\n\n\n\ntwo", "one\n\n\ntwo"),
        ("one\n\n\ntwo", "one\n\n\ntwo"),
        ("  def f():\n\treturn 1\n", "  def f():\n\treturn 1\n"),
        ("be\x07ep\x00 \x1b[31mred\x7f", "beep [31mred"),
        ("e\x00\u0301", "\u00e9"),
    ],
)
def test_white_space_and_control_characters(text: str, left: str) -> None:
    assert cleaned(text) == left


def test_a_document_that_nfc_changes_is_counted_once() -> None:
    changes = Changes()
    pieces = ["e\u0301t\u00e9 " * 50, "cafe\u0301 " * 50]
    assert unicodedata.is_normalized("NFC", "".join(clean(pieces, ALL, changes)))
    assert changes.normalized == 1


def test_white_space_without_end_is_not_kept_in_memory() -> None:
    longest = max(len(piece) for piece in clean(["a", *[" " * SEAM] * 8, "b"], ALL, Changes()))
    assert longest <= 2 * SEAM


@given(st.lists(TEXTS, max_size=5), st.integers(1, 20))
@settings(max_examples=60)
def test_cutting_loses_nothing_and_keeps_to_the_length(pieces: list[str], longest: int) -> None:
    parts = list(cut(pieces, longest))
    documents: list[str] = []
    for part in parts:
        if part.begins:
            documents.append("")
        documents[-1] += part.text
    assert "".join(documents) == "".join(pieces)
    assert all(1 <= len(document) <= longest for document in documents)


def test_a_document_is_cut_between_words() -> None:
    assert [piece.text for piece in cut(["one two three four"], 8)] == ["one two ", "three ", "four"]


def test_without_a_bound_nothing_is_cut() -> None:
    assert [(piece.text, piece.begins) for piece in cut(["one ", "two"], None)] == [("one ", True), ("two", False)]
