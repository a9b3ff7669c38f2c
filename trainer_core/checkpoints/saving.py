"""Checkpoints while training goes on: written by a thread where that is quicker, on a disk that may be full."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from queue import Empty

from trainer_core.checkpoints.checkpoint import Checkpoints
from trainer_core.checkpoints.snapshot import Snapshot, snapshot
from trainer_core.compute.fitting import available
from trainer_core.events import Event, MetricsGuard
from trainer_core.files import disk
from trainer_core.training import Training

LARGE = 64 * 2**20
"""Bytes from which on a checkpoint is copied and written by a thread: of fewer, the copy would save little."""
_SPARE = 1.5
"""Memory there has to be for a copy, as a multiple of it: the next step takes some, too."""
_MIRROR_SECONDS = 30.0
"""How long the second copies are waited for when the run ends. A stop is waited for longer before it is forced."""

_WRITER = ThreadPoolExecutor(max_workers=1, thread_name_prefix="checkpoint")


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a checkpoint is saved for."""

    pinned: bool = False
    control_seq: int = 0


def save(
    training: Training, checkpoints: Checkpoints, *, pinned: bool = False, best: bool = False, control_seq: int = 0
) -> Iterator[Event]:
    """Save a checkpoint if the disk takes it; if it does not, the run goes on, and that is told.

    A large one is only begun: `saved` tells what comes of it. No other is begun meanwhile, nor a second one of a step,
    unless it is `pinned`, which keeps it whatever comes after, or `best`, which says that the last evaluation is of
    these very weights: those wait for their turn. `control_seq` is of the request that it answers. Raises as `saved`
    does.
    """
    if not (pinned or best) and (checkpoints.under_way or checkpoints.written == training.state.step):
        return
    began = time.monotonic()
    yield from settled(checkpoints)
    asked = _Asked(pinned, control_seq)
    taken = snapshot(training, evaluated=best)
    if _is_apart(taken.bytes):
        copy = taken.copied()
        stall = time.monotonic() - began
        checkpoints.under_way = _WRITER.submit(_tried, copy, checkpoints, asked, stall)
    else:
        yield from _tried(taken, checkpoints, asked)
        yield from _complaints(checkpoints)


def saved(checkpoints: Checkpoints) -> Iterator[Event]:
    """What came of the checkpoint that was begun, once it is known. To be asked at every step's edge.

    Raises SpotterError if another attempt has taken over, or what broke besides the disk.
    """
    if checkpoints.under_way and checkpoints.under_way.done():
        yield from settled(checkpoints)
    yield from _complaints(checkpoints)


def save_surely(
    training: Training, checkpoints: Checkpoints, pauses: Iterable[float] = disk.PAUSES, *, best: bool = False
) -> Iterator[Event]:
    """Save the checkpoint at which the run ends or rests, and wait for the disk to take it. Raises OSError.

    `best` is as for `save`. Second copies are waited for, too, but not for long.
    """
    yield from settled(checkpoints)
    taken = snapshot(training, evaluated=best)
    try:
        events = _written(taken, checkpoints, _Asked())
    except OSError as error:
        yield _told(taken, f"{_not_saved(taken, error)}; it is tried again for some minutes")
        events = disk.patiently(lambda: _written(taken, checkpoints, _Asked()), pauses)
    yield from events
    if checkpoints.mirror and not checkpoints.mirror.wait(_MIRROR_SECONDS):
        reason = "the second copy of the checkpoints is not finished; the run does not wait for it"
        yield MetricsGuard(step=taken.record.loop.step, action="storage", reason=reason)
    yield from _complaints(checkpoints)


def _is_apart(size: int) -> bool:
    """Whether so many bytes are better copied, and written by a thread while training goes on."""
    return size >= LARGE and available("cpu") >= _SPARE * size


def settled(checkpoints: Checkpoints) -> tuple[Event, ...]:
    """What comes of the checkpoint that is being written, if one is. Raises as `saved` does."""
    writing, checkpoints.under_way = checkpoints.under_way, None
    return writing.result() if writing else ()


def _tried(taken: Snapshot, checkpoints: Checkpoints, asked: _Asked, stall: float | None = None) -> tuple[Event, ...]:
    """Save, if the disk takes it."""
    try:
        return _written(taken, checkpoints, asked, stall)
    except OSError as error:
        # A later one is not what was asked for.
        later = "it is not tried again" if asked.control_seq else "another one is tried later"
        return (_told(taken, f"{_not_saved(taken, error)}; training goes on, and {later}", asked.control_seq),)


def _written(taken: Snapshot, checkpoints: Checkpoints, asked: _Asked, stall: float | None = None) -> tuple[Event, ...]:
    """Save, on a full disk in the place of what can make way. Raises OSError.

    `stall` is for how long training waited for it, seconds; None if it waited all the time.
    """
    told: tuple[Event, ...] = ()
    try:
        saved = checkpoints.save(taken, pinned=asked.pinned)
    except OSError as error:
        dropped = checkpoints.make_room() if disk.is_full(error) else 0
        if not dropped:
            raise
        saved = checkpoints.save(taken, pinned=asked.pinned)
        made_way = "an older checkpoint" if dropped == 1 else f"{dropped} older checkpoints"
        told = (_told(taken, f"{disk.complaint(error)}: {made_way} made way for that of step {saved.step:,}"),)
    waited = saved.seconds if stall is None else stall
    return (*told, saved.model_copy(update={"stall": waited, "control_seq": asked.control_seq}))


def _complaints(checkpoints: Checkpoints) -> Iterator[Event]:
    try:
        while True:
            yield checkpoints.complaints.get_nowait()
    except Empty:
        return


def _not_saved(taken: Snapshot, error: OSError) -> str:
    return f"{disk.complaint(error)}: the checkpoint of step {taken.record.loop.step:,} was not saved"


def _told(taken: Snapshot, reason: str, control_seq: int = 0) -> MetricsGuard:
    return MetricsGuard(step=taken.record.loop.step, action="disk", reason=reason, control_seq=control_seq)
