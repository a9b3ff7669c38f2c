from __future__ import annotations

import re

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.trainer_core.conftest import prose
from trainer_core.data.split import Split, blocks, distinct_blocks, paragraphs, split

seeds = st.integers(0, 2**31 - 1)
corpora = st.lists(st.text(min_size=1, max_size=2_000), min_size=1, max_size=20)


@given(st.text(), st.integers(1, 50))
def test_blocks_are_the_document_in_pieces(document: str, size: int) -> None:
    pieces = blocks(document, size)
    assert "".join(pieces) == document
    assert all(0 < len(piece) <= 2 * size for piece in pieces)


def test_a_block_ends_where_a_paragraph_does() -> None:
    document = prose(20_000)
    assert all(piece.endswith("\n\n") for piece in blocks(document, 1_000)[:-1])


@given(st.text())
def test_paragraphs_are_the_text_in_pieces(text: str) -> None:
    assert "".join(paragraphs(text)) == text


@given(corpora, st.floats(0.01, 0.5), seeds)
def test_both_sides_come_from_the_corpus_and_share_no_block(corpus: list[str], fraction: float, seed: int) -> None:
    assume(distinct_blocks(corpus) >= 2)
    sides = split(corpus, fraction, seed)
    assert sides.validation
    assert sum(map(len, sides.train + sides.validation)) <= sum(map(len, corpus))
    assert split(corpus, fraction, seed) == sides


@given(seeds)
def test_about_the_fraction_asked_for_is_held_out(seed: int) -> None:
    sides = split([prose(30_000, seed=index) for index in range(4)], 0.1, seed)
    held, kept = (sum(map(len, side)) for side in (sides.validation, sides.train))
    assert 0.05 < held / (held + kept) <= 0.1


def test_another_seed_holds_out_another_part() -> None:
    corpus = [prose(30_000)]
    assert split(corpus, 0.1, 1).validation != split(corpus, 0.1, 2).validation


@given(seeds)
def test_a_text_and_its_copy_go_to_the_same_side(seed: int) -> None:
    texts = [f"Number {number} is a text of its own. {prose(150, seed=number)}" for number in range(30)]
    sides = split(texts * 2, 0.2, seed)
    assert not set(sides.train) & set(sides.validation)


@given(seeds)
def test_a_paragraph_held_out_is_trained_upon_nowhere(seed: int) -> None:
    shared = "This paragraph stands in every one of the documents, as licences and boilerplate text often do.\n\n"
    texts = [prose(1_000, seed=number) + "\n\n" + shared + prose(1_000, seed=100 + number) for number in range(20)]
    sides = split(texts, 0.2, seed)
    held = {paragraph.strip() for text in sides.validation for paragraph in paragraphs(text)}
    kept = {paragraph.strip() for text in sides.train for paragraph in paragraphs(text)}
    assert not {paragraph for paragraph in held & kept if len(paragraph) >= 80}


def test_text_that_only_repeats_itself_cannot_be_split() -> None:
    with pytest.raises(ValueError, match="one repeated block"):
        split(["word" * 25] * 40, 0.1, 1)


def leaks(sides: Split) -> set[str]:
    """Long lines and paragraphs that are on both sides."""
    train, held = (
        {words for text in side for part in (*text.splitlines(), *paragraphs(text)) if (words := long_words(part))}
        for side in (sides.train, sides.validation)
    )
    return train & held


def long_words(part: str) -> str:
    words = " ".join(re.findall(r"\w+", part))
    return words if len(words) >= 80 else ""


@settings(max_examples=25)
@given(seeds, st.floats(0.05, 0.5), st.integers(1, 5_000))
def test_lines_held_out_are_trained_upon_nowhere(seed: int, fraction: float, shift: int) -> None:
    lines = [f"{number} {prose(110, seed=number)}".replace("\n", " ") for number in range(300)]
    text = "\n".join(lines)
    preface = "\n".join(prose(shift, seed=1_000).split("\n\n")) + "\n"  # shifts the blocks of the copy
    sides = split([text, preface + text], fraction, seed)
    assert leaks(sides) == set()
    held = "".join(sides.validation)
    train_blocks = {block for text in sides.train for block in blocks(text, 1_000)}
    assert not [block for block in train_blocks if len(block) >= 250 and block in held]


@settings(max_examples=25)
@given(seeds, st.integers(1, 2_999))
def test_a_line_too_long_for_a_block_leaks_by_no_piece(seed: int, shift: int) -> None:
    line = prose(60_000).replace("\n", " ")
    sides = split([line, "x" * shift + "\n" + line], 0.3, seed)
    held = "".join(sides.validation)
    assert not [block for text in sides.train for block in blocks(text, 500) if len(block) >= 500 and block in held]


@given(corpora, st.floats(0.01, 0.5), seeds)
def test_whatever_the_corpus_no_long_line_is_on_both_sides(corpus: list[str], fraction: float, seed: int) -> None:
    assume(distinct_blocks(corpus) >= 2)
    assert leaks(split([*corpus, *corpus[::2]], fraction, seed)) == set()


def test_the_rules_of_tables_may_be_on_both_sides() -> None:
    rule = "+" + "-" * 98 + "+\n"
    sides = split([f"{rule}{prose(500, seed=number)}\n\n{rule}\n" for number in range(40)], 0.2, 1)
    assert rule in "".join(sides.train) and rule in "".join(sides.validation)
