"""The worker's pen: stamps events and appends them to `events.jsonl`, one write a line.

`MetricsProgress` is coalesced to about two a second; everything else is written at once and fsynced, after whatever
progress was held back, so that the file keeps the order in which things happened.

A disk that takes no more does not stop the training: what it refuses is dropped, and counted in the next progress
that it takes. Only the beginning and the end of an attempt are tried again for a while, since the run hangs on them.
"""

from __future__ import annotations

import errno
import logging
import os
import time
from collections.abc import Callable, Iterable
from statistics import fmean
from types import TracebackType
from typing import Self

from trainer_core.events import (
    Event,
    JobCompleted,
    JobFailed,
    JobPaused,
    JobProgress,
    JobStarted,
    JobStopped,
    MetricsGuard,
    MetricsProgress,
    encode,
)
from trainer_core.faults import reach
from trainer_core.files import disk
from trainer_core.files.layout import AttemptDirectory

_VITAL = (JobStarted, JobCompleted, JobFailed, JobStopped, JobPaused)

log = logging.getLogger(__name__)


class Reporter:
    """Appends the events of one attempt. Not thread-safe: a run has one line of thought."""

    def __init__(
        self,
        directory: AttemptDirectory,
        run: str,
        *,
        interval: float = 0.5,
        pauses: Iterable[float] = disk.PAUSES,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`interval` is the least number of seconds between two written progress events; `pauses` are those between
        the tries to write what the run hangs on.
        """
        self._run = run
        self._attempt = directory.number
        self._interval = interval
        self._pauses = tuple(pauses)
        self._monotonic = monotonic
        self.step = 0
        """The newest step reported."""
        self._seq = 0
        self._dropped = 0
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
        """Report `event`. Raises OSError if it begins or ends the attempt and the disk refuses it for minutes."""
        if isinstance(event, MetricsProgress):
            self.step = event.step
            self._held.append(event)
            if self._monotonic() - self._written_at >= self._interval:
                self._flush()
            return
        if isinstance(event, JobStarted):
            self.step = event.resumed_step
        elif isinstance(event, MetricsGuard):
            self.step = event.step
        self._flush()
        if isinstance(event, _VITAL):
            disk.patiently(lambda: self._write(event), self._pauses)
        else:
            self._write_or_drop(event, 1)
        self._sync()

    def close(self) -> None:
        """Write what was held back."""
        self._flush()
        os.close(self._fd)

    def _flush(self) -> None:
        """Fold the progress held back into its newest event, which tells the mean loss of them all."""
        if not self._held:
            return
        folded = {"loss": fmean(event.loss for event in self._held), "coalesced": len(self._held) - 1}
        event = self._held[-1].model_copy(update=folded)
        self._held = []
        self._written_at = self._monotonic()
        self._write_or_drop(event, event.coalesced + 1)

    def _write_or_drop(self, event: Event, count: int) -> None:
        """`event` stands for `count` of those that were reported."""
        try:
            self._write(event)
        except OSError as error:
            if not self._dropped:
                log.warning("events are being dropped: %s", error)
            self._dropped += count

    def _write(self, event: Event) -> None:
        """Raises OSError; the file still holds whole lines only then."""
        tells = isinstance(event, JobProgress | MetricsProgress)
        if tells and self._dropped:
            event = event.model_copy(update={"dropped": self._dropped})
        line = encode(event.stamped(self._run, self._attempt, self._seq + 1, time.time()))
        reach("reporter.write")
        written = os.write(self._fd, line)
        if written < len(line):
            # The next line would be glued to this half. Nobody else writes here, so it can be taken back.
            os.ftruncate(self._fd, os.fstat(self._fd).st_size - written)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._seq += 1
        if tells:
            self._dropped = 0

    def _sync(self) -> None:
        try:
            os.fsync(self._fd)
        except OSError as error:
            # Whoever reads the file sees the line all the same, unless the machine goes down now.
            log.warning("events may not be durable: %s", error)
