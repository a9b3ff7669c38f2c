"""`/trainer train`."""

from __future__ import annotations

import discord
from discord import app_commands
from discord.app_commands import Choice, Range

from bot.catalog.tasks import Told
from bot.chat.attachments import fetch
from bot.chat.commands.options import any_tokenizer, dataset, given
from bot.chat.places import AnswerPlace
from bot.chat.render.answers import accepted
from bot.chat.render.guide import size_label
from bot.chat.render.message import Message, TrainButton
from bot.chat.render.working import reading
from bot.chat.reply import Interaction, acknowledge, person_of
from bot.runs.intake import Priority, Submission
from trainer_core.models.sizes import SIZES

DEFAULT_BUDGET = "10m"


@app_commands.command(description="Train a language model on a text")
@app_commands.describe(
    data="A data set that is here already",
    file="Or a text of your own, as `/trainer dataset add` takes it",
    model="The model's architecture",
    size="How large a model; tiny if you leave it out",
    budget="How long: 10m, 2h, 500 steps, 3 epochs, 20M tokens; 10m if you leave it out",
    batch="How many tokens each step learns from; what suits the size if you leave it out",
    tokenizer="One of yours, a kind to make, or a model family; what suits the text if you leave it out",
    vocabulary="How many different tokens, 100 to 500,000; what suits the text if you leave it out",
    name="What to call the run; a name is made if you leave it out",
    priority="Who goes first in the queue; high is the owner's to ask for",
)
@app_commands.choices(
    model=[Choice(name="GPT-2, from nothing", value="gpt2")],
    size=[Choice(name=size_label(size), value=size) for size in SIZES],
)
@app_commands.autocomplete(data=dataset, tokenizer=any_tokenizer)
async def train(
    interaction: Interaction,
    data: str | None = None,
    file: discord.Attachment | None = None,
    model: str | None = None,
    size: str | None = None,
    budget: str | None = None,
    batch: int | None = None,
    tokenizer: str | None = None,
    vocabulary: Range[int, 100, 500_000] | None = None,
    name: str | None = None,
    priority: Priority = "normal",
) -> None:
    await acknowledge(interaction)
    client, person = interaction.client, person_of(interaction)
    wanted = (
        data,
        file and (file.filename, file.size),
        model,
        size,
        budget,
        batch,
        tokenizer,
        vocabulary,
        name,
        priority,
    )
    first = client.repeats.first(person.id, wanted, interaction.id, interaction.created_at)

    async def work(told: Told) -> Message:
        submission = Submission(
            data=given(data),
            file=await fetch(file, client.catalog, told) if file else None,
            name=(given(name) or "").lower() or None,  # phones begin with a capital letter
            budget=given(budget) or DEFAULT_BUDGET,
            priority=priority,
            overrides={} if batch is None else {"batch": {"tokens_per_step": batch}},
            model={key: value for key, value in (("family", given(model)), ("size", given(size))) if value},
            tokenizer=given(tokenizer),
            vocabulary=vocabulary,
        )
        submitted = await client.service.submit(person, submission, request_key=str(first), told=told)
        return accepted(submitted, again=first != interaction.id)

    doing = reading(file.filename if file else given(data) or "")
    await client.errands.run(AnswerPlace(interaction, doing), doing, work)


async def train_on(interaction: Interaction, button: TrainButton) -> Message:
    """What a data set's card suggests. Pressed twice within seconds, it is meant once. Raises SpotterError."""
    client, person = interaction.client, person_of(interaction)
    first = client.repeats.first(person.id, button, interaction.id, interaction.created_at)
    submission = Submission(data=button.dataset, budget=button.budget, model={"size": button.size})
    submitted = await client.service.submit(person, submission, request_key=str(first))
    return accepted(submitted, again=first != interaction.id)
