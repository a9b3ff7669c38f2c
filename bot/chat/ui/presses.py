"""What a press of a button does."""

from __future__ import annotations

from bot.catalog.tasks import Told
from bot.chat.commands.steer import try_again
from bot.chat.commands.train import train_on
from bot.chat.errors import report
from bot.chat.places import QuestionPlace
from bot.chat.render import answers, dataset_answers, questions, stalls, steering
from bot.chat.render.message import (
    Act,
    AnyButton,
    Button,
    ColumnButton,
    DatasetAct,
    DatasetButton,
    Message,
    TrainButton,
)
from bot.chat.render.working import reading_column
from bot.chat.reply import Interaction, acknowledge, admit, answer, person_of
from bot.chat.taking_in import card_of
from bot.runs.stalls import Choice


async def press(interaction: Interaction, button: AnyButton) -> None:
    """Check who presses, acknowledge, do it, answer. The command tree's own check does not see buttons."""
    try:
        if not await admit(interaction):
            return
        match button:
            case Button():
                await _acknowledge(interaction, in_place=button.act in _IN_PLACE)
                await answer(interaction, await _act(interaction, button))
            case TrainButton():
                await acknowledge(interaction)
                await answer(interaction, await train_on(interaction, button))
            case DatasetButton():
                await _acknowledge(interaction, in_place=button.act is not DatasetAct.DELETE)
                await answer(interaction, await _act_on_dataset(interaction, button))
            case ColumnButton():
                await interaction.response.defer()
                await _choose_column(interaction, button)
    except Exception as error:
        # A button has no tree that would tell the person.
        await report(interaction, error)


_IN_PLACE = frozenset({Act.REFRESH, Act.STOP_NOW, Act.KEEP})
"""Acts whose answer takes the place of the message with the button."""


async def _acknowledge(interaction: Interaction, *, in_place: bool) -> None:
    if in_place:
        await interaction.response.defer()
    else:
        await interaction.response.defer(ephemeral=True, thinking=True)


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
        case Act.GO_ON:
            found, in_time = await service.go_on(person, run)
            said = steering.resuming(await service.status(person, run)) if in_time else questions.nothing_left(found)
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


async def _act_on_dataset(interaction: Interaction, button: DatasetButton) -> Message:
    catalog, person = interaction.client.catalog, person_of(interaction)
    match button.act:
        case DatasetAct.DELETE:
            card, _ = await catalog.dataset(person, button.dataset)
            return dataset_answers.confirm_delete(card)
        case DatasetAct.DELETE_NOW:
            return dataset_answers.deleted(await catalog.delete_dataset(person, button.dataset))
        case DatasetAct.KEEP:
            return dataset_answers.kept(button.dataset)


async def _choose_column(interaction: Interaction, button: ColumnButton) -> None:
    """The card takes the place of the question, once it is there."""
    client, person = interaction.client, person_of(interaction)

    async def work(told: Told) -> Message:
        added = await client.catalog.choose_column(person, button.pending, button.index, told)
        return await card_of(client.catalog, person, added)

    doing = reading_column(button.column)
    await client.errands.run(QuestionPlace(interaction, doing), doing, work)
