"""The real discord.py against the playground: commands, components, modals, messages, files."""

import asyncio
import io
import struct
from pathlib import Path
from typing import Any

import discord
import pytest
from discord import app_commands

from playground.commands import Refused
from playground.people import NoResponse, Person
from playground.server import Playground
from tests.playground.bot import Bot

PNG = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sIIBBBBB", 13, b"IHDR", 320, 200, 8, 2, 0, 0, 0) + b"\0\0\0\0"


def picture(name: str = "loss.png", content: bytes = PNG) -> discord.File:
    return discord.File(io.BytesIO(content), name)


async def sync_train(bot: Bot) -> None:
    """`/trainer train`, with an option of every kind; it says back what it was given."""
    group = app_commands.Group(name="trainer", description="Train models")

    @group.command(name="train", description="Start a run")
    @app_commands.choices(
        size=[app_commands.Choice(name="Tiny", value="tiny"), app_commands.Choice(name="Mini", value="mini")]
    )
    async def train(
        interaction: discord.Interaction,
        data: app_commands.Range[str, 2, 20],
        file: discord.Attachment | None = None,
        size: str = "tiny",
        steps: app_commands.Range[int, 1, 500] = 10,
        rate: float = 0.1,
        resume: bool = False,
        friend: discord.User | None = None,
    ) -> None:
        await interaction.response.defer(thinking=True)
        content = await file.read() if file is not None else b""
        said = [data, file and (file.filename, file.size, content), size, steps, rate, resume, friend and friend.id]
        await interaction.edit_original_response(content=repr(said))

    @train.autocomplete("data")
    async def suggest(interaction: discord.Interaction, current: str) -> list[app_commands.Choice[str]]:
        names = ["python-docs", "pytest-docs", str(interaction.namespace.size)]
        return [app_commands.Choice(name=name.title(), value=name) for name in names if name.startswith(current)]

    bot.tree.add_command(group)
    await bot.tree.sync()


async def test_a_command_gets_its_options_and_a_deferred_answer(playground: Playground, ada: Person, bot: Bot) -> None:
    await sync_train(bot)
    friend = playground.person("Grace")
    reply = await ada.slash(
        "trainer train",
        data="my-data",
        file=("a story.txt", b"once upon"),
        size="mini",
        steps=3,
        rate=0.5,
        resume=True,
        friend=friend,
    )
    assert reply.text == repr(["my-data", ("a_story.txt", 9, b"once upon"), "mini", 3, 0.5, True, friend.id])
    assert reply.message is not None
    assert not reply.message.loading
    assert reply.message.edits == 0, "the answer to a deferral is no edit to the person who waited"
    assert reply.message.origin is not None
    assert reply.message.origin.name == "trainer train"
    assert ada.notifications() == [], "an answer does not buzz: the person has just asked for it"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({}, "data: This option is required"),
        ({"data": "x"}, "data: Enter between 2 and 20 characters"),
        ({"data": "fine", "size": "huge"}, "size: Select a valid choice: Tiny, Mini"),
        ({"data": "fine", "steps": 501}, "steps: Enter a number between 1 and 500"),
        ({"data": "fine", "steps": "ten"}, "steps: Input a valid integer"),
        ({"data": "fine", "rate": "fast"}, "rate: Input a valid number"),
        ({"data": "fine", "resume": "perhaps"}, "resume: Select True or False"),
        ({"data": "fine", "colour": "red"}, "colour: the command has no such option"),
        ({"data": ("a.txt", b"")}, "data: this option does not take a file"),
        ({"data": "fine", "file": "a.txt"}, "file: Attach a file"),
    ],
)
async def test_options_that_discord_would_not_send(
    ada: Person, bot: Bot, options: dict[str, Any], sentence: str
) -> None:
    await sync_train(bot)
    with pytest.raises(Refused, match=sentence):
        await ada.slash("trainer train", **options)


async def test_only_what_was_synced_can_be_called(ada: Person, bot: Bot) -> None:
    bot.command("hello", lambda interaction: interaction.response.send_message("hi"))
    with pytest.raises(Refused, match="/hello is not a command here"):
        await ada.slash("hello")
    await bot.tree.sync()
    assert (await ada.slash("/hello")).text == "hi"
    with pytest.raises(Refused, match="takes no file"):
        await ada.slash("hello", file=("a.txt", b""))


