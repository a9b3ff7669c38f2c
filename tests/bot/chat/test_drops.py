"""Files that are dropped into the direct messages."""

from __future__ import annotations

import asyncio
import io
import json
import time

import discord
import pytest

from bot.chat.client import SpotterClient
from playground.messages import Message
from playground.people import Person
from tests.bot.chat.conftest import UPLOAD_LIMIT, Chat, Running
from trainer_core.data import catalog as folders

TALKS = [
    f"Talk {number} is about {number * 7} swans that spend the winter on a lake far north." for number in range(60)
]
TEXT = "\n\n".join(TALKS).encode()
TABLE = "".join(
    json.dumps({"question": f"How many swans were there in winter {n}?", "answer": text}) + "\n"
    for n, text in enumerate(TALKS)
).encode()


def answers(person: Person) -> list[Message]:
    """What the bot replied, in order."""
    return [message for message in person.inbox() if message.author.bot]


def is_settled(message: Message) -> bool:
    """Whether it says what came of it."""
    return message.author.bot and (bool(message.embeds) or "⚠️" in message.content or "❓" in message.content)


async def settled(person: Person, count: int = 1) -> list[Message]:
    """The answers, once so many have come to their end. Raises TimeoutError."""
    while len([message for message in person.inbox() if is_settled(message)]) < count:
        known = [message.id for message in person.inbox() if is_settled(message)]
        await person.until(lambda m, known=known: is_settled(m) and m.id not in known, 60)  # type: ignore[misc]  # mypy cannot infer the lambda
    return answers(person)


async def test_a_dropped_table_is_asked_about_shown_as_a_card_and_trained_on(
    chat: Chat, spotter: SpotterClient
) -> None:
    sent = await chat.owner.write("have a look", ("Talks.jsonl", TABLE))
    question = (await settled(chat.owner))[-1]
    assert question.reference is not None and question.reference.message_id == sent.id
    assert question.content.startswith("❓ Which column of `Talks.jsonl` holds the text?")
    assert [buzz.message.id for buzz in chat.owner.notifications()] == [question.id], "a decision makes a sound"
    pressed = await chat.owner.click(question, "answer")
    card = await chat.owner.until(lambda m: m.id == question.id and bool(m.embeds), 60)
    assert len(answers(chat.owner)) == 1, "the question took the place of the progress"
    assert card.embeds[0]["title"] == "📚 talks" and card.embeds[0]["image"]["width"] == 1280, pressed.text
    assert "swans" not in json.dumps(card.to_dict()), "counts only, never the text"
    train = next(item["label"] for item in card.components[0]["components"] if item["label"].startswith("Train"))
    await chat.owner.click(card, train)
    [run] = await chat.runs()
    assert run.spec.data.dataset == "talks"


async def test_several_files_at_once_get_an_answer_each(chat: Chat, spotter: SpotterClient) -> None:
    await chat.owner.write("", ("notes.txt", TEXT), ("short.txt", b"too short"), ("virus.exe", TEXT))
    replies = await settled(chat.owner, 3)
    assert len(replies) == 3
    first, second, third = replies
    assert first.embeds[0]["title"] == "📚 notes"
    assert second.content.startswith("📥 Reading `short.txt`…\n⚠️ **file**: ") and "➡️" in second.content
    assert third.content.startswith("📥 Reading `virus.exe`…\n⚠️ **file**: .exe is not a kind that can be read")
    assert [card.name for card in folders.list_cards(chat.home)] == ["notes", "python-docs"]
    assert not list(chat.home.incoming.iterdir())


async def test_a_tokenizer_that_is_dropped_becomes_one(chat: Chat, spotter: SpotterClient) -> None:
    await chat.owner.write("", ("tokenizer.json", b"{}"))
    [reply] = await settled(chat.owner)
    assert reply.content.startswith("🔤 Making a tokenizer of `tokenizer.json`…\n⚠️ ")
    assert [card.name for card in folders.list_cards(chat.home)] == ["python-docs"]


async def test_a_strangers_file_is_refused_once_and_not_even_downloaded(chat: Chat, spotter: SpotterClient) -> None:
    chat.playground.world.cdn.origin = "http://127.0.0.1:9"
    await chat.stranger.write("", ("a.txt", TEXT), ("b.txt", TEXT))
    refused = await chat.stranger.until(lambda m: m.author.bot)
    assert refused.content.startswith("🔒 This bot trains for its owner only.")
    await chat.owner.write("", ("a.txt", b"x" * (UPLOAD_LIMIT + 1)))
    await settled(chat.owner)
    assert len(answers(chat.stranger)) == 1
    assert not chat.home.incoming.exists()


