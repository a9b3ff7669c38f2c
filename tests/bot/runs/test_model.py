from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.runs import lifecycle
from bot.runs.executor import Ending, Exit
from bot.runs.model import NEXT, IllegalTransitionError, RunState, status_of
from tests.bot.chat.stories import events, run, summary
from trainer_core.errors import Code
from trainer_core.events import (
    Event,
    JobCompleted,
    JobFailed,
    JobPaused,
    JobProgress,
    JobStarted,
    JobStopped,
)

REPORTS: list[Event] = [
    JobStarted(pid=1, host="h", device="CPU"),
    JobProgress(phase="tokens"),
    JobCompleted(summary=summary()),
    JobFailed(code=Code.DISK_FULL, message="m", next_step="n"),
    JobStopped(control_seq=1, summary=summary()),
    JobPaused(control_seq=1, step=3),
]
EXITS = [Exit(Ending.EXITED, 0), Exit(Ending.EXITED, 1), Exit(Ending.KILLED, 9), Exit(Ending.LOST)]
facts = st.lists(st.one_of(st.sampled_from(REPORTS), st.sampled_from(EXITS)))


@given(st.sampled_from(list(RunState)), st.integers(1, 4), facts)
def test_whatever_is_reported_a_run_only_moves_as_it_may(
    state: RunState, fruitless: int, facts: list[Event | Exit]
) -> None:
    """No order of reports and exits raises, and a run that has ended stays as it is."""
    now = run(state, attempt=1, summary=None, error=None)
    for at, fact in enumerate(facts):
        before = now
        passed = (
            lifecycle.after_exit(now, fact, at, fruitless)
            if isinstance(fact, Exit)
            else lifecycle.after_event(now, fact, at)
        )
        for after in passed:
            assert after.state in NEXT[now.state]
            now = after
        if before.state.is_terminal:
            assert now is before


@given(st.sampled_from(list(RunState)), st.sampled_from(EXITS))
def test_a_run_without_a_worker_does_not_look_alive(state: RunState, exit_: Exit) -> None:
    states = lifecycle.after_exit(run(state, attempt=1), exit_, 0.0, 1)
    assert not (states[-1] if states else run(state)).state.has_worker


def test_a_worker_that_somebody_else_stopped_has_stopped() -> None:
    passed = lifecycle.after_event(run(RunState.RUNNING), JobStopped(control_seq=1, summary=summary()), 3.0)
    assert [each.state for each in passed] == [RunState.STOPPING, RunState.STOPPED]
    assert passed[-1].summary == summary()


@pytest.mark.parametrize(
    ("exit_", "code"),
    [
        (Exit(Ending.KILLED, 9), Code.WORKER_KILLED),
        (Exit(Ending.EXITED, 1), Code.WORKER_CRASHED),
        (Exit(Ending.LOST), Code.WORKER_LOST),
    ],
)
def test_a_run_whose_worker_dies_again_and_again_fails(exit_: Exit, code: Code) -> None:
    now = run(RunState.QUEUED)
    for attempt in range(1, lifecycle.MAX_FRUITLESS + 1):
        now = now.moved(RunState.STARTING, 0.0)
        assert now.attempt == attempt
        *_, now = lifecycle.after_exit(now, exit_, 0.0, attempt)
    assert now.state is RunState.FAILED
    assert now.error is not None and now.error.code is code and "3 attempts" in now.error.message


def test_a_run_that_cannot_be_started_says_why() -> None:
    *_, failed = lifecycle.after_refusal(run(RunState.STARTING), "no worker got ready", 5.0, 3)
    assert failed.error is not None and "no worker got ready" in failed.error.message
    *_, stopped = lifecycle.after_refusal(run(RunState.STOPPING), "no worker got ready", 5.0, 1)
    assert stopped.state is RunState.STOPPED


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


def test_a_status_is_what_was_reported_last() -> None:
    status = status_of(run(RunState.RUNNING), events(200), position=3, watchers={7: 5.0})
    assert status.progress is not None and status.progress.step == 200
    assert status.phase == "training" and status.device == "CPU (2 threads)"
    assert status.config is not None and status.sample is not None
    assert (status.position, status.watchers) == (3, {7: 5.0})
