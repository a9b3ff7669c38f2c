"""What can be done to a run, and what is said when somebody does it."""

from dataclasses import replace

import pytest

from bot.chat.render import steering
from bot.chat.render.message import Act, Message
from bot.runs.model import Request, RunState
from tests.bot.chat import stories
from tests.bot.chat.render.budgets import check

RESUME = "`/trainer resume run:brisk-otter-42`"


@pytest.mark.parametrize(
    ("state", "acts"),
    [
        (RunState.QUEUED, (Act.PAUSE, Act.STOP)),
        (RunState.STARTING, (Act.PAUSE, Act.STOP)),
        (RunState.RUNNING, (Act.PAUSE, Act.STOP)),
        (RunState.PAUSING, (Act.STOP,)),
        (RunState.PAUSED, (Act.RESUME, Act.STOP)),
        (RunState.STOPPING, ()),
        (RunState.LOST, (Act.STOP,)),
        (RunState.SUCCEEDED, ()),
        (RunState.FAILED, (Act.RETRY,)),
        (RunState.STOPPED, (Act.RETRY,)),
    ],
)
def test_what_can_be_done_follows_from_the_state(state: RunState, acts: tuple[Act, ...]) -> None:
    assert steering.acts(stories.run(state)) == acts


def test_a_stalled_run_needs_a_decision_unless_it_is_being_ended() -> None:
    assert steering.acts(stories.run(RunState.RUNNING, stall=stories.STALL)) == (Act.WAIT, Act.RESTART, Act.STOP)
    assert steering.acts(stories.run(RunState.STOPPING, stall=stories.STALL)) == ()


@pytest.mark.parametrize("state", RunState)
def test_stopping_is_asked_about_only_where_it_means_something(state: RunState) -> None:
    message = steering.confirm_stop(stories.run(state))
    asks = not state.is_terminal and state is not RunState.STOPPING
    assert stories.offered(message) == ([Act.STOP_NOW, Act.KEEP] if asks else [])
    assert message.content and ("already" in message.content) != asks


@pytest.mark.parametrize(
    ("state", "began", "kept"),
    [
        (RunState.RUNNING, stories.START, "What it has learned so far is kept."),
        (RunState.QUEUED, None, "It has not begun to train."),
        (RunState.QUEUED, stories.START, "Its newest checkpoint is kept, if it has made one."),
        (RunState.PAUSED, stories.START, "Its newest checkpoint is kept, if it has made one."),
        (RunState.PAUSED, None, "It has not begun to train."),
    ],
)
def test_the_question_says_what_is_kept(state: RunState, began: float | None, kept: str) -> None:
    message = steering.confirm_stop(stories.run(state, started_at=began))
    assert message.content == f"Stop **brisk-otter-42**? {kept}"


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (steering.stopping(stories.run(RunState.STOPPING)), "🟠 **{}** saves what it has learned and stops."),
        (
            steering.stopping(stories.run(RunState.STOPPED, started_at=None)),
            "⏹️ **{}** is stopped. It has not begun to train.",
        ),
        (
            steering.stopping(stories.run(RunState.STOPPED)),
            "⏹️ **{}** is stopped. Its newest checkpoint is kept, if it has made one.",
        ),
        (steering.keeping(stories.run(RunState.RUNNING)), "**{}** keeps going."),
        (steering.keeping(stories.run(RunState.PAUSED)), "**{}** stays paused."),
        (steering.keeping(stories.run(RunState.PAUSED, question=stories.QUESTION)), "**{}** stays paused."),
        (steering.keeping(stories.run(RunState.STOPPING)), "**{}** is stopping already."),
        (steering.keeping(stories.run(RunState.SUCCEEDED)), "**{}** has finished already."),
        (
            steering.pausing(stories.run(RunState.PAUSING)),
            "🟠 **{}** saves a checkpoint and pauses. I write when it has.",
        ),
        (
            steering.pausing(stories.run(RunState.PAUSED)),
            f"⏸️ **{{}}** is paused. It holds no slot, and goes on when you press Resume, or type {RESUME}.",
        ),
        (steering.pausing(stories.run(RunState.FAILED)), "**{}** has failed already."),
        (
            steering.resuming(stories.status(RunState.QUEUED, 100, started_at=stories.START)),
            "▶️ **{}** is place 2 in the queue, to go on from its newest checkpoint.",
        ),
        (
            steering.resuming(replace(stories.status(RunState.QUEUED), position=1, fits=False)),
            "▶️ **{}** is first in the queue. No graphics card is here to train on: it starts by itself once there is"
            " one.",
        ),
        (steering.resuming(stories.status(RunState.STARTING)), "▶️ **{}** is starting."),
        (steering.resuming(stories.status(RunState.RUNNING, 10)), "**{}** is not paused: it is training."),
    ],
)
def test_what_is_said(said: Message, words: str) -> None:
    assert said.content == words.format("brisk-otter-42")
    check(said)


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (
            Request("land"),
            "🛬 **{}** lands at its next step: its learning rate goes down to zero, and with that it has",
        ),
        (Request("rate", 2.5e-4), "🎛️ **{}** takes the learning rate 0.00025 at its next step."),
        (Request("checkpoint"), "💾 **{}** saves at its next step, and keeps that checkpoint whatever comes after."),
    ],
)
def test_what_is_asked_of_a_run_is_said_with_when(request_: Request, words: str) -> None:
    message = steering.asked(stories.run(RunState.RUNNING, requests=(request_,)))
    assert message.content and message.content.startswith(words.format("brisk-otter-42"))
    waiting = (Request("rate", 0.01), Request("checkpoint"), request_)
    early = steering.asked(stories.run(RunState.STARTING, requests=waiting))
    assert early.content and "at its first step" in early.content
    assert early.content.endswith("-# First it does what it was asked before: learning rate 0.01, then checkpoint.")
    check(early)


def test_a_paused_run_comes_with_the_way_back() -> None:
    assert stories.offered(steering.pausing(stories.run(RunState.PAUSED))) == [Act.RESUME]
