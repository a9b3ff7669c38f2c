"""What a report or an ending makes of a run. Pure: a run and a fact go in, the states it passes through come out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import takewhile

from bot.runs.executor import Ending, ExecutorError, Exit
from bot.runs.model import NEXT, Question, Run, RunError, RunState
from trainer_core.errors import Code, Failure
from trainer_core.events import (
    Event,
    JobCompleted,
    JobFailed,
    JobPaused,
    JobStarted,
    JobStopped,
    MetricsConfig,
    Summary,
)
from trainer_core.models.sizes import what_fits

PAUSES = (0.0, 10.0, 60.0)
"""Seconds before each retry in a row that gets no further; after as many the run is given up."""
POISON = 3
"""A run that crashed so many times in a row at the same step is not tried again."""


@dataclass(frozen=True, slots=True)
class Tried:
    """One attempt that is over, as far as it tells whether another makes sense."""

    telling: bool
    """Whether it says something of the run: one that nobody began, as the bot was restarted meanwhile, does not."""
    paused: bool = False
    """Whether it ended because somebody asked it to rest."""
    saved: int | None = None
    """Step of its newest checkpoint."""
    failure: JobFailed | None = None
    """What it said it failed of."""


@dataclass(frozen=True, slots=True)
class History:
    """What is known about a run's attempts when one has ended."""

    attempts: Sequence[Tried]
    """From the first to the one that ended."""
    config: MetricsConfig | None = None

    @property
    def fruitless(self) -> int:
        """How many attempts in a row, the last one included, got no further than those before."""
        count, furthest = 0, -1
        for attempt in self.attempts:
            further = attempt.saved is not None and attempt.saved > furthest
            furthest = max(furthest, attempt.saved or 0)
            if further or attempt.paused:
                count = 0
            elif attempt.telling:
                count += 1
        return count

    @property
    def failure(self) -> JobFailed | None:
        """What the last attempt said it failed of."""
        return self.attempts[-1].failure if self.attempts else None

    @property
    def crashes(self) -> int:
        """How many attempts in a row crashed at the step at which the last one did."""
        last = self.failure
        if last is None or last.code is not Code.WORKER_CRASHED:
            return 0
        failures = [attempt.failure for attempt in reversed(self.attempts) if attempt.telling]
        alike = takewhile(lambda failure: failure and (failure.code, failure.step) == (last.code, last.step), failures)
        return sum(1 for _ in alike)


def after_event(run: Run, event: Event, at: float) -> tuple[Run, ...]:
    """The states the run passes through when its current attempt reports `event`; none if that comes too late.

    A failure that may pass is decided upon when the worker is gone: `after_exit`.
    """
    match event:
        case JobStarted() if run.state is RunState.STARTING:
            return (run.moved(RunState.RUNNING, at),)
        case JobCompleted() if RunState.SUCCEEDED in NEXT[run.state]:
            return (run.moved(RunState.SUCCEEDED, at, summary=event.summary),)
        case JobStopped() if run.state.has_worker:
            return _stopped(run, event.summary, at)
        case JobFailed() if run.state.has_worker and event.code.failure is not Failure.TRANSIENT:
            return (run.moved(RunState.FAILED, at, error=_reported(event)),)
        case JobPaused() if run.state in (RunState.RUNNING, RunState.PAUSING):
            return _paused(run, event, at)
        case _:
            return ()


def _stopped(run: Run, summary: Summary, at: float) -> tuple[Run, ...]:
    if run.state is RunState.STOPPING:
        return (run.moved(RunState.STOPPED, at, summary=summary),)
    # Somebody else asked the worker to stop.
    stopping = run.moved(RunState.STOPPING, at)
    return (stopping, stopping.moved(RunState.STOPPED, at, summary=summary))


def _paused(run: Run, event: JobPaused, at: float) -> tuple[Run, ...]:
    question = Question(event.step, event.reason, at) if event.control_seq == 0 else None
    # Nobody has asked the run to pause if the guard has, or somebody else asked its worker.
    pausing = () if run.state is RunState.PAUSING else (run.moved(RunState.PAUSING, at),)
    return (*pausing, (*pausing, run)[0].moved(RunState.PAUSED, at, question=question))


