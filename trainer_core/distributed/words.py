"""What the processes of a group say to each other through their pipes: one JSON object a line. Needs no torch."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from trainer_core.approved import Approved
from trainer_core.compute.mode import Mode
from trainer_core.errors import Code, SpotterError
from trainer_core.spec import RunSpec

Verb = Literal["forward_backward", "clip", "step", "discard", "synchronize"]
"""What `Training` does alike in all processes."""


class _Word(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    def line(self) -> bytes:
        return self.model_dump_json().encode() + b"\n"


class Begin(_Word):
    """To a new process: who it is, and what it is to make ready."""

    rank: int = Field(ge=1)
    size: int = Field(ge=2)
    meeting: Path
    """The file through which all of them find each other."""
    run: Path
    attempt: int
    spec: RunSpec
    approved: Approved
    checkpoint: Path | None
    threads: int
    mode: Mode


class Order(_Word):
    """To every process: do this, on your share of the step."""

    verb: Verb
    arguments: tuple[int | float, ...] = ()


class Ready(_Word):
    """From a process that could join now."""

    ready: Literal[True] = True


class Failed(_Word):
    """The last word of a process that cannot go on."""

    code: Code
    message: str
    next_step: str
    field: str | None = None

    @classmethod
    def of(cls, error: SpotterError) -> Failed:
        return cls(code=error.code, message=error.message, next_step=error.next_step, field=error.field)

    def error(self) -> SpotterError:
        return SpotterError(self.code, self.message, field=self.field, next_step=self.next_step)


_ANSWER: TypeAdapter[Ready | Failed] = TypeAdapter(Ready | Failed)


def answer(line: bytes) -> Ready | Failed:
    """What a process says. Raises ValueError for anything else."""
    return _ANSWER.validate_json(line)
