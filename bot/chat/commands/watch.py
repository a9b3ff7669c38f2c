"""`/trainer watch` and `unwatch`."""

from __future__ import annotations

from discord import app_commands

from bot.chat.commands.options import any_run, going_run, named_run
from bot.chat.render import answers
from bot.chat.reply import Interaction, acknowledge, answer, person_of


@app_commands.command(description="Get a run's reports as direct messages")
@app_commands.describe(run="Which run")
@app_commands.autocomplete(run=going_run)
async def watch(interaction: Interaction, run: str) -> None:
    await acknowledge(interaction)
    watched, added = await interaction.client.service.watch(person_of(interaction), named_run(run))
    await answer(interaction, answers.watching(watched, added))


@app_commands.command(description="Get no more reports of a run; it goes on")
@app_commands.describe(run="Which run")
@app_commands.autocomplete(run=any_run)
async def unwatch(interaction: Interaction, run: str) -> None:
    await acknowledge(interaction)
    watched, removed = await interaction.client.service.unwatch(person_of(interaction), named_run(run))
    await answer(interaction, answers.unwatching(watched, removed))