def after_exit(run: Run, exit_: Exit, at: float, history: History) -> tuple[Run, ...]:
    """The states the run passes through when its worker is gone, after everything it reported has been counted."""
    if not run.state.has_worker:
        return ()
    if run.state is RunState.STOPPING:
        return (run.moved(RunState.STOPPED, at),)
    if exit_.ending is Ending.OUT_OF_MEMORY and run.stall is None:
        return (run.moved(RunState.FAILED, at, error=_out_of_memory(run, exit_, history.config)),)
    if history.failure is not None:
        error = _reported(history.failure)
    elif run.stall is not None:
        sentence = f"Training did not get past step {run.stall.step:,} and was ended."
        error = RunError(Code.TRAINING_STALLED, sentence, Code.TRAINING_STALLED.next_step)
    else:
        error = exit_error(exit_)
    return _without_worker(run, error, at, history)


def after_refusal(run: Run, refusal: ExecutorError, at: float, history: History) -> tuple[Run, ...]:
    """The states the run passes through when no worker could be started for it."""
    if not run.state.has_worker:
        return ()
    if run.state is RunState.STOPPING:
        return (run.moved(RunState.STOPPED, at),)
    error = RunError(refusal.code, f"No worker could be started: {refusal}.", refusal.next_step)
    if refusal.code.failure is not Failure.TRANSIENT:
        return (run.moved(RunState.FAILED, at, error=error),)
    return _without_worker(run, error, at, history)


def pause_before(history: History) -> float:
    """Seconds until the run may be tried again."""
    return PAUSES[min(max(history.fruitless, 1), len(PAUSES)) - 1]


def _without_worker(run: Run, error: RunError, at: float, history: History) -> tuple[Run, ...]:
    if run.state is RunState.PAUSING:
        # What it has saved is what a pause is for.
        return (run.moved(RunState.PAUSED, at),)
    lost = run.moved(RunState.LOST, at, error=error)
    if history.crashes >= POISON:
        return (lost, lost.moved(RunState.FAILED, at, error=_poison(error, history)))
    if history.fruitless > len(PAUSES):
        tried = replace(error, message=f"{error.message} It was tried {history.fruitless} times and got no further.")
        return (lost, lost.moved(RunState.FAILED, at, error=tried))
    return (lost, lost.moved(RunState.QUEUED, at))


def exit_error(exit_: Exit) -> RunError:
    """What to tell a person of a worker that ended without a word."""
    match exit_.ending:
        case Ending.KILLED:
            code, what = Code.WORKER_KILLED, f"The training process was killed (signal {exit_.status})."
        case Ending.EXITED:
            code, what = Code.WORKER_CRASHED, f"The training process ended (status {exit_.status})."
        case Ending.OUT_OF_MEMORY:
            code, what = Code.TRAINING_OOM, "The system ended the training process because memory ran out."
        case Ending.LOST:
            code, what = Code.WORKER_LOST, "The training process vanished."
    return RunError(code, what, code.next_step)


def _reported(failure: JobFailed) -> RunError:
    return RunError(failure.code, failure.message, failure.next_step)


def _poison(error: RunError, history: History) -> RunError:
    failure = history.failure
    assert failure is not None
    sentence = f"{error.message.rstrip('.')}, {history.crashes} times in a row at step {failure.step:,}."
    return replace(error, message=sentence, traceback=failure.traceback)


def _out_of_memory(run: Run, exit_: Exit, config: MetricsConfig | None) -> RunError:
    error = exit_error(exit_)
    held = f" It held {exit_.peak_memory / 2**30:.1f} GiB." if exit_.peak_memory else ""
    fitting = what_fits(run.spec.model, config.micro_batch if config else 1)
    return replace(error, message=error.message + held, next_step=fitting)
