"""Direct messages with the real discord.py, both ways: pictures, files, edits, silence, closed doors."""

import io
from dataclasses import replace
from pathlib import Path

import discord
import pytest

from playground.commands import Refused
from playground.people import Person
from playground.server import Playground
from tests.playground.bot import Bot
from tests.playground.page_bot import png

PNG = png(320, 200, 90)


def picture(name: str = "loss.png", content: bytes = PNG) -> discord.File:
    return discord.File(io.BytesIO(content), name)


async def test_messages_with_pictures_files_edits_and_silence(playground: Playground, ada: Person, bot: Bot) -> None:
    channel = await bot.dm(ada.id)
    embed = discord.Embed(title="Loss").set_image(url="attachment://loss.png")
    sent = await channel.send("card", embed=embed, files=[picture(), discord.File(io.BytesIO(b"log"), "run.log")])
    assert [attachment.filename for attachment in sent.attachments] == ["run.log"], "an embed's picture is not listed"
    assert sent.embeds[0].image.url is not None
    assert (sent.embeds[0].image.width, sent.embeds[0].image.height) == (320, 200)
    assert await bot.http.get_from_cdn(sent.embeds[0].image.url) == PNG

    edited = await sent.edit(content="card 2", attachments=[picture(content=PNG + b"2")])
    assert edited.attachments == []
    assert edited.embeds[0].image.url is not None
    assert await bot.http.get_from_cdn(edited.embeds[0].image.url) == PNG + b"2"
    kept = await edited.edit(content="card 3")
    assert kept.embeds[0].image.url is not None
    await channel.send("hush", silent=True)
    await channel.get_partial_message(sent.id).edit(content="card 4")
    message = ada.inbox()[0]
    assert (message.content, message.edits) == ("card 4", 3)
    assert message.edited is not None
    assert [note.message.content for note in ada.notifications()] == ["card"], "neither edits nor silent messages buzz"
    assert message.to_dict()["edited_timestamp"] is not None
    assert [message.content async for message in channel.history()] == ["hush", "card 4"]
    assert (await channel.fetch_message(sent.id)).content == "card 4"
    async with channel.typing():
        pass
    await sent.delete()
    assert [message.content for message in ada.inbox()] == ["hush"]
    assert (await bot.fetch_channel(channel.id)) is not None
    assert (await bot.application_info()).owner.id == ada.id
    assert playground.traffic.unknown == []


async def test_a_nonce_makes_a_retry_the_same_message(playground: Playground, ada: Person, bot: Bot) -> None:
    channel = await bot.dm(ada.id)
    first = await channel.send("report", nonce="run-1:started")
    assert (await channel.send("report", nonce="run-1:started")).id == first.id
    assert len(ada.inbox()) == len(ada.notifications()) == 1
    playground.clock.advance(301)
    assert (await channel.send("report", nonce="run-1:started")).id != first.id


async def test_what_a_person_writes_reaches_the_bot(ada: Person, bot: Bot, tmp_path: Path) -> None:
    note = tmp_path / "note.txt"
    note.write_bytes(b"text")
    await ada.write(f"hello <@{bot.playground.application_id}>, I am <@{ada.id}>", note)
    heard = await bot.until_heard()
    assert (heard.author.id, heard.attachments[0].filename) == (ada.id, "note.txt")
    assert await heard.attachments[0].read() == b"text"
    channel = await bot.dm(ada.id)
    assert [message.content async for message in channel.history()] == [heard.content]
    with pytest.raises(discord.Forbidden) as refused:
        await heard.edit(content="mine now")
    assert refused.value.code == 50005
    with pytest.raises(Refused, match="needs text or a file"):
        await ada.write("  ")
    with pytest.raises(Refused, match="too long: 2001"):
        await ada.write("x" * 2001)
    with pytest.raises(Refused, match=r"big.bin is over 10 MiB"):
        await ada.write("", ("big.bin", bytes(ada.upload_limit + 1)))


async def test_a_message_brings_several_files(ada: Person, bot: Bot) -> None:
    files = [("notes.txt", b"text"), ("loss.png", PNG), ("notes.txt", b"other")]
    await ada.write("", *files)
    heard = await bot.until_heard()
    assert heard.content == ""
    assert [(file.filename, await file.read()) for file in heard.attachments] == files
    assert [file.content_type for file in heard.attachments] == ["text/plain", "image/png", "text/plain"]
    with pytest.raises(Refused, match="10 files at a time, and these are 11"):
        await ada.write("", *[("a.txt", b"")] * 11)
    assert len(ada.inbox()) == 1


async def test_messages_answer_one_another(ada: Person, bot: Bot) -> None:
    asked = await ada.write("how is it going?", ("notes.txt", b"text"))
    heard = await bot.until_heard()
    answer = await heard.reply("well")
    assert answer.type is discord.MessageType.reply
    assert answer.reference is not None and isinstance(answer.reference.resolved, discord.Message)
    assert answer.reference.resolved.attachments[0].filename == "notes.txt"
    assert answer.mentions == [heard.author], "an answer mentions whom it answers"
    quiet = await heard.reply("quietly", allowed_mentions=discord.AllowedMentions.none())
    assert quiet.mentions == []

    await ada.write("thanks", reply_to=ada.inbox()[1])
    thanks = await bot.until_heard()
    assert thanks.reference is not None and isinstance(thanks.reference.resolved, discord.Message)
    assert thanks.reference.resolved.content == "well"
    further = thanks.reference.resolved.reference
    assert further is not None and (further.message_id, further.resolved) == (asked.id, None), "one message back"

    await answer.edit(content="very well")
    newest = await fetched(thanks)
    assert isinstance(newest, discord.Message) and newest.content == "very well"
    await answer.delete()
    assert isinstance(await fetched(thanks), discord.DeletedReferencedMessage)
    with pytest.raises(Refused, match="no longer there"):
        await ada.write("again", reply_to=replace(asked, id=1))
    with pytest.raises(discord.HTTPException) as refused:
        await answer.reply("too late")
    assert (refused.value.code, "Unknown message" in str(refused.value)) == (50035, True)
    late = await thanks.channel.send("late", reference=answer.to_reference(fail_if_not_exists=False))
    assert (late.type, late.reference) == (discord.MessageType.default, None)


async def fetched(message: discord.Message) -> object:
    """What that message answers, as Discord has it now."""
    reference = (await message.channel.fetch_message(message.id)).reference
    return None if reference is None else reference.resolved


async def test_closed_direct_messages(ada: Person, bot: Bot) -> None:
    channel = await bot.dm(ada.id)
    ada.blocked = True
    with pytest.raises(discord.Forbidden) as refused:
        await channel.send("hi")
    assert refused.value.code == 50007
    ada.blocked = False
    await channel.send("hi")
    assert not ada.blocked
