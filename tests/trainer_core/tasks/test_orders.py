"""What an order may say, and how much an answer."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from trainer_core.data.card import Preprocessing
from trainer_core.errors import Code, SpotterError
from trainer_core.tasks.orders import MakeTokenizer, Refused, Undecided


@pytest.mark.parametrize(
    ("order", "field", "said"),
    [
        ({"kind": "bpe"}, "dataset", "name the data set"),
        ({"kind": "bpe", "dataset": "docs", "vocabulary": 200}, "vocabulary", "at least 257"),
        ({"kind": "upload", "file": "x", "vocabulary": 300}, "vocabulary", "has its own"),
        ({"kind": "characters", "strict": True}, "strict", "name a data set"),
        ({"kind": "pretrained"}, "family", "name the model family"),
        ({"kind": "bpe", "dataset": "docs", "family": "gpt2"}, "family", "leave it out"),
        ({"kind": "upload"}, "file", "give a tokenizer.json"),
        ({"kind": "bpe", "dataset": "docs", "file": "x"}, "file", "leave it out"),
    ],
)
def test_options_have_to_belong_together(order: dict[str, object], field: str, said: str) -> None:
    with pytest.raises(ValidationError) as raised:
        MakeTokenizer.model_validate({"home": Path("home"), "added_by": "7", **order})
    [error] = raised.value.errors()
    assert error["loc"] == (field,) and said in error["msg"]


def test_a_document_cannot_be_longer_than_long_and_shorter_than_short() -> None:
    with pytest.raises(ValidationError, match="less than min_characters, which is 5,000"):
        Preprocessing(min_characters=5_000, max_characters=1_000)
    assert Preprocessing(min_characters=1_000, max_characters=1_000).max_characters == 1_000


def test_columns_that_nobody_can_choose_are_not_asked_for() -> None:
    assert Undecided(columns=("x" * 300_000, "text", "body")).columns == ("text", "body")
    assert len(Undecided(columns=tuple(f"column {number}" for number in range(50_000))).columns) == 100
    with pytest.raises(SpotterError) as refused:
        Undecided(columns=("x" * 300_000, "y" * 300_000))
    assert refused.value.code is Code.CORPUS_UNREADABLE


def test_a_refusal_is_no_longer_than_somebody_reads() -> None:
    refused = Refused.of(SpotterError(Code.CORPUS_UNREADABLE, "has no column " + "x" * 300_000, field="column"))
    assert len(refused.model_dump_json()) < 5_000 and refused.message.startswith("has no column xxx")
