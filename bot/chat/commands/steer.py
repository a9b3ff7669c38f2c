"""`/trainer pause`, `resume` and `stop`."""

from __future__ import annotations

from discord import app_commands

from bot.chat.commands.options import going_run, named_run, pausable_run, paused_run
from bot.chat.render import steering
from bot.chat.reply import Interaction, acknowledge, answer, person_of


@app_commands.command(description="Have a run save and free its slot, to go on later")
@app_commands.describe(run="Which run")
@app_commands.autocomplete(run=pausable_run)
async def pause(interaction: Interaction, run: str) -> None:
    await acknowledge(interaction)
    paused = await interaction.client.service.pause(person_of(interaction), named_run(run))
    await answer(interaction, steering.pausing(paused))


@app_commands.command(description="Let a paused run go on from its newest checkpoint")
@app_commands.describe(run="Which run")
@app_commands.autocomplete(run=paused_run)
async def resume(interaction: Interaction, run: str) -> None:
    await acknowledge(interaction)
    service, person = interaction.client.service, person_of(interaction)
    resumed = await service.resume(person, named_run(run))
    await answer(interaction, steering.resuming(await service.status(person, resumed.name)))


@app_commands.command(description="Stop a run, keeping what it has learned")
@app_commands.describe(run="Which run")
@app_commands.autocomplete(run=going_run)
async def stop(interaction: Interaction, run: str) -> None:
    await acknowledge(interaction)
    stopped = await interaction.client.service.stop(person_of(interaction), named_run(run))
    await answer(interaction, steering.stopping(stopped))
