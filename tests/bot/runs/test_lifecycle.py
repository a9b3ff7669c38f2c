"""What reports and endings make of a run, whatever their order."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.runs import lifecycle
from bot.runs.executor import Ending, ExecutorError, Exit
from bot.runs.lifecycle import PAUSES, POISON, History, Tried
from bot.runs.model import NEXT, Question, Request, Run, RunState, Stall
from tests.bot.chat.stories import run, summary
from trainer_core.errors import Code
from trainer_core.events import (
    Event,
    JobCompleted,
    JobFailed,
    JobPaused,
    JobProgress,
    JobStarted,
    JobStopped,
    MetricsCheckpoint,
    MetricsGuard,
)

REPORTS: list[Event] = [
    JobStarted(pid=1, host="h", device="CPU"),
    JobProgress(phase="tokens"),
    JobCompleted(summary=summary()),
    JobFailed(code=Code.DISK_FULL, message="m", next_step="n"),
    JobFailed(code=Code.CORPUS_EMPTY, message="m", next_step="n"),
    JobStopped(control_seq=1, summary=summary()),
    JobPaused(control_seq=1, step=3),
    JobPaused(control_seq=0, step=3, reason="the loss ran away"),
]
EXITS = [
    Exit(Ending.EXITED, 0),
    Exit(Ending.EXITED, 1),
    Exit(Ending.KILLED, 9),
    Exit(Ending.OUT_OF_MEMORY, 9),
    Exit(Ending.LOST),
]
BEGAN, NEVER, PAUSED = Tried(telling=True), Tried(telling=False), Tried(telling=True, paused=True)


def saved(step: int) -> Tried:
    return Tried(telling=True, saved=step)


def crashed(step: int, code: Code = Code.WORKER_CRASHED, reached: int | None = None) -> Tried:
    failure = JobFailed(code=code, message="It broke.", next_step="Look.", step=step, traceback="loop.py:1 in train")
    return Tried(telling=True, saved=reached, failure=failure)


tries = st.one_of(
    st.sampled_from([BEGAN, NEVER, PAUSED]),
    st.builds(saved, st.integers(0, 50)),
    st.builds(crashed, st.integers(0, 3), st.sampled_from([Code.WORKER_CRASHED, Code.DISK_FULL])),
)
histories = st.builds(History, st.lists(tries, min_size=1, max_size=8))
facts = st.lists(st.one_of(st.sampled_from(REPORTS), st.sampled_from(EXITS)))


@given(
    st.sampled_from(list(RunState)), histories, st.lists(st.one_of(st.sampled_from(REPORTS), st.sampled_from(EXITS)))
)
def test_whatever_is_reported_a_run_only_moves_as_it_may(
    state: RunState, history: History, facts: list[Event | Exit]
) -> None:
    """No order of reports and exits raises, and a run that has ended stays as it is."""
    now = run(state, attempt=1, summary=None, error=None)
    for at, fact in enumerate(facts):
        before = now
        passed = (
            lifecycle.after_exit(now, fact, at, history)
            if isinstance(fact, Exit)
            else lifecycle.after_event(now, fact, at)
        )
        for after in passed:
            assert after.state in NEXT[now.state]
            now = after
        if before.state.is_terminal:
            assert now is before


@given(st.sampled_from(list(RunState)), st.sampled_from(EXITS), histories)
def test_a_run_without_a_worker_does_not_look_alive(state: RunState, exit_: Exit, history: History) -> None:
    states = lifecycle.after_exit(run(state, attempt=1), exit_, 0.0, history)
    assert not (states[-1] if states else run(state)).state.has_worker


@given(histories)
def test_only_what_got_further_is_tried_without_end(history: History) -> None:
    *_, last = lifecycle.after_exit(run(RunState.RUNNING), Exit(Ending.KILLED, 9), 0.0, history)
    given_up = history.fruitless > len(PAUSES) or history.crashes >= POISON
    assert last.state is (RunState.FAILED if given_up else RunState.QUEUED)
    assert (last.error is not None) and (lifecycle.pause_before(history) in PAUSES)


@pytest.mark.parametrize(
    ("attempts", "fruitless"),
    [
        ([BEGAN], 1),
        ([BEGAN, BEGAN], 2),
        ([saved(5), BEGAN], 1),
        ([BEGAN, saved(5)], 0),
        ([saved(5), saved(5), saved(4)], 2),
        ([saved(5), BEGAN, saved(6)], 0),
        ([NEVER, NEVER, NEVER], 0),
        ([BEGAN, NEVER, BEGAN], 2),
        ([BEGAN, saved(5), BEGAN, BEGAN], 2),
        ([PAUSED, PAUSED, PAUSED, PAUSED, BEGAN], 1),
        ([saved(5), Tried(telling=True, saved=7, paused=True), saved(6)], 1),
    ],
)
def test_attempts_that_got_no_further_are_counted(attempts: list[Tried], fruitless: int) -> None:
    assert History(attempts).fruitless == fruitless


@pytest.mark.parametrize(
    ("attempts", "crashes"),
    [
        ([crashed(7)], 1),
        ([crashed(7), crashed(7), crashed(7)], 3),
        ([crashed(7), NEVER, crashed(7)], 2),
        ([crashed(7), crashed(8), crashed(7)], 1),
        ([crashed(7), BEGAN, crashed(7)], 1),
        ([crashed(7), crashed(7, Code.DISK_FULL)], 0),
        ([crashed(7), BEGAN], 0),
    ],
)
def test_crashes_at_the_same_step_are_counted(attempts: list[Tried], crashes: int) -> None:
    assert History(attempts).crashes == crashes


def test_pauses_grow_and_what_got_further_starts_at_once() -> None:
    assert [lifecycle.pause_before(History([BEGAN] * number)) for number in (1, 2, 3, 4)] == [0.0, 10.0, 60.0, 60.0]
    assert lifecycle.pause_before(History([BEGAN, BEGAN, saved(5)])) == 0.0


def test_a_worker_that_somebody_else_stopped_has_stopped() -> None:
    passed = lifecycle.after_event(run(RunState.RUNNING), JobStopped(control_seq=1, summary=summary()), 3.0)
    assert [each.state for each in passed] == [RunState.STOPPING, RunState.STOPPED]
    assert passed[-1].summary == summary()


def tried_until_given_up(exit_: Exit) -> Run:
    now = run(RunState.QUEUED)
    for attempt in range(1, len(PAUSES) + 2):
        now = now.moved(RunState.STARTING, 0.0)
        assert now.attempt == attempt
        *_, now = lifecycle.after_exit(now, exit_, 0.0, History([BEGAN] * attempt))
    return now


@pytest.mark.parametrize(
    ("exit_", "code"),
    [
        (Exit(Ending.KILLED, 9), Code.WORKER_KILLED),
        (Exit(Ending.EXITED, 1), Code.WORKER_CRASHED),
        (Exit(Ending.LOST), Code.WORKER_LOST),
    ],
)
def test_a_run_whose_worker_dies_again_and_again_fails(exit_: Exit, code: Code) -> None:
    failed = tried_until_given_up(exit_)
    assert failed.state is RunState.FAILED
    assert failed.error is not None and failed.error.code is code and "tried 4 times" in failed.error.message


def test_what_a_worker_said_last_tells_why_it_ended() -> None:
    full = crashed(3, Code.DISK_FULL)
    assert full.failure is not None
    assert lifecycle.after_event(run(RunState.RUNNING), full.failure, 1.0) == ()
    *_, again = lifecycle.after_exit(run(RunState.RUNNING), Exit(Ending.EXITED, 1), 2.0, History([full]))
    assert again.state is RunState.QUEUED and again.error is not None and again.error.code is Code.DISK_FULL


def test_poison_shows_where_it_crashed() -> None:
    history = History([crashed(7, reached=step) for step in (1, 2, 3)])
    *_, failed = lifecycle.after_exit(run(RunState.RUNNING), Exit(Ending.EXITED, 1), 0.0, history)
    assert failed.state is RunState.FAILED and failed.error is not None
    assert failed.error.message == "It broke, 3 times in a row at step 7."
    assert failed.error.traceback == "loop.py:1 in train"


def test_a_stalled_worker_that_was_killed_is_told_of_as_such() -> None:
    stalled = replace(run(RunState.RUNNING), stall=Stall(1.0, 2.0, 1_234, 4.0))
    *_, again = lifecycle.after_exit(stalled, Exit(Ending.KILLED, 9), 5.0, History([BEGAN]))
    assert again.state is RunState.QUEUED and again.stall is None
    assert again.error is not None and again.error.code is Code.TRAINING_STALLED and "1,234" in again.error.message


def test_a_stalled_worker_is_not_out_of_memory_because_somebody_else_was() -> None:
    stalled = replace(run(RunState.RUNNING), stall=Stall(1.0, 2.0, 3, 4.0))
    *_, again = lifecycle.after_exit(stalled, Exit(Ending.OUT_OF_MEMORY, 9), 5.0, History([BEGAN]))
    assert again.state is RunState.QUEUED


def test_out_of_memory_is_final_and_says_what_would_fit() -> None:
    (failed,) = lifecycle.after_exit(
        run(RunState.PAUSING), Exit(Ending.OUT_OF_MEMORY, 9, peak_memory=2**31), 0.0, History([BEGAN])
    )
    assert failed.state is RunState.FAILED and failed.error is not None
    assert failed.error.code is Code.TRAINING_OOM and "2.0 GiB" in failed.error.message
    assert failed.error.next_step.startswith("Free some memory"), "tiny is the smallest there is"


def test_who_pauses_or_stops_has_what_they_asked_for_when_the_worker_dies() -> None:
    for state, becomes in ((RunState.PAUSING, RunState.PAUSED), (RunState.STOPPING, RunState.STOPPED)):
        (after,) = lifecycle.after_exit(run(state), Exit(Ending.KILLED, 9), 0.0, History([BEGAN]))
        assert after.state is becomes


def test_a_run_that_cannot_be_started_says_why() -> None:
    refusal = ExecutorError("no worker got ready")
    *_, failed = lifecycle.after_refusal(run(RunState.STARTING), refusal, 5.0, History([BEGAN] * 4))
    assert failed.error is not None and "no worker got ready" in failed.error.message
    (stopped,) = lifecycle.after_refusal(run(RunState.STOPPING), refusal, 5.0, History([BEGAN]))
    assert stopped.state is RunState.STOPPED
    assert lifecycle.after_refusal(run(RunState.PAUSED), refusal, 5.0, History([BEGAN])) == ()


def test_a_refusal_that_stays_one_is_final() -> None:
    refusal = ExecutorError("spec.json was changed", Code.CONFIG_INVALID, "Put it back.")
    (failed,) = lifecycle.after_refusal(run(RunState.STARTING), refusal, 5.0, History([BEGAN]))
    assert failed.state is RunState.FAILED and failed.error is not None
    assert (failed.error.code, failed.error.next_step) == (Code.CONFIG_INVALID, "Put it back.")


@pytest.mark.parametrize("state", [RunState.RUNNING, RunState.PAUSING])
def test_what_the_guard_asks_is_kept_until_the_run_goes_on(state: RunState) -> None:
    event = JobPaused(control_seq=0, step=430, reason="the loss ran away")
    *between, asks = lifecycle.after_event(run(state), event, 9.0)
    assert [each.state for each in between] == ([RunState.PAUSING] if state is RunState.RUNNING else [])
    assert asks.state is RunState.PAUSED and asks.question == Question(430, "the loss ran away", 9.0)
    assert asks.moved(RunState.QUEUED, 10.0).question is None


@pytest.mark.parametrize("state", [RunState.RUNNING, RunState.PAUSING])
def test_a_pause_that_somebody_asked_for_is_no_question(state: RunState) -> None:
    *_, paused = lifecycle.after_event(run(state), JobPaused(control_seq=7, step=3), 9.0)
    assert paused.state is RunState.PAUSED and paused.question is None


def test_what_was_asked_of_a_worker_is_asked_of_the_next_one() -> None:
    asked = run(RunState.RUNNING).asked_for(Request("land"), 0.0)
    lost = asked.moved(RunState.LOST, 1.0)
    assert lost.moved(RunState.QUEUED, 1.0).moved(RunState.STARTING, 2.0).requests == asked.requests
    assert asked.moved(RunState.PAUSING, 1.0).moved(RunState.PAUSED, 2.0).requests == asked.requests
    assert asked.moved(RunState.SUCCEEDED, 1.0).requests == asked.requests, "what was left undone is told"


@pytest.mark.parametrize(
    ("event", "answered"),
    [
        (MetricsGuard(step=3, action="steer", control_seq=9, reason="r"), 9),
        (MetricsGuard(step=3, action="disk", control_seq=8, reason="r"), 8),
        (MetricsGuard(step=3, action="skip", reason="r"), None),
        (MetricsCheckpoint(step=3, path="p", bytes=1, seconds=1, pinned=True, control_seq=9), 9),
        (MetricsCheckpoint(step=3, path="p", bytes=1, seconds=1), None),
    ],
)
def test_a_worker_answers_by_naming_the_request(event: Event, answered: int | None) -> None:
    requests = [Request("checkpoint", seq=seq) for seq in (0, 7, 8, 9)]
    assert [request.seq for request in requests if request.is_answered_by(event)] == ([answered] if answered else [])


def test_no_two_requests_have_the_same_number() -> None:
    """The clock may be put back; so may the store, to a backup that knows of fewer requests."""
    asked = run(RunState.RUNNING).asked_for(Request("land"), 5.0)
    assert [request.seq for request in asked.asked_for(Request("checkpoint"), 2.0).requests] == [5000, 5001]
    answered = replace(asked, requests=())
    assert [request.seq for request in answered.asked_for(Request("land"), 2.0).requests] == [5001]
    assert [request.seq for request in run(RunState.RUNNING).asked_for(Request("land"), 6.0).requests] == [6000]
