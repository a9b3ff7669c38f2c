"""The question about a run that does not advance, and what is left of it when it is answered."""

from dataclasses import replace

import pytest

from bot.chat.notify.kinds import Kind
from bot.chat.render import stalls
from bot.chat.render.message import Act
from bot.chat.render.reports import passed, render
from bot.runs.model import RunState, RunStatus
from bot.runs.stalls import Choice
from tests.bot.chat import stories
from tests.bot.chat.render.budgets import check

NOW = stories.STALL.noticed_at
STALLED = stories.status(RunState.RUNNING, 430, stall=stories.STALL)


def test_the_question_says_what_happened_what_happens_by_itself_and_when() -> None:
    message, at = render(Kind.STALLED, STALLED, NOW), int(stories.STALL.restarts_at)
    assert message.content and message.content.splitlines()[:2] == [
        "🆘 **brisk-otter-42** needs a decision.",
        f"⚠️ No step for about 6 min, at step 430. If you do nothing it is killed <t:{at}:R>, and goes on from its"
        " newest checkpoint.",
    ]
    assert stories.offered(message) == [Act.WAIT, Act.RESTART, Act.STOP]
    assert not message.silent
    check(message)


def test_before_the_first_step_there_is_no_number_to_tell() -> None:
    status = stories.status(RunState.STARTING, stall=replace(stories.STALL, step=0))
    message = render(Kind.STALLED, status, NOW)
    assert message.content and "No step for about 6 min, before its first step." in message.content


def test_once_it_is_to_be_killed_there_is_nothing_to_choose_but_stopping() -> None:
    message = render(Kind.STALLED, STALLED, stories.STALL.restarts_at)
    assert message.content and "It is being killed, and goes on from its newest checkpoint." in message.content
    assert stories.offered(message) == [Act.STOP]


def test_the_card_shows_the_stall_and_its_choices() -> None:
    card = render(Kind.LIVE, STALLED, NOW)
    assert card.embed and card.embed.title == "🟠 brisk-otter-42 · stalled"
    *_, last = (card.embed.description or "").splitlines()
    assert last.startswith("⚠️ No step for about 6 min, at step 430.")
    assert " left" not in (card.embed.description or "")
    assert stories.offered(card) == [Act.WAIT, Act.RESTART, Act.STOP, Act.UNWATCH]
    assert card.silent


def advancing(seconds: float) -> RunStatus:
    """The run told of a step so long after it was asked about."""
    status = stories.status(RunState.RUNNING, 440)
    assert status.progress
    return replace(status, progress=status.progress.model_copy(update={"time": NOW + seconds}))


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (advancing(5.0), "✅ **{}** had stalled. It advances again, at step 440 of 1,000."),
        (advancing(-500.0), "⏳ **{}** is given more time. I write again if it does not advance."),
        (stories.status(RunState.RUNNING), "⏳ **{}** is given more time. I write again if it does not advance."),
        (
            stories.status(RunState.QUEUED, 430, attempt=1),
            "🔁 **{}** had stalled. It goes on from its newest checkpoint.",
        ),
        (stories.status(RunState.STOPPING, 430), "**{}** had stalled. It is stopping now."),
        (stories.status(RunState.PAUSED, 430), "**{}** had stalled. It is paused now."),
        (stories.status(RunState.SUCCEEDED, 1000), "**{}** had stalled. It has finished since."),
    ],
)
def test_what_is_left_of_the_question_tells_what_became_of_the_run(status: RunStatus, words: str) -> None:
    message = passed(Kind.STALLED, status, NOW)
    assert message.content == words.format("brisk-otter-42")
    assert message.buttons == ()
    check(message)


@pytest.mark.parametrize(
    ("choice", "state", "in_time", "words"),
    [
        (Choice.WAIT, RunState.RUNNING, True, "⏳ I leave **{}** alone for now, and ask again if it does not advance."),
        (Choice.RESTART, RunState.RUNNING, True, "🔁 **{}** is being killed, and goes on from its newest checkpoint."),
        (Choice.WAIT, RunState.RUNNING, False, "There is nothing to decide any more: **{}** is training."),
        (Choice.RESTART, RunState.STOPPED, False, "There is nothing to decide any more: **{}** has stopped."),
    ],
)
def test_a_choice_is_confirmed_or_kindly_said_to_be_late(
    choice: Choice, state: RunState, in_time: bool, words: str
) -> None:
    assert stalls.decided(choice, stories.run(state), in_time).content == words.format("brisk-otter-42")
