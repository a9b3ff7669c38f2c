"""What the product knows about a run: its states, which may follow which, and what can be seen of it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Literal

from trainer_core.errors import Code
from trainer_core.evals.classes import ClassReport
from trainer_core.events import (
    Event,
    JobProgress,
    JobStarted,
    MetricsCheckpoint,
    MetricsConfig,
    MetricsEval,
    MetricsGuard,
    MetricsProgress,
    MetricsSample,
    Phase,
    Summary,
)
from trainer_core.spec import RunSpec


class RunState(StrEnum):
    QUEUED = "queued"
    STARTING = "starting"
    RUNNING = "running"
    PAUSING = "pausing"
    PAUSED = "paused"
    STOPPING = "stopping"
    LOST = "lost"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    STOPPED = "stopped"

    @property
    def is_terminal(self) -> bool:
        return self in TERMINAL

    @property
    def has_worker(self) -> bool:
        """Whether a worker process may be alive for the run's current attempt."""
        return self in WITH_WORKER


TERMINAL = frozenset({RunState.SUCCEEDED, RunState.FAILED, RunState.STOPPED})
WITH_WORKER = frozenset({RunState.STARTING, RunState.RUNNING, RunState.PAUSING, RunState.STOPPING})
STEERABLE = frozenset({RunState.STARTING, RunState.RUNNING})
"""States in which the course of a run can be changed."""

_S = RunState
NEXT: dict[RunState, frozenset[RunState]] = {
    _S.QUEUED: frozenset({_S.STARTING, _S.PAUSED, _S.STOPPED, _S.FAILED}),
    _S.STARTING: frozenset({_S.RUNNING, _S.STOPPING, _S.PAUSING, _S.LOST, _S.FAILED}),
    _S.RUNNING: frozenset({_S.SUCCEEDED, _S.FAILED, _S.STOPPING, _S.PAUSING, _S.LOST}),
    _S.PAUSING: frozenset({_S.PAUSED, _S.STOPPING, _S.SUCCEEDED, _S.FAILED, _S.LOST}),
    _S.PAUSED: frozenset({_S.QUEUED, _S.STOPPED}),
    _S.STOPPING: frozenset({_S.STOPPED, _S.SUCCEEDED, _S.FAILED}),
    _S.LOST: frozenset({_S.QUEUED, _S.FAILED}),
    _S.SUCCEEDED: frozenset(),
    _S.FAILED: frozenset(),
    _S.STOPPED: frozenset(),
}

_STILL_WRONG = frozenset({_S.LOST, _S.QUEUED, _S.STARTING, _S.FAILED})
"""States in which it still matters why the last attempt ended."""


class IllegalTransitionError(Exception):
    """A state that may not follow the run's own."""


@dataclass(frozen=True, slots=True)
class RunError:
    """Why a run failed, in words for a person."""

    code: Code
    message: str
    next_step: str
    traceback: str = ""
    """Where it crashed, if it crashed again and again: files' names, lines and functions, no text of the corpus."""


@dataclass(frozen=True, slots=True)
class Stall:
    """The run's worker lives and does not advance. Times are seconds since the epoch, for people to read."""

    since: float
    """When it last told anything."""
    noticed_at: float
    step: int
    restarts_at: float
    """When it is killed and goes on from its newest checkpoint, unless somebody chooses otherwise."""


@dataclass(frozen=True, slots=True)
class Question:
    """The guard is at its wits' end: the run rests until somebody decides."""

    step: int
    reason: str
    """What happened, as half a sentence."""
    at: float
    """When it was asked, seconds since the epoch."""


SteeringVerb = Literal["land", "rate", "checkpoint"]


@dataclass(frozen=True, slots=True)
class Request:
    """What somebody asked of the run's worker, which has not said yet that it was done."""

    verb: SteeringVerb
    value: float | None = None
    """The learning rate of `rate`."""
    seq: int = 0
    """Its number, which the worker is told and names in its answer; 0 until the run has taken it."""

    def is_answered_by(self, event: Event) -> bool:
        """Whether `event` says that it was done, or given up."""
        return isinstance(event, MetricsCheckpoint | MetricsGuard) and 0 < self.seq == event.control_seq


