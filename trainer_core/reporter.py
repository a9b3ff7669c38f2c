"""The worker's pen: stamps events and appends them to `events.jsonl`, one write a line.

Progress is coalesced to about two a second; everything else is written at once and fsynced, after whatever
progress was held back, so that the file keeps the order in which things happened.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from trainer_core.events import COALESCED, Event, JobProgress, MetricsProgress, encode
from trainer_core.layout import AttemptDirectory


class Reporter:
    """Appends the events of one attempt. Not thread-safe: a run has one line of thought."""

    def __init__(
        self,
        directory: AttemptDirectory,
        run: str,
        *,
        interval: float = 0.5,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`interval` is the least number of seconds between two written progress events."""
        self._run = run
        self._attempt = directory.number
        self._interval = interval
        self._monotonic = monotonic
        self.step = 0
        """The newest step reported."""
        self._seq = 0
        self._held: MetricsProgress | None = None
        self._folded = 0
        self._written_at = -interval
        self._fd = os.open(directory.events, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __call__(self, event: Event) -> None:
        """Report `event`. Raises OSError if the file cannot be written."""
        if isinstance(event, MetricsProgress):
            self.step = event.step
            if self._held is not None:
                self._folded += 1
            self._held = event
            if self._monotonic() - self._written_at >= self._interval:
                self._flush()
            return
        self._flush()
        self._write(event)
        if event.type not in COALESCED and not isinstance(event, JobProgress):
            os.fsync(self._fd)

    def close(self) -> None:
        self._flush()
        os.close(self._fd)

    def _flush(self) -> None:
        if self._held is None:
            return
        event = self._held.model_copy(update={"coalesced": self._folded})
        self._held, self._folded = None, 0
        self._written_at = self._monotonic()
        self._write(event)

    def _write(self, event: Event) -> None:
        self._seq += 1
        os.write(self._fd, encode(event.stamped(self._run, self._attempt, self._seq, time.time())))
