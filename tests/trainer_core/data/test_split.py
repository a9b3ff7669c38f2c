from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.trainer_core.conftest import make_documents, prose
from trainer_core.data import split as module
from trainer_core.data.documents import Documents
from trainer_core.data.spans import bytes_in
from trainer_core.data.split import Split, kept_split, split

seeds = st.integers(0, 2**31 - 1)
characters = st.characters(exclude_categories=["Cs"])
corpora = st.lists(st.text(characters, min_size=1, max_size=2_000), min_size=1, max_size=20)


@contextmanager
def documents_of(texts: Sequence[str]) -> Iterator[Documents]:
    with tempfile.TemporaryDirectory() as folder:
        yield make_documents(Path(folder), texts)


def sides_of(texts: Sequence[str], fraction: float, seed: int) -> tuple[list[str], list[str]]:
    """The text of both sides."""
    with documents_of(texts) as documents:
        sides = split(documents, fraction, seed)
        return texts_in(documents, sides.train), texts_in(documents, sides.validation)


def texts_in(documents: Documents, spans: np.ndarray[tuple[int, ...], np.dtype[np.uint64]]) -> list[str]:
    text = documents.path.read_bytes()
    return [text[start:end].decode() for start, end in spans.tolist()]


@settings(max_examples=30)
@given(corpora, st.floats(0.01, 0.5), seeds)
def test_both_sides_are_of_the_documents_and_do_not_overlap(corpus: list[str], fraction: float, seed: int) -> None:
    assume(len(set(corpus)) >= 2)
    with documents_of(corpus) as documents:
        sides = split(documents, fraction, seed)
        again = split(documents, fraction, seed)
        assert (sides.train == again.train).all() and (sides.validation == again.validation).all()
        assert len(sides.validation)
        spans = sorted([*sides.train.tolist(), *sides.validation.tolist()])
        assert all(start < end for start, end in spans)
        assert all(end <= start for (_, end), (start, _) in pairwise(spans))
        of = np.searchsorted(documents.offsets, [start for start, _ in spans], side="right")
        assert all(end <= documents.offsets[document] for (_, end), document in zip(spans, of, strict=True))


@settings(max_examples=20)
@given(seeds)
def test_about_the_fraction_asked_for_is_held_out(seed: int) -> None:
    train, held = sides_of([prose(30_000, seed=index) for index in range(4)], 0.1, seed)
    assert 0.05 < len("".join(held)) / len("".join(train + held)) <= 0.1


