from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from trainer_core.data.intake.duplicates import NearlySeen, Seen, Sketch

WORDS = [f"word{number}" for number in range(500)]


def sketch(*pieces: str, near: bool = True) -> Sketch:
    drawn = Sketch(near=near)
    assert "".join(drawn.drawn(pieces)) == "".join(pieces)
    return drawn


def text(seed: int, words: int = 200) -> str:
    return " ".join(random.Random(seed).choices(WORDS, k=words))


@given(st.lists(st.integers(0, 40) | st.integers(0, 2**64 - 1), max_size=80))
@settings(max_examples=50)
def test_a_hash_is_new_once(digests: list[int]) -> None:
    seen, known = Seen(recent=7), set[int]()
    for digest in digests:
        assert seen.add(digest) == (digest not in known)
        known.add(digest)


@given(st.text(max_size=50), st.integers(0, 50))
def test_a_document_is_the_same_however_it_is_cut(whole: str, at: int) -> None:
    in_two = sketch(whole[:at], whole[at:])
    in_one = sketch(whole)
    assert (in_two.digest, in_two.characters, in_two.is_blank) == (in_one.digest, len(whole), not whole.strip())


def test_a_text_with_a_few_words_changed_is_nearly_the_same() -> None:
    seen = NearlySeen(0.85)
    assert seen.add(sketch(text(1)))
    words = text(1).split()
    words[100] = "changed"
    assert not seen.add(sketch(" ".join(words)))
    assert not seen.add(sketch(text(1).upper().replace(" ", "  ")))
    assert seen.add(sketch(text(2)))


def test_half_of_a_text_is_another() -> None:
    seen = NearlySeen(0.85)
    assert seen.add(sketch(text(1)))
    assert seen.add(sketch(text(1)[: len(text(1)) // 2] + text(2)))


def test_text_without_spaces_is_compared_by_character() -> None:
    chance = random.Random(3)
    chinese = "".join(chr(chance.randint(0x4E00, 0x9FA5)) for _ in range(400))
    seen = NearlySeen(0.85)
    assert seen.add(sketch(chinese))
    assert not seen.add(sketch(chinese[:200] + "人" + chinese[200:]))


def test_a_few_words_have_no_near_duplicates() -> None:
    seen = NearlySeen(0.85)
    assert all(seen.add(sketch("spot me please")) for _ in range(3))
    assert sketch(text(1), near=False).minhash is None


def test_documents_of_long_ago_are_forgotten() -> None:
    seen = NearlySeen(0.85, window=4)
    assert all(seen.add(sketch(text(seed))) for seed in range(4))
    assert not seen.add(sketch(text(0)))  # the four before are still known
    assert all(seen.add(sketch(text(seed))) for seed in range(4, 8))
    assert seen.add(sketch(text(0)))
