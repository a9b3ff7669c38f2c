from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from trainer_core.data.card import Preprocessing
from trainer_core.data.documents import DocumentsWriter, Piece, open_documents
from trainer_core.data.intake.streaming import Tally, write

TEXTS = st.text(st.sampled_from("ab \n\té\u0301@.x"), max_size=30)
OPTIONS = st.builds(
    Preprocessing,
    normalize=st.booleans(),
    whitespace=st.booleans(),
    min_characters=st.integers(1, 5),
    duplicates=st.booleans(),
    near_duplicates=st.booleans(),
    remove_secrets=st.booleans(),
)


def taken_in(pieces: list[Piece], options: Preprocessing) -> tuple[Tally, list[str], str]:
    with tempfile.TemporaryDirectory() as folder:
        with DocumentsWriter(Path(folder)) as writer:
            tally = write(pieces, writer, options)
        if not writer.documents:
            return tally, [], ""
        return tally, list(open_documents(Path(folder), "test")), writer.content


@given(st.lists(TEXTS, max_size=12), OPTIONS)
@settings(max_examples=60)
def test_every_document_is_written_or_counted(texts: list[str], options: Preprocessing) -> None:
    tally, written, _ = taken_in([Piece(text) for text in texts], options)
    left_out = tally.too_short + tally.duplicates + tally.near_duplicates
    assert tally.read == len(texts) == left_out + len(written)
    assert list(tally.lengths) == list(map(len, written))
    assert all(text.strip() and len(text) >= options.min_characters for text in written)
    if options.duplicates:
        assert len(set(written)) == len(written)


@given(st.lists(st.lists(TEXTS, min_size=1, max_size=3), max_size=6), OPTIONS)
@settings(max_examples=60)
def test_pieces_make_no_difference_to_what_is_written(texts: list[list[str]], options: Preprocessing) -> None:
    exact = options.model_copy(update={"near_duplicates": False})  # a few words across a seam are not compared
    cut = [Piece(text, begins=number == 0) for pieces in texts for number, text in enumerate(pieces)]
    whole = [Piece("".join(pieces)) for pieces in texts]
    assert taken_in(cut, exact) == taken_in(whole, exact)


def test_what_is_left_out_leaves_no_trace_in_what_is_written() -> None:
    texts = ["one", "two", "one", " ", "three"]
    _, written, content = taken_in([Piece(text) for text in texts], Preprocessing())
    _, same, same_content = taken_in([Piece(text) for text in ("one", "two", "three")], Preprocessing())
    assert written == same == ["one", "two", "three"]
    assert content == same_content


def test_a_document_that_is_cut_may_be_left_out_as_a_whole() -> None:
    long = "word " * 500
    options = Preprocessing(max_characters=1_000)
    tally, written, _ = taken_in([Piece(long), Piece(long)], options)
    assert (tally.read, tally.duplicates, tally.cut) == (2, 1, 1)
    assert len(written) == len(tally.lengths) == 3
