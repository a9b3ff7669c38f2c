"""`/trainer train`."""

from __future__ import annotations

import aiohttp
import discord
from discord import app_commands
from discord.app_commands import Choice

from bot.chat.commands.options import dataset, given
from bot.chat.render.answers import accepted
from bot.chat.render.guide import size_label
from bot.chat.render.text import size as size_text
from bot.chat.reply import Interaction, acknowledge, answer, person_of
from bot.runs.intake import Priority, Submission, Upload
from trainer_core.data.formats import kind_of
from trainer_core.errors import Code, SpotterError
from trainer_core.models.sizes import SIZES

DEFAULT_BUDGET = "10m"


@app_commands.command(description="Train a language model on a text")
@app_commands.describe(
    data="A data set that is here already",
    file="Or a text of your own: .txt .md .csv .json .jsonl",
    model="The model's architecture",
    size="How large a model; tiny if you leave it out",
    budget="How long: 10m, 2h, 500 steps, 3 epochs, 20M tokens; 10m if you leave it out",
    batch="How many tokens each step learns from; what suits the size if you leave it out",
    name="What to call the run; a name is made if you leave it out",
    priority="Who goes first in the queue; high is the owner's to ask for",
)
@app_commands.choices(
    model=[Choice(name="GPT-2, from nothing", value="gpt2")],
    size=[Choice(name=size_label(size), value=size) for size in SIZES],
)
@app_commands.autocomplete(data=dataset)
async def train(
    interaction: Interaction,
    data: str | None = None,
    file: discord.Attachment | None = None,
    model: str | None = None,
    size: str | None = None,
    budget: str | None = None,
    batch: int | None = None,
    name: str | None = None,
    priority: Priority = "normal",
) -> None:
    await acknowledge(interaction)
    client, person = interaction.client, person_of(interaction)
    wanted = (data, file and (file.filename, file.size), model, size, budget, batch, name, priority)
    first = client.repeats.first(person.id, wanted, interaction.id, interaction.created_at)
    submission = Submission(
        data=given(data),
        file=await download(file, client.upload_limit) if file else None,
        name=(given(name) or "").lower() or None,  # phones begin with a capital letter
        budget=given(budget) or DEFAULT_BUDGET,
        priority=priority,
        overrides={} if batch is None else {"batch": {"tokens_per_step": batch}},
        model={key: value for key, value in (("family", given(model)), ("size", given(size))) if value},
    )
    submitted = await client.service.submit(person, submission, request_key=str(first))
    await answer(interaction, accepted(submitted, again=first != interaction.id))


async def download(file: discord.Attachment, limit: int) -> Upload:
    """The attached file, fetched at once since its link expires; `limit` in bytes.

    Raises SpotterError with field `file`, before the download if its name or size tells enough.
    """
    kind_of(file.filename)
    if file.size > limit:
        raise SpotterError(
            Code.CORPUS_TOO_LARGE,
            f"is {size_text(file.size)}; give a file of at most {size_text(limit)}",
            field="file",
        )
    try:
        return Upload(file.filename, await file.read())
    except (discord.HTTPException, aiohttp.ClientError, OSError) as error:
        raise SpotterError(Code.ARTIFACT_DOWNLOAD_FAILED, field="file") from error
