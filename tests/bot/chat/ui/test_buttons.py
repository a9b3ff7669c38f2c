"""A run's buttons: on any message of ours, after a restart, twice, and for nobody who is not served."""

from __future__ import annotations

import asyncio

import discord
import pytest

from bot.chat.client import SpotterClient
from bot.chat.outgoing import Outgoing
from bot.chat.render.message import Act, Button
from bot.chat.render.message import Message as Said
from bot.chat.ui.buttons import RunButton
from bot.runs.model import RunState
from playground.messages import Message
from tests.bot.chat import stories
from tests.bot.chat.conftest import Chat, Running
from trainer_core.errors import Code
from trainer_core.events import JobCompleted, JobFailed, JobPaused

ACTS = tuple(Act)


def test_what_a_button_in_an_old_message_means_never_changes() -> None:
    """Each value is written into messages that people still have."""
    assert {RunButton(Button("swans", act)).custom_id for act in Act} == {
        f"run:swans:{word}"
        for word in (
            *("stop", "stop_now", "keep", "status", "watch", "unwatch"),
            *("pause", "resume", "wait", "restart", "retry", "go_on"),
        )
    }


async def trained(chat: Chat) -> Message:
    """The answer to a `/trainer train` whose run is running by now."""
    reply = await chat.owner.slash("trainer train", data="python-docs", name="swans")
    await chat.reported("swans", stories.events(100))
    assert reply.message
    return reply.message


async def posted(chat: Chat, client: SpotterClient, *acts: Act, to: int | None = None) -> Message:
    """A message of the bot's own with these buttons."""
    channel = await client.create_dm(discord.Object(to or chat.owner.id))
    outgoing = Outgoing(Said(content="old message", buttons=tuple(Button("swans", act) for act in acts)))
    sent = await channel.send(**outgoing.for_send())
    return next(message for message in chat.playground.world.messages(channel.id) if message.id == sent.id)


async def state(chat: Chat) -> RunState:
    [run] = await chat.runs()
    return run.state


async def test_stop_asks_first_and_stops_on_yes(chat: Chat, spotter: SpotterClient) -> None:
    question = await chat.owner.click(await trained(chat), "Stop")
    assert question.text == "Stop **swans**? What it has learned so far is kept."
    assert question.ephemeral
    assert await state(chat) is RunState.RUNNING
    await chat.owner.click(question, "Stop it")
    assert question.text == "🟠 **swans** saves what it has learned and stops."
    assert question.message and not question.message.components
    assert chat.dispatch.stopped == ["swans"]


async def test_keep_going_keeps_going(chat: Chat, spotter: SpotterClient) -> None:
    question = await chat.owner.click(await trained(chat), "Stop")
    await chat.owner.click(question, "Keep going")
    assert question.text == "**swans** keeps going."
    assert await state(chat) is RunState.RUNNING


async def test_keep_going_does_not_promise_what_is_over(chat: Chat, spotter: SpotterClient) -> None:
    question = await chat.owner.click(await trained(chat), "Stop")
    await chat.owner.slash("trainer stop", run="swans")
    await chat.owner.click(question, "Keep going")
    assert question.text == "**swans** is stopping already."


async def test_a_double_click_stops_once(chat: Chat, spotter: SpotterClient) -> None:
    message = await trained(chat)
    questions = await asyncio.gather(chat.owner.click(message, "Stop"), chat.owner.click(message, "Stop"))
    await asyncio.gather(*(chat.owner.click(question, "Stop it") for question in questions))
    assert await state(chat) is RunState.STOPPING
    assert chat.dispatch.stopped == ["swans"]
    late = await chat.owner.click(message, "Stop")
    assert late.text == "**swans** is stopping already."


async def test_refresh_shows_the_card_anew_in_its_place(chat: Chat, spotter: SpotterClient) -> None:
    await trained(chat)
    reply = await chat.owner.slash("trainer status")
    await chat.owner.slash("trainer stop", run="swans")
    await chat.owner.click(reply, "Refresh")
    assert reply.embeds[0]["title"] == "🟠 swans · stopping"
    assert "image" in reply.embeds[0]