async def test_words_without_a_file_are_not_answered(chat: Chat, spotter: SpotterClient) -> None:
    await chat.owner.write("hello")
    await chat.owner.write("", ("a.exe", TEXT))
    [reply] = await settled(chat.owner)
    assert ".exe" in reply.content


async def test_a_file_that_cannot_be_downloaded_is_said_to_be_so(chat: Chat, spotter: SpotterClient) -> None:
    chat.playground.world.cdn.origin = "http://127.0.0.1:9"
    await chat.owner.write("", ("a.txt", TEXT))
    [reply] = await settled(chat.owner)
    assert reply.content == (
        "📥 Reading `a.txt`…\n⚠️ **file**: The file could not be downloaded.\n➡️ Attach the file again."
    )
    assert not list(chat.home.incoming.iterdir())


async def test_a_message_that_the_gateway_brings_twice_is_answered_once(chat: Chat, spotter: SpotterClient) -> None:
    def told() -> int:
        return sum(exchange.method in ("POST", "PATCH") for exchange in chat.playground.traffic.exchanges)

    await spotter.catch_up()
    sent = await chat.owner.write("", ("a.exe", TEXT))
    await settled(chat.owner)
    channel = await spotter.create_dm(await spotter.fetch_user(chat.owner.id))
    again = await channel.fetch_message(sent.id)
    before = told()
    await spotter.on_message(again)
    await spotter.give_up()
    assert told() == before and len(answers(chat.owner)) == 1


async def test_a_file_that_the_bot_itself_sends_is_not_answered(chat: Chat, spotter: SpotterClient) -> None:
    channel = await spotter.create_dm(await spotter.fetch_user(chat.owner.id))
    own = await channel.send(file=discord.File(io.BytesIO(TEXT), filename="own.txt"))
    await chat.owner.write("", ("a.exe", TEXT))
    await settled(chat.owner)
    assert [message.id == own.id or ".exe" in message.content for message in answers(chat.owner)] == [True, True]


async def test_more_than_was_announced_is_not_taken_in(chat: Chat, spotter: SpotterClient) -> None:
    """What Discord says of a file's size is what was held against the limit."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + TEXT + b"and more")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        _, port = server.sockets[0].getsockname()
        chat.playground.world.cdn.origin = f"http://127.0.0.1:{port}"
        await chat.owner.write("", ("a.txt", TEXT))
        [reply] = await settled(chat.owner)
    assert "The file could not be downloaded." in reply.content
    assert not list(chat.home.incoming.iterdir())


async def test_who_waits_is_told_when_the_bot_stops(chat: Chat) -> None:
    """The file is on a server that accepts and never answers."""
    reached = asyncio.Event()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reached.set()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    async with server, Running(chat.client(), chat.playground.token):
        _, port = server.sockets[0].getsockname()
        chat.playground.world.cdn.origin = f"http://127.0.0.1:{port}"
        await chat.owner.write("", ("notes.txt", TEXT))
        await reached.wait()
    [reply] = answers(chat.owner)
    assert reply.content.startswith("📥 Reading `notes.txt`…\n⚠️ I was stopped in the middle of this. I go on")
    assert not list(chat.home.incoming.iterdir())


async def test_what_takes_too_long_for_an_interaction_comes_as_a_direct_message(
    chat: Chat, spotter: SpotterClient
) -> None:
    spotter.now = lambda: time.time() + 601
    reply, message = await asyncio.gather(
        chat.owner.slash("trainer dataset add", file=("notes.txt", TEXT)),
        chat.owner.until(lambda m: m.author.bot and bool(m.embeds), 60),
    )
    assert reply.text.endswith("This takes a while: I write to you here when it is done.")
    assert message.origin is None and message.embeds[0]["title"] == "📚 notes"


async def test_what_fell_silent_before_it_took_too_long_leaves_no_progress_behind(
    chat: Chat, spotter: SpotterClient
) -> None:
    """The ten minutes pass at the very end, after the last that was told of it."""
    spotter.now = lambda: time.time() + (601 if chat.home.dataset("notes").exists() else 0)
    reply, message = await asyncio.gather(
        chat.owner.slash("trainer dataset add", file=("notes.txt", TEXT)),
        chat.owner.until(lambda m: m.author.bot and bool(m.embeds), 60),
    )
    assert reply.text.endswith("This takes a while: I write to you here when it is done.")
    assert message.origin is None


pytestmark = pytest.mark.timeout(120)
