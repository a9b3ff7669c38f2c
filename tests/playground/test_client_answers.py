"""Answers to a command with the real discord.py: deferred, followed up, too late or one too many."""

import asyncio

import discord
import pytest

from playground.commands import Refused
from playground.people import NoResponse, Person
from playground.server import Playground
from tests.playground.bot import Bot


async def test_an_answer_edited_followed_up_fetched_and_deleted(ada: Person, bot: Bot) -> None:
    finished = asyncio.Event()

    async def respond(interaction: discord.Interaction) -> None:
        callback = await interaction.response.send_message("first", ephemeral=True)
        more = await interaction.followup.send("second", wait=True)
        await more.edit(content="second, mended")
        assert (await interaction.original_response()).id == callback.message_id
        await interaction.edit_original_response(content="done", embed=discord.Embed(title="Card"))
        await more.delete()
        finished.set()

    bot.command("go", respond)
    await bot.tree.sync()
    reply = await ada.slash("go")
    mended = await ada.until(lambda message: message.content == "second, mended")
    assert mended in reply.messages
    await finished.wait()
    assert [message.content for message in reply.messages] == [reply.text] == ["done"]
    assert reply.ephemeral
    assert reply.embeds[0]["title"] == "Card"
    assert reply.message is not None
    assert reply.message.edits == 1
    ada.dismiss(reply.message)
    assert ada.inbox() == []
    await ada.write("hello")
    with pytest.raises(Refused, match="nobody else can see"):
        ada.dismiss(ada.inbox()[0])
    heard = await bot.until_heard()
    assert heard.content == "hello", "the gateway does not tell of ephemeral messages"


async def test_a_deferral_is_filled_by_the_first_follow_up_or_deleted(ada: Person, bot: Bot) -> None:
    async def fill(interaction: discord.Interaction) -> None:
        await interaction.response.defer(ephemeral=True, thinking=True)
        await interaction.followup.send("here it is")

    async def delete(interaction: discord.Interaction) -> None:
        await interaction.response.defer(thinking=True)
        await interaction.delete_original_response()

    bot.command("fill", fill)
    bot.command("vanish", delete)
    await bot.tree.sync()
    reply = await ada.slash("fill")
    assert (reply.text, reply.ephemeral, len(reply.messages)) == ("here it is", True, 1)
    vanished = await ada.slash("vanish")
    assert (vanished.message, vanished.text, vanished.embeds, vanished.ephemeral) == (None, "", [], False)


async def test_a_late_answer_is_refused(playground: Playground, ada: Person, bot: Bot) -> None:
    refused: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def respond(interaction: discord.Interaction) -> None:
        playground.clock.advance(3.1)
        with pytest.raises(discord.NotFound) as late:
            await interaction.response.send_message("late")
        refused.set_result(late.value.code)

    bot.command("late", respond)
    await bot.tree.sync()
    with pytest.raises(NoResponse, match="The application did not respond"):
        await ada.slash("late")
    assert await refused == 10062


async def test_a_second_acknowledgement_is_refused(ada: Person, bot: Bot) -> None:
    refused: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def respond(interaction: discord.Interaction) -> None:
        await interaction.response.send_message("one")
        # a second handler of the same interaction knows nothing of the first
        twin = discord.InteractionResponse(interaction)
        with pytest.raises(discord.HTTPException) as twice:
            await twin.send_message("two")
        refused.set_result(twice.value.code)

    bot.command("twice", respond)
    await bot.tree.sync()
    assert (await ada.slash("twice")).text == "one"
    assert await refused == 40060


async def test_the_token_dies_after_fifteen_minutes(playground: Playground, ada: Person, bot: Bot) -> None:
    answered: list[discord.Interaction] = []

    async def respond(interaction: discord.Interaction) -> None:
        answered.append(interaction)
        await interaction.response.send_message("now")

    bot.command("go", respond)
    await bot.tree.sync()
    await ada.slash("go")
    playground.clock.advance(15 * 60 + 1)
    with pytest.raises(discord.HTTPException) as expired:
        await answered[0].followup.send("too late")
    assert (expired.value.status, expired.value.code) == (401, 50027)


async def test_thinking_for_fifteen_minutes_is_no_answer(playground: Playground, ada: Person, bot: Bot) -> None:
    async def respond(interaction: discord.Interaction) -> None:
        await interaction.response.defer(thinking=True)
        playground.clock.advance(15 * 60)

    bot.command("think", respond)
    await bot.tree.sync()
    with pytest.raises(NoResponse):
        await ada.slash("think")


async def test_a_person_does_not_wait_for_ever(ada: Person, bot: Bot) -> None:
    async def respond(interaction: discord.Interaction) -> None:
        await interaction.response.defer(thinking=True)

    bot.command("think", respond)
    await bot.tree.sync()
    ada.patience = 0.2
    with pytest.raises(TimeoutError, match=r"/think was not answered within 0.2 s"):
        await ada.slash("think")


async def test_five_follow_ups_and_no_more(ada: Person, bot: Bot) -> None:
    refused: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def respond(interaction: discord.Interaction) -> None:
        await interaction.response.send_message("0")
        for number in range(5):
            bot.playground.clock.advance(1)
            await interaction.followup.send(str(number + 1))
        with pytest.raises(discord.HTTPException) as many:
            await interaction.followup.send("6")
        refused.set_result(many.value.code)

    bot.command("chat", respond)
    await bot.tree.sync()
    await ada.slash("chat")
    assert await refused == 40094
    assert [message.content for message in ada.inbox()] == ["0", "1", "2", "3", "4", "5"]