async def test_what_the_guard_asks_is_answered_from_an_old_message(chat: Chat, spotter: SpotterClient) -> None:
    await trained(chat)
    await chat.reported_on("swans", JobPaused(control_seq=0, step=100, reason="the loss ran away"))
    assert await state(chat) is RunState.PAUSED
    question = await posted(chat, spotter, Act.GO_ON, Act.STOP)
    pressed = await chat.owner.click(question, "Go on")
    assert pressed.text == "▶️ **swans** is first in the queue, starts now, to go on from its newest checkpoint."
    late = await chat.owner.click(question, "Go on")
    assert late.text == "There is nothing to decide any more: **swans** is queued."
    assert await state(chat) is RunState.QUEUED


async def test_an_old_question_does_not_resume_what_somebody_paused_since(chat: Chat, spotter: SpotterClient) -> None:
    await trained(chat)
    await chat.reported_on("swans", JobPaused(control_seq=1, step=100))
    question = await posted(chat, spotter, Act.GO_ON, Act.STOP)
    late = await chat.owner.click(question, "Go on")
    assert late.text == "There is nothing to decide any more: **swans** is paused."
    assert await state(chat) is RunState.PAUSED
    await chat.owner.slash("trainer resume", run="swans")
    assert await state(chat) is RunState.QUEUED


async def test_a_run_is_paused_and_resumed_from_its_card(chat: Chat, spotter: SpotterClient) -> None:
    await trained(chat)
    card = await chat.owner.slash("trainer status")
    pressed = await chat.owner.click(card, "Pause")
    assert pressed.text == "🟠 **swans** saves a checkpoint and pauses. I write when it has."
    assert pressed.ephemeral
    await chat.reported_on("swans", JobPaused(control_seq=1, step=100))
    await chat.owner.click(card, "Refresh")
    resumed = await chat.owner.click(card, "Resume")
    assert resumed.text == "▶️ **swans** is first in the queue, starts now, to go on from its newest checkpoint."
    assert await state(chat) is RunState.QUEUED


async def test_a_double_click_pauses_once(chat: Chat, spotter: SpotterClient) -> None:
    await trained(chat)
    message = await posted(chat, spotter, Act.PAUSE)
    first, second = await asyncio.gather(chat.owner.click(message, "Pause"), chat.owner.click(message, "Pause"))
    assert first.text == second.text
    assert chat.dispatch.paused == ["swans"]


@pytest.mark.parametrize(
    ("label", "said"),
    [
        ("Wait", "⏳ I leave **swans** alone for now, and ask again if it does not advance."),
        ("Kill & resume", "🔁 **swans** is being killed, and goes on from its newest checkpoint."),
    ],
)
async def test_a_stalled_run_is_dealt_with_as_chosen(chat: Chat, spotter: SpotterClient, label: str, said: str) -> None:
    await trained(chat)
    await chat.stall("swans", stories.STALL)
    message = await posted(chat, spotter, Act.WAIT, Act.RESTART)
    pressed = await chat.owner.click(message, label)
    assert pressed.text == said and pressed.ephemeral
    done = {"Wait": chat.dispatch.waited, "Kill & resume": chat.dispatch.restarted}
    assert done.pop(label) == ["swans"] and not any(done.values())


async def test_a_double_click_on_wait_waits_once_and_the_second_is_told_kindly(
    chat: Chat, spotter: SpotterClient
) -> None:
    await trained(chat)
    await chat.stall("swans", stories.STALL)
    message = await posted(chat, spotter, Act.WAIT)
    replies = await asyncio.gather(chat.owner.click(message, "Wait"), chat.owner.click(message, "Wait"))
    assert sorted(reply.text for reply in replies) == [
        "There is nothing to decide any more: **swans** is training.",
        "⏳ I leave **swans** alone for now, and ask again if it does not advance.",
    ]
    assert chat.dispatch.waited == ["swans"]


