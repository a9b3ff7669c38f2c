from __future__ import annotations

import pytest

from bot.runs.model import IllegalTransitionError, RunState, status_of
from tests.bot.chat.stories import events, run, summary
from trainer_core.events import JobStarted, MetricsProgress


def test_a_state_that_may_not_follow_is_refused() -> None:
    with pytest.raises(IllegalTransitionError, match="succeeded -> running"):
        run(RunState.SUCCEEDED).moved(RunState.RUNNING, 0.0)


def test_times_are_those_of_the_states() -> None:
    queued = run(RunState.QUEUED)
    running = queued.moved(RunState.STARTING, 1.0).moved(RunState.RUNNING, 2.0)
    again = running.moved(RunState.LOST, 3.0).moved(RunState.QUEUED, 4.0).moved(RunState.STARTING, 5.0)
    ended = again.moved(RunState.RUNNING, 6.0).moved(RunState.SUCCEEDED, 7.0, summary=summary())
    assert (ended.started_at, ended.queued_at, ended.ended_at, ended.attempt) == (2.0, 4.0, 7.0, 2)


def test_a_resumed_attempt_takes_back_what_came_after_its_checkpoint() -> None:
    story = [*events(300), JobStarted(pid=2, host="h", device="CPU", resumed_step=120)]
    status = status_of(run(RunState.RUNNING), story)
    assert max(step for step, _ in status.curve.train) == 120
    assert [step for step, _ in status.curve.validation] == [0, 100]
    assert status.last_eval is not None and status.last_eval.step == 100
    assert status.first_eval is not None and status.first_eval.step == 0


def test_a_rollback_takes_back_what_came_after_it() -> None:
    again = next(event for event in events(300) if isinstance(event, MetricsProgress) and event.step > 120)
    status = status_of(run(RunState.RUNNING), [*events(300), again])
    steps = [step for step, _ in status.curve.train]
    assert steps == sorted(set(steps)) and steps[-1] == again.step
    assert [step for step, _ in status.curve.validation] == [0, 100]


def test_a_status_is_what_was_reported_last() -> None:
    status = status_of(run(RunState.RUNNING), events(200), position=3, watchers={7: 5.0})
    assert status.progress is not None and status.progress.step == 200
    assert status.phase == "training" and status.device == "CPU (2 threads)"
    assert status.config is not None and status.sample is not None
    assert (status.position, status.watchers) == (3, {7: 5.0})
