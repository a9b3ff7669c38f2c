"""`/trainer pause`, `resume`, `stop`, `retry`, `land`, `rate` and `checkpoint`."""

from __future__ import annotations

from discord import app_commands

from bot.chat.commands.options import (
    ended_short_run,
    going_run,
    named_run,
    pausable_run,
    paused_run,
    training_run,
)
from bot.chat.render import steering
from bot.chat.render.answers import tried_again
from bot.chat.render.message import Message
from bot.chat.reply import Interaction, acknowledge, answer, person_of
from bot.runs.model import Request


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


@app_commands.command(description="Try a run again that failed or was stopped, from its newest checkpoint")
@app_commands.describe(run="Which run")
@app_commands.autocomplete(run=ended_short_run)
async def retry(interaction: Interaction, run: str) -> None:
    await acknowledge(interaction)
    await answer(interaction, await try_again(interaction, named_run(run).lower()))


@app_commands.command(description="Have a run finish early and well: its learning rate goes down to zero from now")
@app_commands.describe(run="Which run")
@app_commands.autocomplete(run=training_run)
async def land(interaction: Interaction, run: str) -> None:
    await _ask(interaction, run, Request("land"))


@app_commands.command(description="Set the learning rate of a run that trains")
@app_commands.describe(run="Which run", learning_rate="Its highest learning rate from now on, like 0.0003")
@app_commands.autocomplete(run=training_run)
async def rate(interaction: Interaction, run: str, learning_rate: float) -> None:
    await _ask(interaction, run, Request("rate", learning_rate))


@app_commands.command(description="Have a run save now, and keep that checkpoint whatever comes after")
@app_commands.describe(run="Which run")
@app_commands.autocomplete(run=training_run)
async def checkpoint(interaction: Interaction, run: str) -> None:
    await _ask(interaction, run, Request("checkpoint"))


async def _ask(interaction: Interaction, run: str, request: Request) -> None:
    await acknowledge(interaction)
    asked = await interaction.client.service.steer(person_of(interaction), named_run(run), request)
    await answer(interaction, steering.asked(asked))


async def try_again(interaction: Interaction, run: str) -> Message:
    """Asked for twice within seconds, by command or by button, it is meant once. Raises SpotterError."""
    client, person = interaction.client, person_of(interaction)
    first = client.repeats.first(person.id, ("retry", run), interaction.id, interaction.created_at)
    submitted = await client.service.retry(person, run, request_key=str(first))
    return tried_again(submitted, run, again=first != interaction.id)
