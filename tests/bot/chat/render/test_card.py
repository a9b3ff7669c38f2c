"""What the card tells of a run's course and of the machine, as far as that is known."""

from dataclasses import replace

import discord
import pytest

from bot.chat.render.card import card
from bot.runs.model import Request, RunState, RunStatus, status_of
from tests.bot.chat import stories
from trainer_core.events import Event, MetricsCheckpoint, MetricsGuard

NOW = stories.START + 60


def shown(embed: discord.Embed) -> dict[str, str]:
    return {str(field.name): str(field.value) for field in embed.fields}


def measured(**changes: object) -> RunStatus:
    """A run whose newest step told that of the machine."""
    status = stories.status(RunState.RUNNING, 100)
    assert status.progress
    return replace(status, progress=status.progress.model_copy(update=changes))


def test_what_is_measured_is_told_and_what_is_not_takes_no_room() -> None:
    assert "Machine" not in shown(card(measured(), NOW)) and shown(card(measured(), NOW))["Speed"] == "16.4k tokens/s"
    told = shown(card(measured(peak_share=0.31, data_wait=0.12, memory=3 << 29, busy=0.97, joules=11_160.0), NOW))
    assert told["Speed"] == "16.4k tokens/s\n31 % of peak\n12 % waiting for data"
    assert told["Machine"] == "97 % busy · 1.5 GB · about 3.1 Wh, an estimate"
    assert shown(card(measured(data_wait=0.01), NOW))["Speed"] == "16.4k tokens/s"


def test_what_the_guard_did_and_what_a_person_changed_stand_beside_each_other() -> None:
    status = replace(
        stories.status(RunState.RUNNING, 100),
        guard=MetricsGuard(step=40, action="skip", reason="the loss was not a number"),
        steer=MetricsGuard(step=90, action="steer", control_seq=1, reason="the learning rate peaks at 0.0003 now"),
    )
    told = shown(card(status, NOW))
    assert told["⚠️ At step 40"] == "The loss was not a number."
    assert told["🎛️ At step 90"] == "The learning rate peaks at 0.0003 now."


def test_what_became_of_a_checkpoint_that_was_asked_for_is_shown() -> None:
    story = stories.events(100)
    saved = MetricsCheckpoint(step=60, path="p", bytes=1, seconds=1, pinned=True, control_seq=7)
    full = MetricsGuard(step=90, action="disk", control_seq=8, reason="the disk is full: the checkpoint was not saved")
    skipped = MetricsGuard(step=95, action="skip", reason="the loss was not a number")

    def told(*events: Event) -> dict[str, str]:
        return shown(card(status_of(stories.run(RunState.RUNNING), [*story, *events]), NOW))

    ordinary = MetricsCheckpoint(step=80, path="p", bytes=1, seconds=1)
    assert told(saved, ordinary)["💾 At step 60"].startswith("The checkpoint that was asked for is saved, and stays")
    given_up = told(saved, full, skipped)
    assert given_up["💾 At step 90"].startswith("The checkpoint that was asked for could not be saved")
    assert "💾 At step 60" not in given_up and "⚠️ At step 95" in given_up
    assert not any(name.startswith("💾") for name in told(ordinary, skipped))


@pytest.mark.parametrize("state", [RunState.SUCCEEDED, RunState.FAILED, RunState.STOPPED])
def test_the_card_of_a_run_that_has_ended_says_what_was_left_undone(state: RunState) -> None:
    undone = "It ended before it could do what it was asked: landing, then checkpoint."
    requests = (Request("land", seq=1), Request("checkpoint", seq=2))
    ended = card(stories.status(state, 100, requests=requests), NOW).description or ""
    assert ended.endswith(undone)
    assert "ended before" not in (card(stories.status(state, 100), NOW).description or "")


@pytest.mark.parametrize(
    ("request_", "says"),
    [
        (Request("rate", 3e-4), "⏳ Asked for: learning rate 0.0003, at its next step."),
        (Request("land"), "⏳ Asked for: landing, at its next step."),
        (Request("checkpoint"), "⏳ Asked for: checkpoint, at its next step."),
    ],
)
def test_what_was_asked_for_is_shown_until_it_is_answered(request_: Request, says: str) -> None:
    assert (card(stories.status(RunState.RUNNING, 100, requests=(request_,)), NOW).description or "").endswith(says)


def test_pictures_are_called_so() -> None:
    status = measured()
    assert status.config
    told = shown(card(replace(status, config=status.config.model_copy(update={"unit": "pictures"})), NOW))
    assert told["Speed"] == "16.4k pictures/s" and "Pictures" in told and "Tokens" not in told
