"""What a report or an ending makes of a run. Pure: a run and a fact go in, the states it passes through come out."""

from __future__ import annotations

from bot.runs.executor import Ending, Exit
from bot.runs.model import NEXT, Run, RunError, RunState
from trainer_core.errors import Code
from trainer_core.events import Event, JobCompleted, JobFailed, JobPaused, JobStarted, JobStopped, Summary

MAX_FRUITLESS = 3
"""A run of which so many attempts in a row got no further is not tried again."""


def after_event(run: Run, event: Event, at: float) -> tuple[Run, ...]:
    """The states the run passes through when its current attempt reports `event`; none if that comes too late."""
    match event:
        case JobStarted() if run.state is RunState.STARTING:
            return (run.moved(RunState.RUNNING, at),)
        case JobCompleted() if RunState.SUCCEEDED in NEXT[run.state]:
            return (run.moved(RunState.SUCCEEDED, at, summary=event.summary),)
        case JobStopped() if run.state.has_worker:
            return _stopped(run, event.summary, at)
        case JobFailed() if run.state.has_worker:
            return (run.moved(RunState.FAILED, at, error=RunError(event.code, event.message, event.next_step)),)
        case JobPaused() if run.state is RunState.PAUSING:
            return (run.moved(RunState.PAUSED, at),)
        case _:
            return ()


def _stopped(run: Run, summary: Summary, at: float) -> tuple[Run, ...]:
    if run.state is RunState.STOPPING:
        return (run.moved(RunState.STOPPED, at, summary=summary),)
    # Somebody else asked the worker to stop.
    stopping = run.moved(RunState.STOPPING, at)
    return (stopping, stopping.moved(RunState.STOPPED, at, summary=summary))


def after_exit(run: Run, exit_: Exit, at: float, fruitless: int) -> tuple[Run, ...]:
    """The states the run passes through when its worker is gone, after everything it reported has been counted.

    `fruitless` is how many attempts in a row, this one included, got no further.
    """
    return _without_worker(run, exit_error(exit_, fruitless), at, fruitless)


def after_refusal(run: Run, reason: str, at: float, fruitless: int) -> tuple[Run, ...]:
    """The states the run passes through when no worker could be started for it."""
    sentence = f"No worker could be started: {reason}."
    error = RunError(Code.WORKER_LOST, sentence, "Run `spotter doctor` and try again.")
    return _without_worker(run, error, at, fruitless)


def _without_worker(run: Run, error: RunError, at: float, fruitless: int) -> tuple[Run, ...]:
    if not run.state.has_worker:
        return ()
    if run.state is RunState.STOPPING:
        return (run.moved(RunState.STOPPED, at),)
    lost = run.moved(RunState.LOST, at)
    if fruitless < MAX_FRUITLESS:
        return (lost, lost.moved(RunState.QUEUED, at))
    return (lost, lost.moved(RunState.FAILED, at, error=error))


def exit_error(exit_: Exit, attempts: int = 1) -> RunError:
    """What to tell a person of a worker that ended, in each of so many attempts, without a word."""
    times = f" in each of {attempts} attempts" if attempts > 1 else ""
    match exit_.ending:
        case Ending.KILLED:
            code, what = Code.WORKER_KILLED, f"The training process was killed (signal {exit_.status}){times}."
        case Ending.EXITED:
            code, what = Code.WORKER_CRASHED, f"The training process ended (status {exit_.status}){times}."
        case Ending.LOST:
            code, what = Code.WORKER_LOST, f"The training process vanished{times}."
    return RunError(code, what, code.next_step)