def test_no_more_is_held_out_than_tells_something(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(module, "_MOST", 5_000)
    documents = make_documents(tmp_path, [prose(30_000, seed=index) for index in range(4)])
    assert 2_500 < bytes_in(split(documents, 0.5, 1).validation) <= 5_000


def test_another_seed_holds_out_another_part() -> None:
    corpus = [prose(30_000)]
    assert sides_of(corpus, 0.1, 1)[1] != sides_of(corpus, 0.1, 2)[1]


def test_what_is_short_beside_the_corpus_is_held_out_as_a_whole() -> None:
    corpus = [f"Number {number}. {prose(400, seed=number)}" for number in range(200)]
    train, held = sides_of(corpus, 0.1, 1)
    assert set(held) <= set(corpus) and len(held) > 5
    assert "".join(sorted(train + held)) == "".join(sorted(corpus))


@settings(max_examples=20)
@given(seeds)
def test_a_text_and_its_copy_go_to_the_same_side(seed: int) -> None:
    texts = [f"Number {number} is a text of its own. {prose(150, seed=number)}" for number in range(30)]
    train, held = sides_of(texts * 2, 0.2, seed)
    assert held and not set(train) & set(held)


@settings(max_examples=20)
@given(seeds)
def test_a_paragraph_held_out_is_trained_upon_nowhere(seed: int) -> None:
    shared = "This paragraph stands in every one of the documents, as licences and boilerplate text often do.\n\n"
    texts = [prose(1_000, seed=number) + "\n\n" + shared + prose(1_000, seed=100 + number) for number in range(20)]
    train, held = sides_of(texts, 0.2, seed)
    assert any(shared in text for text in held)
    assert not any(shared in text for text in train)


@pytest.mark.parametrize("texts", [["word" * 25] * 40, ["word\n\n"], [""]])
def test_text_that_only_repeats_itself_cannot_be_split(texts: list[str]) -> None:
    with pytest.raises(ValueError, match="one repeated block"):
        sides_of(texts, 0.1, 1)


def leaks(train: Sequence[str], held: Sequence[str]) -> set[str]:
    """Words of the long lines and paragraphs that are on both sides."""
    there, here = (
        {words for text in side for part in re.split(r"\n", text) + re.split(r"\n\n", text) if (words := long(part))}
        for side in (train, held)
    )
    return there & here


def long(part: str) -> str:
    words = " ".join(re.findall(r"[^\W]+|[^\x00-\x7f]+", part))
    return words if len(words.encode()) >= 80 and len(set(words.encode())) > 8 else ""


@settings(max_examples=20)
@given(seeds, st.floats(0.05, 0.5), st.integers(1, 5_000))
def test_lines_held_out_are_trained_upon_nowhere(seed: int, fraction: float, shift: int) -> None:
    lines = [f"{number} {prose(110, seed=number)}".replace("\n", " ") for number in range(300)]
    text = "\n".join(lines)
    preface = "\n".join(prose(shift, seed=1_000).split("\n\n")) + "\n"  # shifts the blocks of the copy
    train, held = sides_of([text, preface + text], fraction, seed)
    assert leaks(train, held) == set()


@settings(max_examples=10)
@given(seeds)
def test_short_lines_held_out_are_hardly_trained_upon(seed: int) -> None:
    verses = [prose(45, seed=number).replace("\n", " ") for number in range(1_000)]
    copy = [verse if number % 40 else f"changed {number}" for number, verse in enumerate(verses)]
    train, held = ("".join(side).splitlines() for side in sides_of(["\n".join(verses), "\n".join(copy)], 0.1, seed))
    assert len(held) > 80
    assert len(set(held) & set(train)) < 0.1 * len(held)


@settings(max_examples=20)
@given(seeds, st.integers(1, 2_999))
def test_a_line_too_long_for_a_block_leaks_by_no_piece(seed: int, shift: int) -> None:
    line = prose(60_000).replace("\n", " ")
    train, held = sides_of([line, "x" * shift + "\n" + line], 0.3, seed)
    pieces = {text[at : at + 500] for text in held for at in range(0, len(text) - 500)}
    assert not any(text[at : at + 500] in pieces for text in train for at in range(0, len(text) - 500, 250))


@settings(max_examples=30)
@given(st.lists(st.text(st.sampled_from("abcdefghi \n"), min_size=1, max_size=2_000), min_size=1, max_size=20), seeds)
def test_whatever_the_corpus_no_long_line_is_on_both_sides(corpus: list[str], seed: int) -> None:
    assume(len(set(corpus)) >= 2)
    assert leaks(*sides_of([*corpus, *corpus[::2]], 0.2, seed)) == set()


def test_the_rules_of_tables_may_be_on_both_sides() -> None:
    for rule in ("+" + "-" * 98 + "+\n", "─" * 98 + "\n"):
        train, held = sides_of([f"{rule}{prose(500, seed=number)}\n\n{rule}\n" for number in range(40)], 0.2, 1)
        assert rule in "".join(train) and rule in "".join(held)


def test_how_far_it_is_is_told_and_may_end_it(tmp_path: Path) -> None:
    documents = make_documents(tmp_path, [prose(30_000, seed=index) for index in range(4)])
    told: list[float] = []

    def tell(done: float) -> None:
        told.append(done)
        if done > 0.5:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        kept_split(tmp_path, documents, 0.1, 1, tell)
    assert told == sorted(told) and 0 < told[0] <= 0.5
    assert not (tmp_path / "splits").exists()


def test_a_split_is_kept_and_made_again_when_damaged(tmp_path: Path) -> None:
    documents = make_documents(tmp_path, [prose(30_000)])
    made = kept_split(tmp_path, documents, 0.1, 1)

    def fail(_: float) -> None:
        raise AssertionError("it was there")

    assert same(kept_split(tmp_path, documents, 0.1, 1, fail), made)
    [folder] = (tmp_path / "splits").iterdir()
    (folder / "train.idx").write_bytes(b"damaged")
    assert same(kept_split(tmp_path, documents, 0.1, 1), made)
    assert same(kept_split(tmp_path, documents, 0.1, 1, fail), made)
    shutil.rmtree(folder)
    assert not same(kept_split(tmp_path, documents, 0.1, 2), made)
    assert kept_split(tmp_path, documents, 0.2, 1).key != made.key


def same(one: Split, other: Split) -> bool:
    return (
        one.key == other.key
        and np.array_equal(one.train, other.train)
        and np.array_equal(one.validation, other.validation)
    )
