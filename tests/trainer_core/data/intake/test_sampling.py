from __future__ import annotations

from array import array
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tests.trainer_core.conftest import make_documents, prose
from trainer_core.data.intake.lengths import BINS, distribution
from trainer_core.data.intake.sampling import repeats_itself, sample, tokens_per_byte


def test_a_small_text_is_sampled_as_a_whole(tmp_path: Path) -> None:
    texts = [prose(3_000, seed=1), prose(3_000, seed=2)]
    assert "".join(sample(make_documents(tmp_path, texts), 10, 1_000)) == "".join(texts)


def test_a_large_text_is_sampled_at_even_distances(tmp_path: Path) -> None:
    passages = sample(make_documents(tmp_path, ["ж" * 5_001, "z" * 10_000]), 10, 101)
    assert len(passages) == 10
    assert all(90 <= len(passage.encode()) <= 101 for passage in passages)
    assert set("".join(passages)) == {"ж", "z"}


def test_one_text_over_and_over_is_noticed() -> None:
    assert repeats_itself(["word" * 1_000])
    assert repeats_itself(["a line that comes again\n" * 300] * 3)
    assert not repeats_itself([prose(4_000)])
    assert not repeats_itself([prose(1_000)])


def test_text_that_repeats_words_makes_fewer_tokens() -> None:
    plain = tokens_per_byte([prose(4_000, seed=seed) for seed in range(4)], 512)
    random = tokens_per_byte(["".join(chr(33 + (i * i * 7919 + i) % 90) for i in range(4_000))], 512)
    assert 0.1 < plain < 0.6 < random <= 1


@given(st.lists(st.integers(1, 10**7), min_size=1, max_size=60))
def test_every_document_is_in_one_bin(lengths: list[int]) -> None:
    told = distribution(array("Q", lengths))
    assert sum(told.counts) == len(lengths)
    assert 1 <= len(told.counts) == len(told.edges) - 1 <= BINS
    assert sorted(set(told.edges)) == list(told.edges)
    assert (told.shortest, told.longest) == (min(lengths), max(lengths))
    assert told.edges[0] == told.shortest <= told.median <= told.longest < told.edges[-1]
    for start, end, count in zip(told.edges, told.edges[1:], told.counts, strict=False):
        assert count == sum(start <= length < end for length in lengths)
