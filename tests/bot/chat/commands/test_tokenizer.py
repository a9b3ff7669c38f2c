"""`/trainer tokenizer`."""

from __future__ import annotations

import pytest

from bot.chat.client import SpotterClient
from playground.people import Person
from tests.bot.chat import cards
from tests.bot.chat.conftest import Chat
from trainer_core.tokenizers import shelf
from trainer_core.tokenizers.card import TokenizerCard


@pytest.fixture(autouse=True)
def _connected(spotter: SpotterClient) -> None:
    """Every test here has the client connected."""


def added(chat: Chat, card: TokenizerCard, by: Person) -> None:
    """The tokenizer is there, as far as the chat can tell: workers alone open it."""
    folder = chat.home.tokenizer(card.name)
    folder.mkdir(parents=True)
    (folder / "report.json").write_text(card.model_copy(update={"added_by": str(by.id)}).model_dump_json())


async def test_characters_need_nothing_to_train_on(chat: Chat) -> None:
    reply = await chat.owner.slash("trainer tokenizer train", kind="characters", vocabulary=300, name="Letters")
    await chat.outcome(reply)
    assert reply.embeds[0]["title"] == "🔤 letters"
    assert "it needed no training" in reply.embeds[0]["description"]
    card = shelf.read_card(chat.home, "letters")
    assert (card.kind, card.vocabulary, card.added_by) == ("characters", 300, str(chat.owner.id))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "⚠️ **data**: name the data set to train it on."),
        ({"kind": "unigram"}, "⚠️ **data**: name the data set to train it on."),
        ({"kind": "pretrained"}, "⚠️ **family**: name the model family, like gpt2."),
        ({"kind": "upload"}, "⚠️ **file**: attach the tokenizer.json or .model."),
        ({"data": "no-such"}, "⚠️ **data**: there is no data set 'no-such'"),
        ({"family": "no-such-family"}, "⚠️ **"),
    ],
)
async def test_bad_input_is_refused_by_field_and_leaves_nothing(chat: Chat, options: dict[str, str], said: str) -> None:
    reply = await chat.owner.slash("trainer tokenizer train", options)
    await chat.outcome(reply)
    assert reply.text.startswith(said)
    assert shelf.list_cards(chat.home) == []


async def test_the_list_and_a_card_are_the_persons_own(chat: Chat) -> None:
    added(chat, cards.tokenizer(), chat.owner)
    listed = await chat.owner.slash("trainer tokenizer list")
    assert listed.embeds[0]["description"].startswith("🔤 **talks-bpe** · byte-level BPE")
    shown = await chat.owner.slash("trainer tokenizer show", name="talks-bpe")
    assert shown.embeds[0]["title"] == "🔤 talks-bpe"
    assert (await chat.friend.slash("trainer tokenizer list")).text.startswith("You have no tokenizers yet.")
    refused = await chat.friend.slash("trainer tokenizer show", name="talks-bpe")
    assert refused.text.startswith("⚠️ **tokenizer**: there is no tokenizer 'talks-bpe'")


async def test_a_run_uses_the_tokenizer_that_is_named(chat: Chat) -> None:
    added(chat, cards.tokenizer(), chat.owner)
    await chat.owner.slash("trainer train", data="python-docs", tokenizer="talks-bpe")
    await chat.owner.slash("trainer train", data="python-docs", tokenizer="characters", vocabulary=500)
    asked = [
        (run.spec.tokenizer.kind, run.spec.tokenizer.name, run.spec.tokenizer.vocabulary) for run in await chat.runs()
    ]
    assert sorted(asked, key=str) == [("characters", None, 500), ("saved", "talks-bpe", None)]
    [mine, *_] = await chat.owner.autocomplete("trainer train", "tokenizer", "")
    assert (mine.name, mine.value) == ("talks-bpe · yours, vocabulary 8,192", "talks-bpe")


async def test_a_run_with_an_unknown_tokenizer_is_refused(chat: Chat) -> None:
    reply = await chat.friend.slash("trainer train", data="python-docs", tokenizer="wordpeice")
    assert reply.text.startswith("⚠️ **tokenizer**: there is no tokenizer 'wordpeice'; did you mean wordpiece?")
    assert await chat.runs() == []