async def test_commands_keep_their_ids_and_their_contexts_count(playground: Playground, ada: Person, bot: Bot) -> None:
    bot.command("hello", lambda interaction: interaction.response.send_message("hi"))

    @bot.tree.command(name="guilds", description="Only in guilds")
    @app_commands.allowed_contexts(guilds=True)
    async def in_guilds(interaction: discord.Interaction) -> None:
        await interaction.response.send_message("hi")

    first = await bot.tree.sync()
    second = await bot.tree.sync()
    assert {command.name: command.id for command in first} == {command.name: command.id for command in second}
    assert [command.name for command in await bot.tree.fetch_commands()] == ["hello", "guilds"]
    assert (await bot.tree.fetch_command(first[0].id)).name == "hello"
    with pytest.raises(Refused, match="not a command here"):
        await ada.slash("guilds")


async def test_autocomplete(ada: Person, bot: Bot) -> None:
    await sync_train(bot)
    choices = await ada.autocomplete("trainer train", "data", "py", size="python")
    assert [(choice.name, choice.value) for choice in choices] == [
        ("Python-Docs", "python-docs"),
        ("Pytest-Docs", "pytest-docs"),
        ("Python", "python"),
    ]
    with pytest.raises(Refused, match="no such option with suggestions"):
        await ada.autocomplete("trainer train", "steps", "1")


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


async def test_buttons_and_selects(ada: Person, bot: Bot) -> None:
    async def on_press(interaction: discord.Interaction) -> None:
        assert interaction.data is not None
        assert interaction.message is not None
        match interaction.data.get("custom_id"):
            case "stop":
                await interaction.response.edit_message(content=f"stopped {interaction.message.content}", view=None)
            case "later":
                await interaction.response.defer()
                await interaction.message.edit(content="later")
            case "tell":
                await interaction.response.defer()
                await interaction.followup.send("told", ephemeral=True)
            case "quiet":
                await interaction.response.defer()
            case "size":
                await interaction.response.send_message(repr(interaction.data.get("values")))

    bot.handle = on_press
    view = discord.ui.View()
    for name in ("stop", "later", "tell", "quiet"):
        view.add_item(discord.ui.Button(label=name.title(), custom_id=name))
    view.add_item(discord.ui.Button(label="Docs", url="https://example.org/"))
    options = [discord.SelectOption(label=size.title(), value=size) for size in ("tiny", "mini", "small")]
    view.add_item(discord.ui.Select(custom_id="size", options=options, max_values=2))
    await (await bot.dm(ada.id)).send("run", view=view)
    message = await ada.until(lambda message: message.content == "run")

    assert (await ada.select(message, "size", ["tiny", "small"])).text == "['tiny', 'small']"
    with pytest.raises(Refused, match="huge is not offered"):
        await ada.select(message, "size", ["huge"])
    with pytest.raises(Refused, match="choose between 1 and 2"):
        await ada.select(message, "size", [])
    with pytest.raises(Refused, match=r"opens https://example\.org/"):
        await ada.click(message, "Docs")
    with pytest.raises(Refused, match="shows nothing of that name"):
        await ada.click(message, "Start")

    assert (await ada.click(message, "Tell")).text == "told"
    assert (await ada.click(message, "Later")).text == "later"
    ada.grace = 0.05
    assert (await ada.click(message, "Quiet")).text == "later"
    stopped = await ada.click(message, "stop")
    assert stopped.text == "stopped later"
    with pytest.raises(Refused, match="nothing of that name"):
        await ada.click(stopped, "Stop")


async def test_a_view_sent_with_an_answer_hears_its_buttons(ada: Person, bot: Bot) -> None:
    class Confirm(discord.ui.View):
        @discord.ui.button(label="Yes")
        async def yes(self, interaction: discord.Interaction, button: discord.ui.Button["Confirm"]) -> None:
            await interaction.response.defer()
            await interaction.edit_original_response(content="confirmed", view=None)

    async def respond(interaction: discord.Interaction) -> None:
        await interaction.response.defer(ephemeral=True, thinking=True)
        await interaction.followup.send("sure?", view=Confirm())

    bot.command("ask", respond)
    await bot.tree.sync()
    asked = await ada.slash("ask")
    assert (await ada.click(asked, "Yes")).text == asked.text == "confirmed"


