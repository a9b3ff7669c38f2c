from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trainer_core.conftest import prose
from trainer_core.data.blocks import LONG, blocks, is_rule, long_parts, passages, runs_of_lines

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=2_000).map(str.encode)
lined = st.text(st.sampled_from(["a", "é", "語", " ", "\n"]), max_size=3_000).map(str.encode)
cuts = st.lists(st.integers(1, 400), min_size=1, max_size=20)


def pieces(text: bytes, sizes: list[int]) -> list[bytes]:
    """`text` in pieces of these sizes, over and over: characters are cut in two."""
    found = []
    while text:
        for size in sizes:
            found.append(text[:size])
            text = text[size:]
    return [piece for piece in found if piece]


@settings(max_examples=60)
@given(texts | lined, st.integers(8, 60), cuts)
def test_blocks_are_the_document_in_pieces_however_it_is_read(text: bytes, size: int, sizes: list[int]) -> None:
    found = list(blocks([text], size))
    assert b"".join(found) == text
    assert all(0 < len(block) <= 2 * size for block in found)
    assert all(block.decode() for block in found), "no character is cut in two"
    assert list(blocks(pieces(text, sizes), size)) == found


@settings(max_examples=60)
@given(texts | lined, st.integers(8, 60), st.data())
def test_from_a_cut_on_the_cuts_are_the_same(text: bytes, size: int, data: st.DataObject) -> None:
    found = list(blocks([text], size))
    first = data.draw(st.integers(0, len(found)))
    assert list(blocks([b"".join(found[first:])], size)) == found[first:]


def test_a_block_ends_where_a_paragraph_does() -> None:
    assert all(block.endswith(b"\n\n") for block in list(blocks([prose(20_000).encode()], 1_000))[:-1])


@settings(max_examples=60)
@given(texts | lined, st.integers(8, 60), cuts)
def test_passages_are_the_document_in_pieces_however_it_is_read(text: bytes, longest: int, sizes: list[int]) -> None:
    found = list(passages([text], longest))
    assert b"".join(found) == text
    assert all(0 < len(passage) <= longest for passage in found)
    assert all(passage.decode() for passage in found)
    assert list(passages(pieces(text, sizes), longest)) == found


def test_a_passage_begins_with_a_space_where_there_is_one() -> None:
    _, *rest = passages([prose(5_000).encode()], 100)
    assert len(rest) > 40
    assert all(passage.startswith(b" ") for passage in rest)


def test_paragraphs_and_lines_are_told_by_their_words() -> None:
    line = b"A line that is long enough to tell, whatever stands around it: it has more than eighty bytes of words."
    text = b"Title\n=====\n\n" + line + b"\nshort\n\n" + b"-" * 200 + b"\n" + line.replace(b" ", b"  ").upper()
    parts = [(text[start:end], words) for start, end, words in long_parts(text, 1_000)]
    words = b" ".join(line.replace(b",", b"").replace(b":", b"").replace(b".", b"").split())
    assert parts == [
        (line + b"\nshort\n\n", words + b" short"),
        (line + b"\n", words),
        (b"-" * 200 + b"\n" + line.replace(b" ", b"  ").upper(), words.upper()),
        (line.replace(b" ", b"  ").upper(), words.upper()),
    ]


@settings(max_examples=60)
@given(st.text(st.sampled_from("aé語 .\n"), max_size=3_000).map(str.encode), st.integers(LONG, 200))
def test_parts_lie_between_characters(text: bytes, size: int) -> None:
    for start, end, words in long_parts(text, size):
        assert 0 <= start < end <= len(text)
        assert len(words) >= LONG
        assert text[:start].decode() + text[start:end].decode() + text[end:].decode() == text.decode()


def test_a_line_of_a_table_is_no_words() -> None:
    assert is_rule("─".encode() * 100)
    assert not is_rule(b"words of a sentence")


def test_runs_of_short_lines_are_told_by_their_letters() -> None:
    lines = [f"line {number} of a verse\n".encode() for number in range(10)]
    text = b"".join(lines)
    runs = runs_of_lines(text)
    assert [text[start:end] for start, end in zip(runs.starts, runs.ends, strict=True)] == [
        b"".join(lines[first : first + 7]) for first in range(4)
    ]
    assert len(set(runs.keys().tolist())) == 4

    set_otherwise = runs_of_lines(text.replace(b"\n", b"\n\n").replace(b" ", b" - "))
    assert set_otherwise.keys().tolist() == runs.keys().tolist()


@given(st.lists(st.sampled_from(["", "a", "bc d", "e" * 79, "f" * 80, "g" * 200, "é" * 30]), max_size=40))
def test_a_run_begins_at_a_short_line_and_ends_with_one(lines: list[str]) -> None:
    text = "\n".join(lines).encode()
    runs = runs_of_lines(text)
    for start, end, letters in zip(runs.starts, runs.ends, runs.letters, strict=True):
        inside = text[start:end].removesuffix(b"\n").split(b"\n")
        assert start == 0 or text[start - 1] == ord("\n")
        assert 0 < len(inside[0]) < LONG
        assert len(inside[-1].replace(b" ", b"")) < LONG
        assert (re.sub(rb"\s", b"", text[start:]))[:LONG] == letters.tobytes()


def test_zeros_and_ones_are_no_words() -> None:
    digits = runs_of_lines(b"0 1 1 0\n" * 100)
    assert len(digits.starts) and digits.are_rules().all()
    assert not runs_of_lines(b"some words of a song\n" * 100).are_rules().any()
