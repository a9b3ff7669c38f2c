"""What a report or an ending makes of a run. Pure: a run and a fact go in, the states it passes through come out."""

from __future__ import annotations

from bot.runs.executor import Ending, Exit
from bot.runs.model import NEXT, Run, RunError, RunState
from trainer_core.errors import Code
from trainer_core.events import Event, JobCompleted, JobFailed, JobPaused, JobStarted, JobStopped

MAX_ATTEMPTS = 3
"""A run whose worker dies this often is not tried again."""


def after_event(run: Run, event: Event, at: float) -> Run:
    """The run after its current attempt reported `event`. A report that comes too late changes nothing."""
    match event:
        case JobStarted():
            return run.moved(RunState.RUNNING, at) if run.state is RunState.STARTING else run
        case JobCompleted():
            return _ended(run, RunState.SUCCEEDED, at, event)
        case JobStopped():
            return _ended(run, RunState.STOPPED, at, event)
        case JobFailed():
            error = RunError(event.code, event.message, event.next_step)
            return run.moved(RunState.FAILED, at, error=error) if RunState.FAILED in NEXT[run.state] else run
        case JobPaused():
            return run.moved(RunState.PAUSED, at) if run.state is RunState.PAUSING else run
        case _:
            return run


def _ended(run: Run, to: RunState, at: float, event: JobCompleted | JobStopped) -> Run:
    return run.moved(to, at, summary=event.summary) if to in NEXT[run.state] else run


def after_exit(run: Run, exit_: Exit, at: float) -> tuple[Run, ...]:
    """The states the run passes through when its worker is gone, after everything it reported has been counted."""
    return _without_worker(run, _reason(exit_, run.attempt), at)


def after_refusal(run: Run, reason: str, at: float) -> tuple[Run, ...]:
    """The states the run passes through when no worker could be started for it."""
    sentence = f"No worker could be started: {reason}."
    return _without_worker(run, RunError(Code.WORKER_LOST, sentence, "Run `spotter doctor` and try again."), at)


def _without_worker(run: Run, error: RunError, at: float) -> tuple[Run, ...]:
    if not run.state.has_worker:
        return ()
    if run.state is RunState.STOPPING:
        return (run.moved(RunState.STOPPED, at),)
    lost = run.moved(RunState.LOST, at)
    if run.attempt < MAX_ATTEMPTS:
        return (lost, lost.moved(RunState.QUEUED, at))
    return (lost, lost.moved(RunState.FAILED, at, error=error))


def _reason(exit_: Exit, attempts: int) -> RunError:
    times = f"in each of {attempts} attempts"
    match exit_.ending:
        case Ending.KILLED:
            code, what = Code.WORKER_KILLED, f"The training process was killed (signal {exit_.status}) {times}."
        case Ending.EXITED:
            code, what = Code.WORKER_CRASHED, f"The training process ended (status {exit_.status}) {times}."
        case Ending.LOST:
            code, what = Code.WORKER_LOST, f"The training process vanished {times}."
    return RunError(code, what, code.next_step)
