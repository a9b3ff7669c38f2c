"""`/trainer dataset`: what is taken, what is refused before anything is read, and what is there."""

from __future__ import annotations

import json

import pytest

from bot.chat.client import SpotterClient
from playground.people import Person
from tests.bot.chat import cards
from tests.bot.chat.conftest import UPLOAD_LIMIT, Chat
from trainer_core.data import catalog as folders

TALKS = [
    f"Talk {number} is about {number * 7} swans that spend the winter on a lake far north." for number in range(60)
]
TABLE = "".join(json.dumps({"title": f"Talk {n}", "body": text}) + "\n" for n, text in enumerate(TALKS)).encode()
SECRET = "write to grace.hopper@navy.example.org"


@pytest.fixture(autouse=True)
def _connected(spotter: SpotterClient) -> None:
    """Every test here has the client connected."""


def names(chat: Chat) -> list[str]:
    return [card.name for card in folders.list_cards(chat.home)]


async def test_a_file_becomes_a_data_set_as_the_options_say(chat: Chat) -> None:
    table = TABLE + TABLE.splitlines()[0] + b"\n" + json.dumps({"title": "x", "body": SECRET}).encode()
    reply = await chat.owner.slash(
        "trainer dataset add",
        {"column": " body ", "name": "Winter", "secrets": "remove", "duplicates": "keep", "unicode": False},
        file=("talks.jsonl", table),
    )
    await chat.outcome(reply)
    card = folders.read_card(chat.home, "winter")
    assert (card.text_column, card.added_by, card.filename) == ("body", str(chat.owner.id), "talks.jsonl")
    did = card.preprocessing
    assert (did.remove_secrets, did.duplicates, did.near_duplicates, did.normalize, did.whitespace) == (
        *(True, False, False, False, True),
    )
    assert reply.embeds[0]["title"] == "📚 winter" and "image" in reply.embeds[0]
    assert "grace.hopper" not in json.dumps(reply.embeds), "counts only, never the text"
    assert not list(chat.home.incoming.iterdir()), "nothing stays behind"


@pytest.mark.parametrize(
    ("options", "file", "said"),
    [
        ({}, None, "⚠️ **file**: attach a file, or name a `path` or a `hub` data set."),
        ({"hub": "a/b", "path": "c/d"}, None, "⚠️ **file**: attach a file, or name a `path` or a `hub` data set: just"),
        ({"split": "test"}, ("a.txt", b"x" * 2000), "⚠️ **split**: goes with `hub`"),
        ({"path": "../etc/passwd"}, None, "⚠️ **path**: "),
        ({}, ("a.exe", b"x" * 2000), "⚠️ **file**: .exe is not a kind that can be read"),
        ({}, ("a.txt", b"x" * (UPLOAD_LIMIT + 1)), "⚠️ **file**: is "),
    ],
)
async def test_bad_input_is_refused_by_field_and_leaves_nothing(
    chat: Chat, options: dict[str, str], file: tuple[str, bytes] | None, said: str
) -> None:
    reply = await chat.owner.slash("trainer dataset add", options, file=file)
    await chat.outcome(reply)
    assert reply.text.startswith(said)
    assert names(chat) == ["python-docs"]
    assert not chat.home.incoming.exists() or not list(chat.home.incoming.iterdir())


async def test_the_list_and_a_card_are_the_persons_own_and_the_built_in(chat: Chat) -> None:
    chat.added(cards.dataset())
    listed = await chat.owner.slash("trainer dataset list")
    assert [line.split("**")[1] for line in listed.embeds[0]["description"].splitlines()] == ["python-docs", "talks"]
    shown = await chat.owner.slash("trainer dataset show", name="Talks ")
    assert shown.embeds[0]["title"] == "📚 talks" and "image" in shown.embeds[0]
    theirs = await chat.friend.slash("trainer dataset list")
    assert "talks" not in theirs.embeds[0]["description"]
    refused = await chat.friend.slash("trainer dataset show", name="talks")
    assert refused.text.startswith("⚠️ **data**: there is no data set 'talks'")


async def test_delete_asks_first(chat: Chat) -> None:
    chat.added(cards.dataset())
    question = await chat.owner.slash("trainer dataset delete", name="talks")
    assert names(chat) == ["python-docs", "talks"]
    await chat.owner.click(question, "Delete it")
    assert question.text == "🗑️ **talks** is deleted."
    assert names(chat) == ["python-docs"]


async def test_what_is_built_in_stays(chat: Chat) -> None:
    refused = await chat.owner.slash("trainer dataset delete", name="python-docs")
    assert refused.text == "**python-docs** is built in, and stays."


async def test_suggestions(chat: Chat) -> None:
    chat.added(cards.dataset())

    async def offered(person: Person, command: str, option: str, typed: str = "") -> list[str]:
        return [str(choice.value) for choice in await person.autocomplete(f"trainer {command}", option, typed)]

    assert await offered(chat.owner, "dataset show", "name") == ["python-docs", "talks"]
    assert await offered(chat.owner, "dataset delete", "name") == ["talks"]
    assert await offered(chat.friend, "dataset show", "name") == ["python-docs"]
    assert await offered(chat.owner, "dataset add", "path") == [], "no folder is approved here"
    assert await offered(chat.owner, "tokenizer train", "data", "TAL") == ["talks"]
    assert "gpt2" in await offered(chat.owner, "tokenizer train", "family", "gpt2")
    assert await offered(chat.owner, "train", "tokenizer", "wordp") == ["wordpiece"]
    assert await offered(chat.stranger, "dataset show", "name") == []
