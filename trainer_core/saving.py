"""Checkpoints on a disk that may be full: what makes way for them, and when the run cannot do without."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from trainer_core import disk
from trainer_core.checkpoint import Checkpoints
from trainer_core.events import Event, MetricsGuard
from trainer_core.training import Training


def save(
    training: Training, checkpoints: Checkpoints, *, pinned: bool = False, best: bool = False, control_seq: int = 0
) -> Iterator[Event]:
    """Save a checkpoint if the disk takes it; if it does not, the run goes on, and that is told.

    `pinned` keeps it whatever comes after; `best` says that the last evaluation is of these very weights;
    `control_seq` is of the request that it answers.
    """
    try:
        yield from _saved(training, checkpoints, pinned, best, control_seq)
    except OSError as error:
        yield _told(training, f"{_not_saved(training, error)}; training goes on and tries again later")


def saved(checkpoints: Checkpoints) -> Iterator[Event]:
    """What has become of the checkpoint that was begun last, once it is written; to be asked for at every step's edge.

    Raises SpotterError if another attempt has taken over, or whatever broke.
    """
    yield from ()


def save_surely(
    training: Training, checkpoints: Checkpoints, pauses: Iterable[float] = disk.PAUSES, *, best: bool = False
) -> Iterator[Event]:
    """Save the checkpoint at which the run ends or rests, and wait for the disk to take it. Raises OSError."""
    try:
        events = _saved(training, checkpoints, best=best)
    except OSError as error:
        yield _told(training, f"{_not_saved(training, error)}; it is tried again for some minutes")
        events = disk.patiently(lambda: _saved(training, checkpoints, best=best), pauses)
    yield from events


def _saved(
    training: Training, checkpoints: Checkpoints, pinned: bool = False, best: bool = False, control_seq: int = 0
) -> tuple[Event, ...]:
    """Save, on a full disk in the place of what can make way. Raises OSError."""
    asked = {"control_seq": control_seq}
    try:
        return (checkpoints.save(training, pinned=pinned, best=best).model_copy(update=asked),)
    except OSError as error:
        dropped = checkpoints.make_room() if disk.is_full(error) else 0
        if not dropped:
            raise
        complaint = disk.complaint(error)
    saved = checkpoints.save(training, pinned=pinned, best=best).model_copy(update=asked)
    made_way = "an older checkpoint" if dropped == 1 else f"{dropped} older checkpoints"
    return (_told(training, f"{complaint}: {made_way} made way for that of step {saved.step:,}"), saved)


def _not_saved(training: Training, error: OSError) -> str:
    return f"{disk.complaint(error)}: the checkpoint of step {training.state.step:,} was not saved"


def _told(training: Training, reason: str) -> MetricsGuard:
    return MetricsGuard(step=training.state.step, action="disk", reason=reason)