async def test_a_choice_after_the_run_has_ended_is_told_kindly(chat: Chat, spotter: SpotterClient) -> None:
    await trained(chat)
    message = await posted(chat, spotter, Act.RESTART)
    await chat.reported_on("swans", JobCompleted(summary=stories.summary()))
    pressed = await chat.owner.click(message, "Kill & resume")
    assert pressed.text == "There is nothing to decide any more: **swans** has finished."
    assert chat.dispatch.restarted == []


async def test_a_run_that_finishes_while_it_is_being_stopped_has_one_ending(chat: Chat, spotter: SpotterClient) -> None:
    question = await chat.owner.click(await trained(chat), "Stop")
    await asyncio.gather(
        chat.owner.click(question, "Stop it"), chat.reported_on("swans", JobCompleted(summary=stories.summary()))
    )
    assert await state(chat) is RunState.SUCCEEDED
    late = await chat.owner.slash("trainer stop", run="swans")
    assert late.text.startswith("⚠️ **run**: `swans` has succeeded already.")


async def test_a_double_click_tries_a_failed_run_again_once(chat: Chat, spotter: SpotterClient) -> None:
    await trained(chat)
    await chat.reported_on("swans", JobFailed(code=Code.TRAINING_OOM, message="It ran out.", next_step="Free some."))
    card = await chat.owner.slash("trainer status")
    replies = await asyncio.gather(chat.owner.click(card, "Try again"), chat.owner.click(card, "Try again"))
    assert sorted(reply.text.splitlines()[-1] for reply in replies) == [
        "-# I write to you here as it goes, and when it is done.",
        "-# You asked for this twice: it is one run.",
    ]
    assert all(reply.ephemeral and reply.text.startswith("🔁 **swans-2** is first") for reply in replies)
    assert {run.name: run.state for run in await chat.runs()} == {
        "swans": RunState.FAILED,
        "swans-2": RunState.QUEUED,
    }


async def test_watching_is_switched_off_and_on(chat: Chat, spotter: SpotterClient) -> None:
    await trained(chat)
    message = await posted(chat, spotter, Act.WATCH, Act.UNWATCH)
    off = await chat.owner.click(message, "Stop watching")
    assert off.ephemeral and off.text.startswith("You no longer watch **swans**")
    on = await chat.owner.click(message, "Watch")
    assert on.ephemeral and on.text.startswith("👀 You watch **swans**")


async def test_buttons_work_after_a_restart(chat: Chat) -> None:
    async with Running(chat.client(), chat.playground.token):
        message = await trained(chat)
    async with Running(chat.client(), chat.playground.token):
        question = await chat.owner.click(message, "Stop")
        await chat.owner.click(question, "Stop it")
    assert chat.dispatch.stopped == ["swans"]


async def test_a_stranger_is_refused_at_every_button(chat: Chat, spotter: SpotterClient) -> None:
    await trained(chat)
    message = await posted(chat, spotter, *ACTS, to=chat.stranger.id)
    for act in ACTS:
        reply = await chat.stranger.click(message, f"run:swans:{act}")
        assert reply.text.startswith("🔒 This bot trains for its owner only."), act
        assert reply.ephemeral
    assert await state(chat) is RunState.RUNNING
    assert chat.dispatch.stopped == []


async def test_a_button_on_somebody_elses_run_tells_nothing(chat: Chat, spotter: SpotterClient) -> None:
    await trained(chat)
    message = await posted(chat, spotter, *ACTS, to=chat.friend.id)
    for act in ACTS:
        reply = await chat.friend.click(message, f"run:swans:{act}")
        assert reply.text == "⚠️ **run**: you have no run called `swans`.\n➡️ `/trainer runs` lists your runs.", act
        assert reply.ephemeral
    unchanged = next(known for known in chat.friend.inbox() if known.id == message.id)
    assert unchanged.content == "old message"
