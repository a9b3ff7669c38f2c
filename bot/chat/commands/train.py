"""`/trainer train`."""

from __future__ import annotations

from dataclasses import replace

import discord
from discord import app_commands
from discord.app_commands import Choice, Range

from bot.catalog.tasks import Told
from bot.chat.attachments import fetch
from bot.chat.commands.options import any_tokenizer, dataset, given, module, size, source
from bot.chat.places import AnswerPlace
from bot.chat.render.answers import accepted
from bot.chat.render.message import Message, TrainButton
from bot.chat.render.working import reading
from bot.chat.reply import Interaction, acknowledge, person_of
from bot.runs.intake import Priority, Submission
from bot.runs.models import ModelChoice
from bot.runs.overrides import overrides_of
from trainer_core.models.families import FAMILIES

DEFAULT_BUDGET = "10m"


@app_commands.command(description="Train a model on a text, or on pictures")
@app_commands.describe(
    data="A data set that is here already",
    file="Or a text of your own, as `/trainer dataset add` takes it",
    model="The kind of model; what suits the data if you leave it out",
    size="How large a model: tiny, mini, small, medium, or depth=N; tiny if you leave it out",
    source="Fine-tune: a run of yours, a model folder, or a model of the Hugging Face Hub like org/model",
    lora="Fine-tune with LoRA adapters of this rank, in place of all weights",
    module="A model of your own: a Python file, as listed; with :NAME behind it, the class in it",
    wiring="What feeds your own model's forward, as JSON; found out if you leave it out",
    budget="How long: 10m, 2h, 500 steps, 3 epochs, 20M tokens; 10m if you leave it out",
    batch="How many tokens (or pictures) each step learns from; what suits the model if you leave it out",
    learning_rate="The highest learning rate; what suits the model if you leave it out",
    workers="How many processes share each step; 1 if you leave it out",
    tokenizer="One of yours, a kind to make, or a model family; what suits the text if you leave it out",
    vocabulary="How many different tokens, 100 to 500,000; what suits the text if you leave it out",
    settings="Any other setting, like: optimizer.schedule=cosine optimizer.average=0.999 seed=7",
    name="What to call the run; a name is made if you leave it out",
    priority="Who goes first in the queue; high is the owner's to ask for",
)
@app_commands.rename(source="from")
@app_commands.choices(model=[Choice(name=known.title, value=family) for family, known in FAMILIES.items()])
@app_commands.autocomplete(data=dataset, tokenizer=any_tokenizer, size=size, source=source, module=module)
async def train(
    interaction: Interaction,
    data: str | None = None,
    file: discord.Attachment | None = None,
    model: str | None = None,
    size: str | None = None,
    budget: str | None = None,
    source: str | None = None,
    lora: int | None = None,
    module: str | None = None,
    wiring: str | None = None,
    batch: int | None = None,
    learning_rate: float | None = None,
    workers: int | None = None,
    tokenizer: str | None = None,
    vocabulary: Range[int, 100, 500_000] | None = None,
    settings: str | None = None,
    name: str | None = None,
    priority: Priority = "normal",
) -> None:
    await acknowledge(interaction)
    client, person = interaction.client, person_of(interaction)
    asked = Submission(
        data=given(data),
        name=(given(name) or "").lower() or None,  # phones begin with a capital letter
        budget=given(budget) or DEFAULT_BUDGET,
        priority=priority,
        model=ModelChoice(
            family=given(model),
            size=(given(size) or "").lower() or None,
            source=given(source),
            lora=lora,
            module=given(module),
            wiring=given(wiring),
        ),
        tokenizer=given(tokenizer),
        vocabulary=vocabulary,
        overrides=overrides_of(
            {"batch.tokens_per_step": batch, "optimizer.learning_rate": learning_rate, "compute.workers": workers},
            given(settings) or "",
        ),
    )
    wanted = (asked, file and (file.filename, file.size))
    first = client.repeats.first(person.id, wanted, interaction.id, interaction.created_at)

    async def work(told: Told) -> Message:
        brought = await fetch(file, client.catalog, told) if file else None
        submitted = await client.service.submit(person, replace(asked, file=brought), request_key=str(first), told=told)
        return accepted(submitted, again=first != interaction.id)

    doing = reading(file.filename if file else given(data) or "")
    await client.errands.run(AnswerPlace(interaction, doing), doing, work)


async def train_on(interaction: Interaction, button: TrainButton) -> Message:
    """What a data set's card suggests. Pressed twice within seconds, it is meant once. Raises SpotterError."""
    client, person = interaction.client, person_of(interaction)
    first = client.repeats.first(person.id, button, interaction.id, interaction.created_at)
    submission = Submission(data=button.dataset, budget=button.budget, model=ModelChoice(size=button.size))
    submitted = await client.service.submit(person, submission, request_key=str(first))
    return accepted(submitted, again=first != interaction.id)
