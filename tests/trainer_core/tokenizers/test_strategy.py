from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer_core.errors import Code, Failure, SpotterError
from trainer_core.spec import TokenizerSpec
from trainer_core.tokenizers.strategy import (
    SUITED_CHARACTERS,
    Available,
    Choice,
    Tier,
    check_match,
    choose,
    first_made,
    largest_vocabulary,
    suggested_vocabulary,
)

GPT2_IS_HERE = Available(pretrained=("gpt2",))


def of(choice: Choice) -> list[tuple[Tier, str, str | None, int | None]]:
    return [(each.tier, each.kind, each.name, each.vocabulary) for each in (choice, *choice.fallbacks)]


TRAINED, CHARACTERS = Tier.TRAINED, Tier.CHARACTERS


@pytest.mark.parametrize(
    ("vocabulary", "characters", "available", "expected"),
    [
        pytest.param(
            None,
            100_000,
            Available(),
            [(TRAINED, "bpe", None, 1_920), (CHARACTERS, "characters", None, SUITED_CHARACTERS)],
            id="nothing asked",
        ),
        pytest.param(
            300,
            10_000,
            Available(),
            [(TRAINED, "bpe", None, 300), (CHARACTERS, "characters", None, 300)],
            id="a vocabulary that the text supports",
        ),
        pytest.param(200, 10_000, Available(), [(CHARACTERS, "characters", None, 200)], id="too few for bytes"),
        pytest.param(
            100_000, 10_000, Available(), [(CHARACTERS, "characters", None, 100_000)], id="more than the text supports"
        ),
        pytest.param(
            None,
            100_000_000,
            GPT2_IS_HERE,
            [
                (Tier.FAMILY, "pretrained", "gpt2", None),
                (TRAINED, "bpe", None, 32_768),
                (CHARACTERS, "characters", None, SUITED_CHARACTERS),
            ],
            id="so much text that it suits the family's own",
        ),
        pytest.param(
            None,
            100_000,
            GPT2_IS_HERE,
            [(TRAINED, "bpe", None, 1_920), (CHARACTERS, "characters", None, SUITED_CHARACTERS)],
            id="too little text for the family's own",
        ),
        pytest.param(
            50_257,
            100_000,
            GPT2_IS_HERE,
            [(Tier.FAMILY, "pretrained", "gpt2", None), (CHARACTERS, "characters", None, 50_257)],
            id="the family's vocabulary asked for",
        ),
        pytest.param(
            30_522,
            10_000_000,
            Available(pretrained=("gpt2", "bert")),
            [(TRAINED, "bpe", None, 30_522), (CHARACTERS, "characters", None, 30_522)],
            id="another family's vocabulary says nothing",
        ),
    ],
)
def test_the_tiers_come_in_order(
    vocabulary: int | None, characters: int, available: Available, expected: list[object]
) -> None:
    choice = choose(TokenizerSpec(vocabulary=vocabulary), "gpt2", characters, available)
    assert of(choice) == expected
    assert all(each.reason for each in (choice, *choice.fallbacks))


@settings(max_examples=40)
@given(
    vocabulary=st.none() | st.integers(100, 500_000),
    characters=st.integers(1_000, 2 * 10**9),
    here=st.booleans(),
)
def test_something_can_always_be_had(vocabulary: int | None, characters: int, here: bool) -> None:
    choice = choose(TokenizerSpec(vocabulary=vocabulary), "gpt2", characters, GPT2_IS_HERE if here else Available())
    tiers = [each.tier for each in (choice, *choice.fallbacks)]
    assert tiers == sorted(set(tiers))
    assert tiers[-1] is Tier.CHARACTERS
    if vocabulary:
        assert {each.vocabulary for each in (choice, *choice.fallbacks)} <= {vocabulary, None}


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"kind": "saved", "name": "gym"}, ("saved", "gym", None)),
        ({"kind": "saved", "name": "gym", "vocabulary": 300}, ("saved", "gym", None)),
        ({"kind": "pretrained", "name": "gpt2"}, ("pretrained", "gpt2", None)),
        ({"kind": "pretrained", "name": "org/unheard-of", "vocabulary": 500}, ("pretrained", "org/unheard-of", None)),
        ({"kind": "wordpiece"}, ("wordpiece", None, 1_920)),
        ({"kind": "unigram", "vocabulary": 700}, ("unigram", None, 700)),
        ({"kind": "characters"}, ("characters", None, SUITED_CHARACTERS)),
        ({"kind": "characters", "vocabulary": 500_000}, ("characters", None, 500_000)),
    ],
)
def test_what_was_named_is_taken_and_nothing_else(asked: dict[str, object], expected: tuple[object, ...]) -> None:
    choice = choose(TokenizerSpec.model_validate(asked), "gpt2", 100_000, Available(saved={"gym": 300}))
    assert (choice.kind, choice.name, choice.vocabulary) == expected
    assert choice.tier is Tier.NAMED
    assert choice.fallbacks == ()
    assert "asked for" in choice.reason


