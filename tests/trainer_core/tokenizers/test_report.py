from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers

from tests.trainer_core.tokenizers.conftest import KINDS, SCRIPTS, TEXTS
from trainer_core.errors import Code, SpotterError
from trainer_core.tokenizers.fast import END_OF_TEXT, FastTokenizer, open_fast, save_tokenizer
from trainer_core.tokenizers.report import check, report
from trainer_core.tokenizers.tokenizer import Tokenizer as AnyTokenizer

WORDS = {"?": 0, END_OF_TEXT: 1, "a": 2, "bar": 3, "bell": 4}


def words(folder: Path, cut: pre_tokenizers.PreTokenizer, *added: AddedToken) -> FastTokenizer:
    """A tokenizer of whole words."""
    backend = Tokenizer(models.WordLevel(WORDS, unk_token="?"))
    backend.pre_tokenizer = cut
    backend.add_tokens([AddedToken(token, special=True, normalized=True) for token in ("?", END_OF_TEXT)])
    backend.add_tokens(list(added))
    save_tokenizer(folder, backend, END_OF_TEXT, "?")
    return open_fast(folder)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "characters, a few"])
def test_what_spotter_makes_has_no_problems(tokenizers: Mapping[str, AnyTokenizer], kind: str) -> None:
    measured = report(tokenizers[kind], TEXTS)
    assert measured.problems == ()
    assert measured.documents == len(TEXTS)
    assert measured.bytes == sum(len(text.encode()) for text in TEXTS)
    assert measured.coverage > 0.98
    assert 1 <= measured.fertility <= measured.tokens_per_word
    assert measured.smallest_id == 0
    assert measured.largest_id < tokenizers[kind].vocabulary
    if tokenizers[kind].exact:
        assert measured.round_trip == 1
    check(kind, measured)


def test_the_numbers_are_what_they_say(tmp_path: Path) -> None:
    measured = report(words(tmp_path, pre_tokenizers.Whitespace()), ["a bar bell", "a bar gel", "bar"])
    assert measured.tokens == 7
    assert measured.unknown_rate == 1 / 7
    assert measured.coverage == 1 - 3 / 22
    assert measured.tokens_per_character == 7 / 22
    assert measured.tokens_per_word == measured.fertility == 1
    assert measured.round_trip == 2 / 3, "an unknown word does not come back"
    assert (measured.smallest_id, measured.largest_id) == (0, 4)


def test_unknown_tokens_are_a_problem(tmp_path: Path) -> None:
    measured = report(words(tmp_path, pre_tokenizers.Whitespace()), ["a bar gel"])
    assert measured.problems == ("33.3% of the tokens are unknown",)
    with pytest.raises(SpotterError, match=r"the tokenizer mine has problems: 33\.3%") as caught:
        check("mine", measured)
    assert caught.value.code is Code.TOKENIZER_TRAIN_FAILED


def test_a_vocabulary_that_does_not_hold_its_scripts_is_a_problem(tokenizers: Mapping[str, AnyTokenizer]) -> None:
    [problem] = report(tokenizers["characters, a few"], [SCRIPTS]).problems
    assert "are unknown" in problem


def test_a_special_token_that_text_can_use_is_a_problem(tmp_path: Path) -> None:
    measured = report(words(tmp_path, pre_tokenizers.WhitespaceSplit()), ["a bar"])
    assert measured.problems == (f"a text that spells {END_OF_TEXT} is taken for the token",)


def test_a_special_token_that_is_not_one_token_is_a_problem(tmp_path: Path) -> None:
    tokenizer = words(tmp_path, pre_tokenizers.Whitespace(), AddedToken("end", normalized=False))
    assert report(tokenizer, ["a bar"]).problems == (f"{END_OF_TEXT} is not written as one token",)


def test_an_end_of_text_that_is_a_word_is_a_problem(tmp_path: Path) -> None:
    backend = Tokenizer(models.WordLevel(WORDS, unk_token="?"))
    save_tokenizer(tmp_path, backend, "bell", "?")
    assert "no special token ends a text" in report(open_fast(tmp_path), ["bar"]).problems


def test_a_tokenizer_that_changes_what_it_should_keep_is_a_problem(tokenizers: Mapping[str, AnyTokenizer]) -> None:
    bpe = tokenizers["bpe"]
    assert isinstance(bpe, FastTokenizer)
    changed = Tokenizer.from_str(bpe.backend.to_str())
    changed.normalizer = normalizers.Lowercase()
    liar = FastTokenizer(bpe.folder, changed, "", 600, 0, None, bpe.special_tokens, exact=True)
    assert "only 50.0% of the documents come back as they were" in report(liar, ["low", "High"]).problems


def test_ids_outside_of_the_vocabulary_are_a_problem(tokenizers: Mapping[str, AnyTokenizer]) -> None:
    bpe = tokenizers["bpe"]
    assert isinstance(bpe, FastTokenizer)
    small = FastTokenizer(bpe.folder, bpe.backend, "", 100, 0, None, bpe.special_tokens, exact=True)
    assert any("outside of its vocabulary of 100" in problem for problem in report(small, TEXTS).problems)


def test_nothing_to_try_it_on_is_a_problem(tokenizers: Mapping[str, AnyTokenizer]) -> None:
    assert report(tokenizers["bpe"], []).problems == ("there was no text to try it on",)


def test_very_many_problems_are_counted(tokenizers: Mapping[str, AnyTokenizer]) -> None:
    bpe = tokenizers["bpe"]
    assert isinstance(bpe, FastTokenizer)
    special = {f"{number} {'x' * 1_000}": 0 for number in range(100)}
    problems = report(FastTokenizer(bpe.folder, bpe.backend, "", 600, 0, None, special, exact=True), ["low"]).problems
    assert len(problems) == 21 and problems[-1].endswith("more problems like these")
    assert all(len(problem) < 120 for problem in problems)
