"""Where runs execute. Nothing else under `runs/` may assume that a worker is on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from bot.runs.slots import Slot
from trainer_core.control import Verb
from trainer_core.errors import Code
from trainer_core.spec import RunSpec


@dataclass(frozen=True, slots=True)
class Job:
    """One attempt at one run. `run-attempt` is its name everywhere."""

    run: str
    attempt: int

    def __str__(self) -> str:
        return f"{self.run}-{self.attempt}"


class Ending(StrEnum):
    EXITED = "exited"
    """The worker ended by itself; its exit status tells how."""
    KILLED = "killed"
    """A signal ended it."""
    OUT_OF_MEMORY = "out_of_memory"
    """The system ended it because memory ran out."""
    LOST = "lost"
    """It is gone and nobody saw how, or it never began."""


@dataclass(frozen=True, slots=True)
class Exit:
    """How an attempt's process ended."""

    ending: Ending
    status: int | None = None
    """Exit status, or the signal's number if it was killed."""
    peak_memory: int | None = None
    """The most memory the worker held at once, bytes; None if nobody measured."""


class ExecutorError(Exception):
    """The executor could not do what was asked; the message says why, as half a sentence."""

    def __init__(self, message: str, code: Code = Code.WORKER_LOST, next_step: str | None = None) -> None:
        """`code` says whether trying again could help."""
        super().__init__(message)
        self.code = code
        self.next_step = next_step or code.next_step


class Executor(Protocol):
    """Runs attempts, each in a process that outlives whoever asked for it."""

    @property
    def slots(self) -> Sequence[Slot]:
        """What attempts can run on, one each. Known once it has started."""
        ...

    @property
    def ready(self) -> bool:
        """Whether an attempt handed over now would start, as far as the last one tried can tell."""
        ...

    async def start(self) -> None: ...

    async def close(self) -> None:
        """Let go of everything. Attempts that run go on."""
        ...

    async def submit(self, job: Job, spec: RunSpec, slot: Slot) -> None:
        """Start `job` on `slot`. Raises ExecutorError if it certainly did not start."""
        ...

    async def read_events(self, job: Job, offset: int, limit: int) -> bytes:
        """At most `limit` bytes of the job's journal from `offset`; empty if there is nothing yet."""
        ...

    async def wait(self, job: Job, offset: int) -> Exit | None:
        """Return None when the journal is longer than `offset`, or how the job ended if it is not and never will be."""
        ...

    async def control(self, job: Job, verb: Verb, value: float | None = None, seq: int | None = None) -> None:
        """Ask the job's worker for `verb`, at its next step's edge; `value` as in `Control`. Raises OSError.

        With `seq`, which the worker's answer names, the same request may be made again, and is done once.
        """
        ...

    async def kill(self, job: Job, *, force: bool) -> None:
        """Ask the job's whole process group to end, or with `force` end it. Nothing happens if it is gone."""
        ...

    async def dump(self, job: Job) -> None:
        """Have the job's worker write into its log where each of its threads is. Nothing happens if it is gone."""
        ...
