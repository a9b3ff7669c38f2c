"""`/trainer status` and `runs`."""

from __future__ import annotations

from discord import app_commands

from bot.chat.commands.options import any_run, given
from bot.chat.render import answers
from bot.chat.reply import Interaction, acknowledge, answer, person_of


@app_commands.command(description="How a run is doing, with its loss curve")
@app_commands.describe(run="Which run; without it, your newest")
@app_commands.autocomplete(run=any_run)
async def status(interaction: Interaction, run: str | None = None) -> None:
    await acknowledge(interaction)
    client, person = interaction.client, person_of(interaction)
    found = await client.service.status(person, given(run))
    await answer(interaction, answers.status_reply(found, client.now(), person.id))


@app_commands.command(description="All your runs, newest first")
async def runs(interaction: Interaction) -> None:
    await acknowledge(interaction)
    found = await interaction.client.service.runs(person_of(interaction))
    await answer(interaction, answers.runs_list(found, interaction.client.now()))
