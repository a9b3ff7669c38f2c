"""`/trainer stop`, `pause`, `resume`, `retry`, `land`, `rate` and `checkpoint`."""

from __future__ import annotations

import asyncio

import pytest

from bot.chat.client import SpotterClient
from bot.runs.model import RunState
from tests.bot.chat import stories
from tests.bot.chat.conftest import Chat
from trainer_core.events import JobCompleted, JobProgress


@pytest.fixture(autouse=True)
async def _waiting(chat: Chat, spotter: SpotterClient) -> None:
    """Every test here has a run that waits."""
    await chat.owner.slash("trainer train", data="python-docs", name="swans")


async def state(chat: Chat) -> RunState:
    [run] = await chat.runs()
    return run.state


async def said(chat: Chat, verb: str) -> str:
    return (await chat.owner.slash(f"trainer {verb}", run="swans")).text


async def test_stopping_a_queued_run_takes_it_out_of_the_queue(chat: Chat) -> None:
    assert await said(chat, "stop") == "⏹️ **swans** is stopped. It has not begun to train."
    assert await state(chat) is RunState.STOPPED
    assert (await said(chat, "stop")).startswith("⚠️ **run**: `swans` has stopped already.")


async def test_stopping_a_running_run_tells_its_worker(chat: Chat) -> None:
    await chat.reported("swans", stories.events(10))
    assert await said(chat, "stop") == "🟠 **swans** saves what it has learned and stops."
    assert chat.dispatch.stopped == ["swans"]


async def test_a_queued_run_is_paused_at_once_and_can_be_resumed(chat: Chat) -> None:
    paused = await chat.owner.slash("trainer pause", run="swans")
    assert paused.text.startswith("⏸️ **swans** is paused. It holds no slot")
    assert await state(chat) is RunState.PAUSED
    resumed = await chat.owner.click(paused, "Resume")
    assert resumed.text == "▶️ **swans** is first in the queue, starts now."
    assert await state(chat) is RunState.QUEUED
    assert chat.dispatch.paused == []


async def test_a_running_run_saves_before_it_pauses(chat: Chat) -> None:
    await chat.reported("swans", stories.events(10))
    assert await said(chat, "pause") == "🟠 **swans** saves a checkpoint and pauses. I write when it has."
    assert await state(chat) is RunState.PAUSING
    assert (await said(chat, "resume")).startswith("⚠️ **run**: `swans` is still pausing; try again in a moment.")
    assert chat.dispatch.paused == ["swans"]


async def test_a_run_that_is_not_paused_is_said_to_be_what_it_is(chat: Chat) -> None:
    await chat.reported("swans", stories.events(10))
    assert await said(chat, "resume") == "**swans** is not paused: it is training."


@pytest.mark.parametrize("verb", ["pause", "resume"])
async def test_a_run_that_has_ended_or_is_being_ended_stays_so(chat: Chat, verb: str) -> None:
    await chat.reported("swans", stories.events(10))
    await said(chat, "stop")
    assert (await said(chat, verb)).startswith("⚠️ **run**: `swans` is ")
    assert await state(chat) is RunState.STOPPING


async def test_two_who_pause_or_resume_at_once_do_it_once(chat: Chat) -> None:
    first, second = await asyncio.gather(said(chat, "pause"), said(chat, "pause"))
    assert first == second
    first, second = await asyncio.gather(said(chat, "resume"), said(chat, "resume"))
    assert first == second == "▶️ **swans** is first in the queue, starts now."
    async with chat.database.snapshot() as tx:
        moves = await tx.all("SELECT from_state, to_state FROM transitions ORDER BY id")
    assert [tuple(move) for move in moves] == [("queued", "paused"), ("paused", "queued")]


async def test_what_was_stopped_is_tried_again_as_another_run(chat: Chat) -> None:
    assert await chat.owner.autocomplete("trainer retry", "run", "") == []
    await said(chat, "stop")
    assert [choice.value for choice in await chat.owner.autocomplete("trainer retry", "run", "")] == ["swans"]
    assert (await chat.owner.slash("trainer retry", run=" Swans ")).text == (
        "🔁 **swans-2** is first in the queue, starts now. It does what **swans** was to do, and starts from the"
        " beginning, as no checkpoint is there.\n-# I write to you here as it goes, and when it is done."
    )
    assert {run.name: run.state for run in await chat.runs()} == {
        "swans": RunState.STOPPED,
        "swans-2": RunState.QUEUED,
    }


async def test_what_still_waits_is_not_tried_again(chat: Chat) -> None:
    assert (await said(chat, "retry")).startswith("⚠️ **run**: `swans` is still queued.")


async def test_a_run_that_trains_is_asked_for_another_course(chat: Chat) -> None:
    assert (await said(chat, "land")).startswith("⚠️ **run**: `swans` is queued; only a run that trains")
    assert await chat.owner.autocomplete("trainer land", "run", "") == []
    await chat.reported("swans", stories.events(10))
    for verb in ("land", "rate", "checkpoint"):
        assert [choice.value for choice in await chat.owner.autocomplete(f"trainer {verb}", "run", "")] == ["swans"]
    assert (await said(chat, "checkpoint")).startswith("💾 **swans** saves at its next step")
    rated = await chat.owner.slash("trainer rate", run=" Swans", learning_rate=0.0003)
    assert rated.text.startswith("🎛️ **swans** takes the learning rate 0.0003 at its next step.")
    assert rated.text.endswith("-# First it does what it was asked before: checkpoint.")
    card = await chat.owner.slash("trainer status", run="swans")
    assert "Asked for: checkpoint, then learning rate 0.0003" in card.embeds[0]["description"]
    assert (await said(chat, "land")).startswith("🛬 **swans** lands at its next step")
    assert chat.dispatch.steered == ["swans"], "the others wait for their turn"


async def test_a_run_that_saves_its_model_is_promised_no_next_step(chat: Chat) -> None:
    await chat.reported("swans", stories.events(100))
    assert (await said(chat, "land")).startswith("🛬 **swans** lands at its next step")
    await chat.reported_on("swans", JobProgress(phase="saving", message="writing the model"))
    for verb in ("land", "checkpoint"):
        assert (await said(chat, verb)).startswith("⚠️ **run**: `swans` has taken its last step, and saves its model")
    await chat.reported_on("swans", JobCompleted(summary=stories.summary()))
    card = await chat.owner.slash("trainer status", run="swans")
    assert "It ended before it could do what it was asked: landing." in card.embeds[0]["description"]


async def test_a_learning_rate_that_is_none_is_refused(chat: Chat) -> None:
    await chat.reported("swans", stories.events(10))
    for rate in (0.0, -0.1, 2.0):
        reply = await chat.owner.slash("trainer rate", run="swans", learning_rate=rate)
        assert reply.text.startswith("⚠️ **learning\\_rate**: must be more than 0")
    assert chat.dispatch.steered == []
