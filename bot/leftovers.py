"""Ends the workers that a bot left behind, where nobody would see them go on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection
from pathlib import Path
from signal import SIGKILL

from trainer_core.control import write_control
from trainer_core.files.layout import AttemptDirectory, Home
from trainer_core.process import Lock, is_alive, read_holders, signal_group

_LOOK_EVERY = 0.1


async def end_workers(home: Home, spared: Collection[Path], grace: float) -> None:
    """Stop whatever trains in `home`, but for the `spared` run folders, within `grace` seconds, then kill it.

    A worker that is asked reports its end, so that no bot takes the run up again. Nothing is touched while a bot has
    the home folder: then they are that bot's. Raises OSError.
    """
    lock = await asyncio.to_thread(Lock.take, home.lock)
    if lock is None:
        return
    try:
        left = [attempt for attempt in _attempts(home, spared) if _works(attempt)]
        until = time.monotonic() + grace
        try:
            for attempt in left:
                await asyncio.to_thread(write_control, attempt.control, "stop")
            while any(map(_works, left)):
                if time.monotonic() >= until:
                    break
                await asyncio.sleep(_LOOK_EVERY)
        finally:
            for attempt in left:
                if (worker := read_holders(attempt.lock).get("worker")) is not None:
                    signal_group(worker, SIGKILL)
    finally:
        lock.release()


def _attempts(home: Home, spared: Collection[Path]) -> list[AttemptDirectory]:
    runs = [run for run in home.runs.glob("*") if run not in spared]
    return [AttemptDirectory(path.parent) for run in runs for path in run.glob("attempts/*/run.lock")]


def _works(attempt: AttemptDirectory) -> bool:
    worker = read_holders(attempt.lock).get("worker")
    return worker is not None and is_alive(worker)
