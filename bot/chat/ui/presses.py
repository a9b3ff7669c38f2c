"""What a press of a run's button does."""

from __future__ import annotations

from bot.chat.commands.steer import try_again
from bot.chat.errors import report
from bot.chat.render import answers, stalls, steering
from bot.chat.render.message import Act, Button, Message
from bot.chat.reply import Interaction, admit, answer, person_of
from bot.runs.stalls import Choice


async def press(interaction: Interaction, button: Button) -> None:
    """Check who presses, acknowledge, do it, answer. The command tree's own check does not see buttons."""
    try:
        if not await admit(interaction):
            return
        if button.act in _IN_PLACE:
            await interaction.response.defer()
        else:
            await interaction.response.defer(ephemeral=True, thinking=True)
        await answer(interaction, await _act(interaction, button))
    except Exception as error:
        # A button has no tree that would tell the person.
        await report(interaction, error)


_IN_PLACE = frozenset({Act.REFRESH, Act.STOP_NOW, Act.KEEP})
"""Acts whose answer takes the place of the message with the button."""


async def _act(interaction: Interaction, button: Button) -> Message:
    client, person, run = interaction.client, person_of(interaction), button.run
    service = client.service
    match button.act:
        case Act.STOP:
            said = steering.confirm_stop((await service.status(person, run)).run)
        case Act.STOP_NOW:
            said = steering.stopping(await service.stop(person, run))
        case Act.KEEP:
            said = steering.keeping((await service.status(person, run)).run)
        case Act.PAUSE:
            said = steering.pausing(await service.pause(person, run))
        case Act.RESUME:
            await service.resume(person, run)
            said = steering.resuming(await service.status(person, run))
        case Act.RETRY:
            said = await try_again(interaction, run)
        case Act.WAIT:
            said = stalls.decided(Choice.WAIT, *await service.decide(person, run, Choice.WAIT))
        case Act.RESTART:
            said = stalls.decided(Choice.RESTART, *await service.decide(person, run, Choice.RESTART))
        case Act.REFRESH:
            said = answers.status_reply(await service.status(person, run), client.now(), person.id)
        case Act.WATCH:
            said = answers.watching(*await service.watch(person, run))
        case Act.UNWATCH:
            said = answers.unwatching(*await service.unwatch(person, run))
    return said
