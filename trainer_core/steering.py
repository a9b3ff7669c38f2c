"""What changed the course of a run on its way, and from which step: `steering.jsonl`, a JSON object a line.

Learning rate and data order are pure functions of the loop state, and the state begins with the entries that were
applied. A run that is resumed from an older checkpoint meets the later ones again at the same steps, so that it repeats
itself bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from trainer_core.errors import GOES_ON, Code, SpotterError
from trainer_core.files import disk
from trainer_core.files.atomic import write_atomic


class Steer(BaseModel):
    """One change, in force from the step that follows `step` steps."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)

    step: int = Field(ge=0)
    verb: Literal["rate", "land", "rollback", "micro_batch", "go_on"]
    """`rate`: a person set the peak learning rate. `land`: the decay begins. `rollback`: the guard went back to this
    step. `micro_batch`: memory ran out. `go_on`: a person let the run go on after the guard asked.
    """
    value: float = 0.0
    """`rate`: the new peak. `land`: the step at which the rate reaches zero. `rollback`: the factor on the learning
    rate. `micro_batch`: sequences from now on.
    """
    skip: int = Field(default=0, ge=0)
    """`rollback`: training examples that are passed over, those that led to it."""
    reason: str = ""
    """As half a sentence for a person."""


class SteeringLog:
    """The entries of a run, in the order in which they were decided."""

    def __init__(self, path: Path, fence: Callable[[], None], pauses: Iterable[float] = disk.PAUSES) -> None:
        """Read them. `fence` raises SpotterError if another attempt has taken over; `pauses` are the seconds between
        the tries to write. Raises CHECKPOINT_CORRUPT if somebody edited the file into something else, OSError.
        """
        self._path = path
        self._fence = fence
        self._pauses = tuple(pauses)
        self._entries = _read(path)

    @property
    def entries(self) -> Sequence[Steer]:
        return self._entries

    def append(self, steer: Steer) -> None:
        """Make it durable, before it is applied. Raises OSError if the disk refuses it for minutes."""
        self._fence()
        entries = (*self._entries, steer)
        lines = "".join(f"{entry.model_dump_json()}\n" for entry in entries)
        disk.patiently(lambda: write_atomic(self._path, lines.encode()), self._pauses)
        self._entries = entries


def due(entries: Sequence[Steer], applied: int, step: int) -> Sequence[Steer]:
    """What comes into force after `step` steps, where the first `applied` entries are in force.

    An entry brings those before it along: what was changed on a way that a rollback abandoned holds from there.
    """
    here = [place for place, steer in enumerate(entries) if place >= applied and steer.step == step]
    return entries[applied : here[-1] + 1] if here else ()


def peak_rate(planned: float, steering: Iterable[Steer]) -> float:
    """The peak learning rate, where `planned` was that of the beginning."""
    peak = planned
    for steer in steering:
        if steer.verb == "rate":
            peak = steer.value
        elif steer.verb == "rollback":
            peak *= steer.value
    return peak


def micro_batch(planned: int, steering: Iterable[Steer]) -> int:
    """Sequences in a forward pass, where `planned` was that of the beginning."""
    return min((int(steer.value) for steer in steering if steer.verb == "micro_batch"), default=planned)


def rollbacks(entries: Iterable[Steer]) -> int:
    """How often the guard went back since a person last let it go on."""
    count = 0
    for steer in entries:
        count = 0 if steer.verb == "go_on" else count + (steer.verb == "rollback")
    return count


def _read(path: Path) -> tuple[Steer, ...]:
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return ()
    try:
        return tuple(Steer.model_validate_json(line) for line in lines)
    except ValidationError as error:
        raise SpotterError(
            Code.CHECKPOINT_CORRUPT,
            f"{path.name} was changed into something that says nothing of the run's course.",
            next_step=f"Put the file back as it was, then {GOES_ON}.",
        ) from error
