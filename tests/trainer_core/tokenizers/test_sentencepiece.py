from __future__ import annotations

import sys

import pytest
import sentencepiece

from tests.trainer_core.conftest import prose
from tests.trainer_core.tokenizers.conftest import SCRIPTS, TEXTS
from trainer_core.errors import Code, SpotterError
from trainer_core.tokenizers import sentencepiece as ours
from trainer_core.tokenizers.proto import converted


def test_it_writes_a_text_as_the_library_does() -> None:
    model = ours.trained_model(TEXTS, 600)
    tokenizer, _ = converted(model, "ours")
    theirs = sentencepiece.SentencePieceProcessor(model_proto=model)
    plain = [text.replace("*", "") for text in TEXTS]  # a row of them can be cut in ways that are equally likely
    for text in (*plain, prose(2_000, seed=3), "tabs\tand  spaces \n\nand <0x0A> </s>, unseen ж ꙮ", ""):
        assert tokenizer.encode(text, add_special_tokens=False).ids == theirs.encode(text)


def test_lines_that_the_library_would_pass_over_are_learned_from() -> None:
    text = f"{TEXTS[0]}\u2585".replace("\n", "\t").replace(" ", "\x00") * 2
    tokenizer = ours.train([text], 500)
    assert len(tokenizer.encode("statement").ids) < 4


def test_too_few_tokens_for_the_characters_say_how_many_it_takes() -> None:
    with pytest.raises(SpotterError, match="too few for the characters") as caught:
        ours.train([SCRIPTS], 300)
    assert caught.value.field == "tokenizer.vocabulary"
    assert "Ask for at least 4" in caught.value.next_step


def test_a_text_without_anything_in_it_is_refused() -> None:
    with pytest.raises(SpotterError, match="found no tokens") as caught:
        ours.train(["\n\n"], 300)
    assert caught.value.code is Code.TOKENIZER_TRAIN_FAILED


def test_without_the_extra_it_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sentencepiece", None)
    with pytest.raises(SpotterError, match="not installed") as caught:
        ours.train(TEXTS, 600)
    assert "pip install -c constraints.txt -e '.[sentencepiece]'" in caught.value.next_step