@pytest.mark.parametrize(
    ("asked", "code", "said"),
    [
        ({"kind": "saved", "name": "gim"}, Code.TOKENIZER_NOT_FOUND, "did you mean gym?"),
        ({"kind": "saved", "name": "gym", "vocabulary": 400}, Code.MODEL_INCOMPATIBLE, "300 tokens.* 400"),
        ({"kind": "pretrained", "name": "gpt2", "vocabulary": 400}, Code.MODEL_INCOMPATIBLE, "50,257 tokens.* 400"),
        ({"kind": "bpe", "vocabulary": 32_000}, Code.TOKENIZER_TRAIN_FAILED, "more than this text supports"),
    ],
)
def test_what_cannot_be_has_its_code_and_next_step(asked: dict[str, object], code: Code, said: str) -> None:
    with pytest.raises(SpotterError, match=said) as caught:
        choose(TokenizerSpec.model_validate(asked), "gpt2", 10_000, Available(saved={"gym": 300}))
    assert caught.value.code is code
    assert caught.value.next_step


@pytest.mark.parametrize(
    ("asked", "kind", "vocabulary"),
    [
        ({}, "characters", None),
        ({"kind": "characters"}, "characters", None),
        ({"vocabulary": 700}, "characters", 700),
        ({"kind": "bpe"}, "bpe", 1_920),
    ],
)
def test_a_char_lstm_reads_characters_unless_told_otherwise(
    asked: dict[str, object], kind: str, vocabulary: int | None
) -> None:
    choice = choose(TokenizerSpec.model_validate(asked), "char-lstm", 100_000, GPT2_IS_HERE)
    assert (choice.kind, choice.vocabulary) == (kind, vocabulary)


def test_a_model_that_has_learnt_before_keeps_its_tokenizer() -> None:
    assert choose(TokenizerSpec(), "pretrained", 10_000, GPT2_IS_HERE).kind == "source"
    for asked in ({"kind": "bpe"}, {"vocabulary": 300}, {"kind": "saved", "name": "gym"}):
        with pytest.raises(SpotterError, match="keeps the tokenizer that it learnt with") as caught:
            choose(TokenizerSpec.model_validate(asked), "pretrained", 10_000, Available(saved={"gym": 300}))
        assert (caught.value.code, caught.value.field) == (Code.MODEL_INCOMPATIBLE, "tokenizer")


def test_a_model_and_another_vocabulary_do_not_match() -> None:
    check_match("gym", 300, 300)
    with pytest.raises(SpotterError) as caught:
        check_match("gym", 300, 301)
    assert caught.value.code is Code.MODEL_INCOMPATIBLE
    assert caught.value.code.failure is Failure.USER_INPUT


def test_what_cannot_be_made_gives_way_to_the_next_and_the_reason_tells() -> None:
    choice = choose(TokenizerSpec(), "gpt2", 10**9, GPT2_IS_HERE)

    def make(candidate: Choice) -> str:
        if candidate.kind != "characters":
            raise SpotterError(Code.TOKENIZER_TRAIN_FAILED, f"no {candidate.kind} today")
        return "made"

    made, reason = first_made(choice, make)
    assert made == "made"
    assert reason == "needs no training; not gpt2, since no pretrained today; not bpe, since no bpe today"


def test_the_last_failure_is_raised_and_any_other_failure_at_once() -> None:
    choice = choose(TokenizerSpec(), "gpt2", 10_000)
    tried: list[str] = []

    def fail_with(code: Code) -> None:
        def make(candidate: Choice) -> None:
            tried.append(candidate.kind)
            raise SpotterError(code, candidate.kind)

        first_made(choice, make)

    with pytest.raises(SpotterError, match="characters"):
        fail_with(Code.TOKENIZER_LOAD_FAILED)
    with pytest.raises(SpotterError, match="bpe"):
        fail_with(Code.DISK_FULL)
    assert tried == ["bpe", "characters", "bpe"]


@settings(max_examples=30)
@given(st.integers(1, 10**9), st.integers(1, 10**9))
def test_more_text_gets_no_smaller_a_vocabulary_and_always_one_that_it_supports(some: int, more: int) -> None:
    assert 257 <= suggested_vocabulary(some) <= suggested_vocabulary(some + more) <= 32_768
    assert suggested_vocabulary(some) <= largest_vocabulary(some)
