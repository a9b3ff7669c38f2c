"""Files dropped, and answers cut short, while the bot is not there: each is answered once afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import discord
import pytest

from bot.chat.client import SpotterClient
from playground.messages import Message
from tests.bot.chat.conftest import Chat, Running
from tests.bot.chat.test_drops import TALKS, TEXT, answers, settled
from trainer_core.data import catalog as folders

OTHER = "\n\n".join(talk.replace("swans", "geese") for talk in TALKS).encode()

pytestmark = pytest.mark.timeout(120)


@asynccontextmanager
async def unanswering(chat: Chat) -> AsyncIterator[asyncio.Event]:
    """Files are on a server that accepts and never answers; the event says that one was asked for."""
    reached, origin = asyncio.Event(), chat.playground.world.cdn.origin

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reached.set()

    async with await asyncio.start_server(accept, "127.0.0.1", 0) as server:
        _, port = server.sockets[0].getsockname()
        chat.playground.world.cdn.origin = f"http://127.0.0.1:{port}"
        yield reached
        chat.playground.world.cdn.origin = origin


async def crash(client: SpotterClient) -> None:
    """Everything ends, and nobody is told."""
    for task in asyncio.all_tasks():
        if task.get_name().startswith("drop "):
            task.cancel()
    await discord.Client.close(client)


async def nothing_more(chat: Chat) -> None:
    """Yet another bot finds nothing to do."""
    before = [(message.id, message.edits) for message in chat.owner.inbox()]
    async with Running(chat.client(), chat.playground.token) as client:
        await client.catch_up()
    assert [(message.id, message.edits) for message in chat.owner.inbox()] == before


def titles(messages: list[Message]) -> list[str]:
    return [message.embeds[0]["title"] for message in messages]


async def test_what_was_stopped_and_what_was_dropped_meanwhile_are_answered_once(chat: Chat) -> None:
    async with unanswering(chat) as reached, Running(chat.client(), chat.playground.token) as client:
        await client.catch_up()
        await chat.owner.write("", ("swans.txt", TEXT))
        await reached.wait()
    [postponed] = answers(chat.owner)
    meanwhile = await chat.owner.write("", ("geese.txt", OTHER))
    await chat.stranger.write("", ("evil.txt", TEXT))
    async with Running(chat.client(), chat.playground.token):
        first, second = await settled(chat.owner, 2)
    assert titles([first, second]) == ["📚 swans", "📚 geese"]
    assert first.id == postponed.id, "its place is the same"
    assert second.reference and second.reference.message_id == meanwhile.id
    assert len(answers(chat.owner)) == 2 and not answers(chat.stranger)
    await nothing_more(chat)


@pytest.mark.parametrize("noted", [True, False], ids=["the reply is known", "the reply was not noted"])
async def test_a_reading_cut_short_by_a_crash_is_gone_on_with_in_its_place(chat: Chat, noted: bool) -> None:
    async with unanswering(chat) as reached, Running(chat.client(), chat.playground.token) as client:
        await chat.owner.write("", ("swans.txt", TEXT))
        await reached.wait()
        await crash(client)
    [cut] = answers(chat.owner)
    assert cut.content == "📥 Reading `swans.txt`…"
    if not noted:
        async with chat.database.transaction() as tx:
            await tx.execute("UPDATE drops SET reply_id = NULL")
        chat.playground.clock.advance(1800)  # Discord no longer knows it by its nonce
    async with Running(chat.client(), chat.playground.token):
        [answered] = await settled(chat.owner)
    assert answered.id == cut.id and titles([answered]) == ["📚 swans"]
    await nothing_more(chat)


async def test_a_message_that_is_gone_takes_the_unfinished_answer_with_it(chat: Chat) -> None:
    async with unanswering(chat) as reached, Running(chat.client(), chat.playground.token):
        sent = await chat.owner.write("", ("swans.txt", TEXT))
        await reached.wait()
    chat.playground.world.delete(sent)
    async with Running(chat.client(), chat.playground.token) as client:
        await client.catch_up()
    assert chat.owner.inbox() == []
    await nothing_more(chat)


async def test_a_store_that_was_restored_does_not_answer_again(chat: Chat) -> None:
    """The chat has an answer of which the store knows nothing."""
    async with Running(chat.client(), chat.playground.token) as client:
        await client.catch_up()
        await chat.owner.write("", ("swans.txt", TEXT))
        await settled(chat.owner)
    async with chat.database.transaction() as tx:
        await tx.execute("DELETE FROM drops")
    await nothing_more(chat)


async def test_what_was_sent_before_the_first_start_stays_unanswered(chat: Chat) -> None:
    await chat.owner.write("", ("swans.txt", TEXT))
    await nothing_more(chat)
    assert [card.name for card in folders.list_cards(chat.home)] == ["python-docs"]


async def test_a_file_is_known_before_anything_is_said_of_it(chat: Chat) -> None:
    """The bot ends between the two."""
    async with Running(chat.client(), chat.playground.token) as client:
        hold = chat.playground.faults.hold("POST", "/channels/{channel_id}/messages")
        await chat.owner.write("", ("a.exe", TEXT))
        await hold.reached.wait()
        await crash(client)
    async with Running(chat.client(), chat.playground.token):
        [answered] = await settled(chat.owner)
    hold.release()
    assert ".exe" in answered.content
    await nothing_more(chat)
