"""`/trainer dataset add`, `list`, `show` and `delete`."""

from __future__ import annotations

import discord
from discord import app_commands
from discord.app_commands import Choice, Range

from bot.catalog.tasks import Told
from bot.catalog.wanted import Wanted
from bot.chat.attachments import fetch
from bot.chat.commands.options import dataset, given, local_source, own_dataset
from bot.chat.places import AnswerPlace
from bot.chat.render import dataset_answers
from bot.chat.render.dataset import dataset_card
from bot.chat.render.message import Message
from bot.chat.render.working import reading
from bot.chat.reply import Interaction, acknowledge, answer, person_of
from bot.chat.taking_in import add as taken_in
from trainer_core.data.card import Preprocessing
from trainer_core.errors import Code, SpotterError
from trainer_core.tasks.orders import HubSource


@app_commands.command(description="Take in a text to train on; or just drop a file into this chat")
@app_commands.describe(
    file="A file of yours: text, table, JSON or parquet, also gzipped or zipped; or a zip of pictures",
    path="Or a file or folder on the machine, under a folder that its owner approved",
    hub="Or a data set of the Hugging Face Hub, like roneneldan/TinyStories",
    config="Of the Hub's data set: which configuration",
    split="Of the Hub's data set: which split; train if you leave it out",
    streaming="Of the Hub's data set: read it over the network, without keeping a copy of it all",
    column="The column or field that holds the text; found, or asked for, if you leave it out",
    name="What to call it; the source's name if you leave it out",
    secrets="Lines that look like keys, tokens or e-mail addresses; kept and counted if you leave it out",
    duplicates="Documents that are the same; left out if you leave it out",
    unicode="Whether to bring Unicode to one form (NFC); yes if you leave it out",
    control="Whether to remove control characters; yes if you leave it out",
    whitespace="Whether to tidy white space and line ends; yes if you leave it out",
    shortest="Leave out documents of fewer characters",
    longest="Cut documents of more characters",
)
@app_commands.choices(
    secrets=[Choice(name="keep them", value="keep"), Choice(name="remove the lines", value="remove")],
    duplicates=[
        Choice(name="leave out the same and nearly the same", value="all"),
        Choice(name="leave out the exactly same only", value="exact"),
        Choice(name="keep them", value="keep"),
    ],
)
@app_commands.autocomplete(path=local_source)
async def add(
    interaction: Interaction,
    file: discord.Attachment | None = None,
    path: str | None = None,
    hub: Range[str, 1, 200] | None = None,
    config: Range[str, 1, 100] | None = None,
    split: Range[str, 1, 100] | None = None,
    streaming: bool = False,
    column: str | None = None,
    name: Range[str, 1, 64] | None = None,
    secrets: str = "keep",
    duplicates: str = "all",
    unicode: bool = True,
    control: bool = True,
    whitespace: bool = True,
    shortest: Range[int, 1] = 1,
    longest: Range[int, 1_000] | None = None,
) -> None:
    await acknowledge(interaction)
    client, person = interaction.client, person_of(interaction)
    path, hub = given(path), given(hub)
    source = _one_of(file, path, _of_hub(hub, given(config), given(split), streaming))
    preprocessing = Preprocessing(
        normalize=unicode,
        control=control,
        whitespace=whitespace,
        min_characters=shortest,
        max_characters=longest,
        duplicates=duplicates != "keep",
        near_duplicates=duplicates == "all",
        remove_secrets=secrets == "remove",
    )

    async def work(told: Told) -> Message:
        where = await fetch(source, client.catalog, told) if isinstance(source, discord.Attachment) else source
        called = (given(name) or "").lower() or None  # phones begin with a capital letter
        return await taken_in(client.catalog, person, Wanted(where, called, given(column), preprocessing), told)

    doing = reading(file.filename if file else path or hub or "")
    await client.errands.run(AnswerPlace(interaction, doing), doing, work)


@app_commands.command(name="list", description="The data sets you can train on")
async def list_(interaction: Interaction) -> None:
    await acknowledge(interaction)
    cards = await interaction.client.catalog.datasets(person_of(interaction))
    await answer(interaction, dataset_answers.dataset_list(cards, interaction.client.now()))


@app_commands.command(description="What is known of a data set, and a button that trains on it")
@app_commands.describe(name="Which data set")
@app_commands.autocomplete(name=dataset)
async def show(interaction: Interaction, name: str) -> None:
    await acknowledge(interaction)
    card, suggestion = await interaction.client.catalog.dataset(person_of(interaction), name)
    await answer(interaction, dataset_card(card, suggestion))


@app_commands.command(description="Delete a data set of yours from this machine; asks first")
@app_commands.describe(name="Which data set")
@app_commands.autocomplete(name=own_dataset)
async def delete(interaction: Interaction, name: str) -> None:
    await acknowledge(interaction)
    card, _ = await interaction.client.catalog.dataset(person_of(interaction), name)
    await answer(interaction, dataset_answers.confirm_delete(card))


def _of_hub(hub: str | None, config: str | None, split: str | None, streaming: bool) -> HubSource | None:
    """Raises SpotterError if what belongs to a data set of the Hub is given without one."""
    if hub is not None:
        return HubSource(name=hub, config=config, split=split or "train", streaming=streaming)
    for field, value in (("config", config), ("split", split), ("streaming", streaming)):
        if value:
            raise SpotterError(Code.CONFIG_INVALID, "goes with `hub`, which names the Hub's data set", field=field)
    return None


def _one_of(
    file: discord.Attachment | None, path: str | None, hub: HubSource | None
) -> discord.Attachment | str | HubSource:
    """The one source that is given. Raises SpotterError if there is none, or several."""
    sources = [source for source in (file, path, hub) if source is not None]
    if len(sources) != 1:
        says = "attach a file, or name a `path` or a `hub` data set"
        raise SpotterError(Code.CONFIG_INVALID, f"{says}: just one of them" if sources else says, field="file")
    return sources[0]
