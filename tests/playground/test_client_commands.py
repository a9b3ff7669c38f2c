"""Commands with the real discord.py: synced, called with their options, completed."""

from typing import Any

import discord
import pytest
from discord import app_commands

from playground.commands import Refused
from playground.people import Person
from playground.server import Playground
from tests.playground.bot import Bot


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

    data = app_commands.Group(name="dataset", description="Texts", parent=group)

    @data.command(name="add", description="Take a text in")
    async def add(interaction: discord.Interaction, name: str, file: discord.Attachment | None = None) -> None:
        size = 0 if file is None else len(await file.read())
        await interaction.response.send_message(f"{name} has {size} bytes")

    @add.autocomplete("name")
    async def names(interaction: discord.Interaction, current: str) -> list[app_commands.Choice[str]]:
        return [app_commands.Choice(name=f"{current}-corpus", value=current)]

    bot.tree.add_command(group)
    await bot.tree.sync()


async def test_a_command_of_a_group_is_called_and_completed(ada: Person, bot: Bot) -> None:
    await sync_train(bot)
    choices = await ada.autocomplete("trainer dataset add", "name", "my")
    assert [(choice.name, choice.value) for choice in choices] == [("my-corpus", "my")]
    reply = await ada.slash("trainer dataset add", name="my", file=("a.txt", b"text"))
    assert reply.text == "my has 4 bytes"
    assert reply.message is not None and reply.message.origin is not None
    assert reply.message.origin.name == "trainer dataset add"
    with pytest.raises(Refused, match="/trainer dataset is not a command here"):
        await ada.slash("trainer dataset")


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
