"""The worker's pen: stamps events and appends them to `events.jsonl`, one write a line.

`MetricsProgress` is coalesced to about two a second; everything else is written at once and fsynced, after whatever
progress was held back, so that the file keeps the order in which things happened.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable
from statistics import fmean
from types import TracebackType
from typing import Self

from trainer_core.events import Event, JobStarted, MetricsProgress, encode
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
        self._held: list[MetricsProgress] = []
        self._written_at = -interval
        self._fd = os.open(directory.events, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __call__(self, event: Event) -> None:
        """Report `event`. Raises OSError if the file cannot be written; it still holds whole lines only then."""
        if isinstance(event, MetricsProgress):
            self.step = event.step
            self._held.append(event)
            if self._monotonic() - self._written_at >= self._interval:
                self._flush()
            return
        if isinstance(event, JobStarted):
            self.step = event.resumed_step
        self._flush()
        self._write(event)
        os.fsync(self._fd)

    def close(self) -> None:
        """Write what was held back. Raises OSError; the file is closed all the same."""
        try:
            self._flush()
        finally:
            os.close(self._fd)

    def _flush(self) -> None:
        """Fold the progress held back into its newest event, which tells the mean loss of them all."""
        if not self._held:
            return
        folded = {"loss": fmean(event.loss for event in self._held), "coalesced": len(self._held) - 1}
        event = self._held[-1].model_copy(update=folded)
        self._held = []
        self._written_at = self._monotonic()
        self._write(event)

    def _write(self, event: Event) -> None:
        line = encode(event.stamped(self._run, self._attempt, self._seq + 1, time.time()))
        written = os.write(self._fd, line)
        if written < len(line):
            # The next line would be glued to this half. Nobody else writes here, so it can be taken back.
            os.ftruncate(self._fd, os.fstat(self._fd).st_size - written)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._seq += 1
