"""How an attempt on this machine ended, as its folder tells.

The shim holds `run.lock` until it has written `exit.json`: while the lock is held the attempt goes on, whatever
somebody wrote into its folder.
"""

from __future__ import annotations

import logging
from contextlib import suppress

from pydantic import BaseModel, ConfigDict, ValidationError

from bot.runs.executor import Ending, Exit
from trainer_core.files.atomic import write_atomic
from trainer_core.files.folders import sweep
from trainer_core.files.layout import AttemptDirectory
from trainer_core.process import Lock

log = logging.getLogger(__name__)


class _Record(BaseModel):
    """`exit.json`."""

    model_config = ConfigDict(frozen=True, strict=True)

    status: int | None = None
    signal: int | None = None
    oom: bool = False
    peak_memory: int | None = None
    lost: bool = False
    """Written here, not by a shim: nobody saw how it ended."""


def settle(attempt: AttemptDirectory) -> Exit | None:
    """How the attempt ended, or None if it has not. Raises OSError.

    An attempt that left no record and whose lock is free is lost. That is written down while holding its lock, so
    that a shim which is late for it finds it ended and refuses. What a shim that was killed while it wrote left aside
    is removed.
    """
    attempt.path.mkdir(parents=True, exist_ok=True)
    lock = Lock.take(attempt.lock)
    if lock is None:
        return None
    try:
        with suppress(OSError):
            sweep(attempt.path)
        if not attempt.exit.exists():
            write_atomic(attempt.exit, _Record(lost=True).model_dump_json(include={"lost"}).encode())
        return _recorded(attempt)
    finally:
        lock.release()


def _recorded(attempt: AttemptDirectory) -> Exit:
    try:
        record = _Record.model_validate_json(attempt.exit.read_bytes())
    except ValidationError:
        return _unreadable(attempt)
    if record.oom:
        return Exit(Ending.OUT_OF_MEMORY, record.signal, record.peak_memory)
    if record.signal is not None:
        return Exit(Ending.KILLED, record.signal, record.peak_memory)
    if record.status is not None:
        return Exit(Ending.EXITED, record.status, record.peak_memory)
    return Exit(Ending.LOST) if record.lost else _unreadable(attempt)


def _unreadable(attempt: AttemptDirectory) -> Exit:
    name = f"runs/{attempt.path.parent.parent.name}/attempts/{attempt.number}/exit.json"
    log.error("%s does not say how the worker ended: it was changed by hand, and the attempt counts as lost", name)
    return Exit(Ending.LOST)
