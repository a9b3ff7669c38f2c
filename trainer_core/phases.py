"""What a run is busy with, as it is told, and how long it took."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from trainer_core.events import Event, JobProgress, Phase

_TELLS_EVERY = 2.0
"""Seconds between two words on how far a phase is: a run that says nothing for long counts as stalled."""

log = logging.getLogger(__name__)


class Phases:
    """Reports each phase as it begins, how far it is, and how long each took."""

    def __init__(self, report: Callable[[Event], None]) -> None:
        self._report = report
        self._entered: list[tuple[Phase, float]] = []
        self._doing = ""
        self._told_at = 0.0

    def enter(self, phase: Phase, message: str) -> None:
        """`phase` begins now."""
        self._entered.append((phase, time.monotonic()))
        self._doing = message
        self.tell(message)

    def advance(self, done: float) -> None:
        """So much of the present phase is done, from 0 to 1. Told once in a while only."""
        if time.monotonic() - self._told_at >= _TELLS_EVERY:
            self.tell(f"{self._doing}: {done:.0%}")

    def tell(self, message: str) -> None:
        """What is known of the present phase by now."""
        phase, _ = self._entered[-1]
        self._told_at = time.monotonic()
        self._report(JobProgress(phase=phase, message=message))
        log.info("%s: %s", phase, message)

    def durations(self) -> dict[str, float]:
        """Seconds of each phase so far, the present one included, over all times that it was entered."""
        ends = [*(entered for _, entered in self._entered[1:]), time.monotonic()]
        lasted = dict.fromkeys((phase for phase, _ in self._entered), 0.0)
        for (phase, began), end in zip(self._entered, ends, strict=True):
            lasted[phase] += end - began
        return {phase: round(seconds, 3) for phase, seconds in lasted.items()}
