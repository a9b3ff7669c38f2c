"""The card of a tokenizer, and the list."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.chat.render.tokenizer import tokenizer_card, tokenizer_list
from tests.bot.chat import cards
from tests.bot.chat.render.budgets import check


def test_the_card_has_the_whole_report() -> None:
    message = tokenizer_card(cards.tokenizer())
    check(message)
    assert message.embed and message.embed.title == "🔤 talks-bpe"
    assert (message.embed.description or "").splitlines() == [
        "Byte-level BPE, trained on `talks` in 3.2 s.",
        "-# Measured on 120 documents, 127 KB, encoded in 0.0 s.",
    ]
    assert {str(field.name): str(field.value) for field in message.embed.fields} == {
        "Vocabulary": "8,192",
        "Coverage": "100 %",
        "Unknown": "0 %",
        "Tokens per byte": "0.240",
        "Per character": "0.250",
        "Per word": "1.42",
        "Fertility": "1.31",
        "Round trip": "100 %, has to be exact",
        "Ids": "0 to 8,191",
        "Special tokens": "`<|endoftext|>` 0",
    }
    assert message.embed.footer.text == "/trainer train tokenizer:talks-bpe trains with it"


def test_problems_are_told() -> None:
    report = cards.report(unknown_rate=0.00001, round_trip=0.99999, problems=("it loses @everyone",))
    message = tokenizer_card(cards.tokenizer(kind="wordpiece", report=report))
    assert message.embed
    shown = {str(field.name): str(field.value) for field in message.embed.fields}
    assert shown["Unknown"] == "under 0.01 %" and shown["Round trip"].startswith("99.99 %")
    assert shown["⚠️ Problems"] == "• it loses @\u200beveryone"
    assert message.embed.colour != tokenizer_card(cards.tokenizer()).embed.colour  # type: ignore[union-attr]  # it has an embed


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("characters", "Characters, over all scripts: it needed no training."),
        ("pretrained", "Pretrained, of the family `talks`."),
        ("upload", "Uploaded as `talks`."),
    ],
)
def test_where_it_is_from(kind: str, said: str) -> None:
    message = tokenizer_card(cards.tokenizer(kind=kind, report=None))
    assert message.embed and message.embed.description == said


def test_the_list_has_a_line_for_each() -> None:
    failing = cards.tokenizer(name="odd", kind="unigram", report=cards.report(problems=("it fails",)))
    message = tokenizer_list([cards.tokenizer(), failing, cards.tokenizer(name="bare", report=None)], cards.NOW)
    assert message.embed and (message.embed.description or "").splitlines() == [
        "🔤 **talks-bpe** · byte-level BPE · vocabulary 8,192 · 0.24 tokens per byte · 2 d ago",
        "🔤 **odd** · Unigram · vocabulary 8,192 · 0.24 tokens per byte · ⚠️ has problems · 2 d ago",
        "🔤 **bare** · byte-level BPE · vocabulary 8,192 · 2 d ago",
    ]
    long = tokenizer_list([failing] * 500, cards.NOW)
    check(long)
    assert long.embed and (long.embed.description or "").splitlines()[-1].endswith(" more")
    empty = tokenizer_list([], cards.NOW)
    assert empty.content and "/trainer tokenizer train" in empty.content


@given(
    st.dictionaries(st.text(max_size=200), st.integers(0, 10**6), max_size=300),
    st.lists(st.text(max_size=2000), max_size=20),
    st.text(max_size=500),
)
def test_any_card_fits(special: dict[str, int], problems: list[str], source: str) -> None:
    report = cards.report(problems=tuple(problems))
    check(tokenizer_card(cards.tokenizer(special_tokens=special, source=source, report=report)))


def test_special_tokens_are_told_as_far_as_there_is_room() -> None:
    special = {f"<{place}>": place for place in range(10)}
    message = tokenizer_card(cards.tokenizer(special_tokens=special, further_special_tokens=1000))
    assert message.embed
    (told,) = [field.value for field in message.embed.fields if field.name == "Special tokens"]
    assert told and told.startswith("`<0>` 0 · ") and told.endswith("`<7>` 7 · 1,002 more")
