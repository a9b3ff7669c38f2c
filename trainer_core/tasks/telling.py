"""What a task says on its standard output: a JSON line each, progress not more often than somebody can look at it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TextIO

from trainer_core.tasks.orders import Progress, Result

INTERVAL = 0.25
"""Seconds between two words on the same phase, at least."""


class Teller:
    """Writes lines to `stream`. Raises OSError if nobody listens any more."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self._next = 0.0
        self._phase = ""

    def progress(self, progress: Progress) -> None:
        """Say it, unless as much was said a moment ago."""
        now = self._clock()
        if now >= self._next or progress.phase != self._phase:
            self._next, self._phase = now + INTERVAL, progress.phase
            self._say(progress)

    def result(self, result: Result) -> None:
        self._say(result)

    def _say(self, said: Progress | Result) -> None:
        self._stream.write(said.model_dump_json() + "\n")
        self._stream.flush()