@dataclass(frozen=True, slots=True)
class Run:
    """One row of `runs`. Times are seconds since the epoch."""

    name: str
    owner_id: int
    state: RunState
    attempt: int
    """The current attempt's number; 0 before the first. Reports of any other attempt count for nothing."""
    spec: RunSpec
    created_at: float
    queued_at: float
    started_at: float | None = None
    ended_at: float | None = None
    priority: int = 0
    error: RunError | None = None
    """Why it failed; while it waits to be tried again, why the last attempt ended."""
    summary: Summary | None = None
    stall: Stall | None = None
    """Set while its worker lives and does not advance."""
    question: Question | None = None
    """Set while it is paused because the guard asks."""
    requests: tuple[Request, ...] = ()
    """What its worker is asked for, one after the other; the first one it may have heard of already. Of a run that has
    ended, what was left undone.
    """
    asked: int = 0
    """`seq` of the newest request ever made of it; 0 if there was none."""

    @property
    def undecided(self) -> Stall | None:
        """The stall that needs a decision; there is none of a run that is being ended already."""
        return self.stall if self.state in (RunState.STARTING, RunState.RUNNING) else None

    def asked_for(self, request: Request, at: float) -> Run:
        """The run with `request` after all that it was asked before; `at` in seconds since the epoch."""
        # The number goes on where the clock was put back, the time where the store was: an older backup has forgotten
        # what the worker heard.
        seq = max(int(at * 1000), self.asked + 1)
        return replace(self, asked=seq, requests=(*self.requests, replace(request, seq=seq)))

    def moved(
        self,
        to: RunState,
        at: float,
        *,
        error: RunError | None = None,
        summary: Summary | None = None,
        question: Question | None = None,
    ) -> Run:
        """The run in state `to` since `at`. Raises IllegalTransitionError."""
        if to not in NEXT[self.state]:
            raise IllegalTransitionError(f"{self.name}: {self.state} -> {to}")
        return replace(
            self,
            state=to,
            attempt=self.attempt + 1 if to is RunState.STARTING else self.attempt,
            queued_at=at if to is RunState.QUEUED else self.queued_at,
            started_at=at if to is RunState.RUNNING and self.started_at is None else self.started_at,
            ended_at=at if to.is_terminal else None,
            error=error or (self.error if to in _STILL_WRONG else None),
            summary=summary or self.summary,
            stall=self.stall if to.has_worker else None,
            question=question,
        )


@dataclass(frozen=True, slots=True)
class Curve:
    """Losses over steps, nats per token: of training batches, and on the held-out text."""

    train: tuple[tuple[int, float], ...] = ()
    validation: tuple[tuple[int, float], ...] = ()


@dataclass(frozen=True, slots=True)
class RunStatus:
    """Everything a view of a run shows, read from the store in one go."""

    run: Run
    position: int | None = None
    """Place in the queue, from 1; None if the run does not wait."""
    starts_in: float | None = None
    """Seconds until it is expected to start; None if it does not wait, or nobody can tell."""
    fits: bool = True
    """False if it waits, and nothing here is what it asks to run on."""
    watchers: Mapping[int, float] = field(default_factory=dict)
    """Who watches the run, and since when, in seconds since the epoch."""
    phase: Phase | None = None
    message: str = ""
    """What the run is busy with, in words, before and after the steps."""
    device: str = ""
    config: MetricsConfig | None = None
    progress: MetricsProgress | None = None
    first_eval: MetricsEval | None = None
    last_eval: MetricsEval | None = None
    sample: MetricsSample | None = None
    guard: MetricsGuard | None = None
    """What was last decided to keep it going."""
    steer: MetricsGuard | None = None
    """How a person last changed its course."""
    saved: MetricsCheckpoint | MetricsGuard | None = None
    """What became of the checkpoint that a person last asked for: it was made, or the disk did not take it."""
    curve: Curve = Curve()
    classes: ClassReport | None = None
    """Of a classifier that has ended: how well it tells each class."""


def status_of(
    run: Run,
    events: Iterable[Event],
    *,
    position: int | None = None,
    starts_in: float | None = None,
    fits: bool = True,
    watchers: Mapping[int, float] | None = None,
) -> RunStatus:
    """`run` as its events tell it, given in the order they were reported.

    Whoever goes on from a checkpoint, another attempt or the guard, takes back what was measured after that step.
    """
    status = RunStatus(run, position=position, starts_in=starts_in, fits=fits, watchers=watchers or {})
    train: list[tuple[int, float]] = []
    validation: list[MetricsEval] = []
    for event in events:
        match event:
            case JobStarted():
                _take_back(train, validation, event.resumed_step)
                status = replace(status, device=event.device)
            case JobProgress():
                status = replace(status, phase=event.phase, message=event.message)
            case MetricsConfig():
                status = replace(status, config=event)
            case MetricsProgress():
                _take_back(train, validation, event.step - 1)
                train.append((event.step, event.loss))
                status = replace(status, progress=event)
            case MetricsEval():
                validation.append(event)
            case MetricsSample():
                status = replace(status, sample=event)
            case MetricsGuard(action="steer"):
                status = replace(status, steer=event)
            case MetricsGuard():
                status = replace(status, guard=event, saved=event if event.control_seq else status.saved)
            case MetricsCheckpoint(pinned=True):
                status = replace(status, saved=event)
            case _:
                pass
    return replace(
        status,
        first_eval=validation[0] if validation else None,
        last_eval=validation[-1] if validation else None,
        curve=Curve(tuple(train), tuple((e.step, e.loss) for e in validation)),
    )


def _take_back(train: list[tuple[int, float]], validation: list[MetricsEval], step: int) -> None:
    """Drop what was measured after `step`."""
    while train and train[-1][0] > step:
        train.pop()
    while validation and validation[-1].step > step:
        validation.pop()