async def test_a_modal_is_shown_filled_in_and_answered(ada: Person, bot: Bot) -> None:
    class Snooze(discord.ui.Modal, title="Snooze"):
        minutes = discord.ui.TextInput[discord.ui.Modal](
            label="Minutes", custom_id="minutes", min_length=1, max_length=3
        )
        why = discord.ui.Label[discord.ui.Modal](
            text="Why?", component=discord.ui.TextInput(custom_id="why", required=False, default="tired")
        )
        mood = discord.ui.Label[discord.ui.Modal](
            text="Mood",
            component=discord.ui.Select(
                custom_id="mood", options=[discord.SelectOption(label=word) for word in ("up", "down")]
            ),
        )
        proof = discord.ui.Label[discord.ui.Modal](
            text="Proof", component=discord.ui.FileUpload(custom_id="proof", required=False)
        )

        async def on_submit(self, interaction: discord.Interaction) -> None:
            why, mood, proof = self.why.component, self.mood.component, self.proof.component
            assert isinstance(why, discord.ui.TextInput)
            assert isinstance(mood, discord.ui.Select)
            assert isinstance(proof, discord.ui.FileUpload)
            files = [(file.filename, await file.read()) for file in proof.values]
            await interaction.response.send_message(repr([self.minutes.value, why.value, mood.values, files]))

    async def open_form(interaction: discord.Interaction) -> None:
        await interaction.response.send_modal(Snooze())

    bot.command("snooze", open_form)
    await bot.tree.sync()
    reply = await ada.slash("snooze")
    assert reply.modal is not None
    assert (reply.message, reply.modal.title) == (None, "Snooze")
    for values, sentence in [
        ({"minutes": "5"}, "Mood: choose between 1 and 1"),
        ({"mood": "up"}, "Minutes: This field is required"),
        ({"minutes": "1234", "mood": "up"}, "Minutes: Enter between 1 and 3 characters"),
        ({"minutes": "5", "mood": "sideways"}, "Mood: sideways is not offered"),
        ({"minutes": "5", "mood": "up", "colour": "red"}, "colour: the form has no such field"),
    ]:
        with pytest.raises(Refused, match=sentence):
            await ada.fill(reply.modal, values)
    answer = await ada.fill(reply.modal, {"Why?": "late"}, minutes=5, mood=["down"], proof=[("p.txt", b"proof")])
    assert answer.text == repr(["5", "late", ["down"], [("p.txt", b"proof")]])
    reply = await ada.slash("snooze")
    assert reply.modal is not None
    again = await ada.fill(reply.modal, minutes="7", mood="up")
    assert again.text == repr(["7", "tired", ["up"], []])


async def test_a_modal_from_a_button_updates_the_buttons_message(ada: Person, bot: Bot) -> None:
    class Rename(discord.ui.Modal, title="Rename"):
        name = discord.ui.TextInput[discord.ui.Modal](label="Name")

        async def on_submit(self, interaction: discord.Interaction) -> None:
            await interaction.response.edit_message(content=f"now {self.name.value}")

    async def on_press(interaction: discord.Interaction) -> None:
        if interaction.type is discord.InteractionType.component:
            await interaction.response.send_modal(Rename())

    bot.handle = on_press
    view = discord.ui.View().add_item(discord.ui.Button(label="Rename", custom_id="rename"))
    await (await bot.dm(ada.id)).send("old", view=view)
    reply = await ada.click(ada.inbox()[0], "Rename")
    assert reply.modal is not None
    assert (await ada.fill(reply.modal, Name="brisk-otter")).text == "now brisk-otter"
    assert len(ada.inbox()) == 1


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
    await ada.write(f"hello <@{bot.playground.application_id}>, I am <@{ada.id}>", file=note)
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
        await ada.write("", file=("big.bin", bytes(ada.upload_limit + 1)))


async def test_closed_direct_messages(ada: Person, bot: Bot) -> None:
    channel = await bot.dm(ada.id)
    ada.blocked = True
    with pytest.raises(discord.Forbidden) as refused:
        await channel.send("hi")
    assert refused.value.code == 50007
    ada.blocked = False
    await channel.send("hi")
    assert not ada.blocked


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
