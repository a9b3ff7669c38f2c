"""How long a worker may be silent before something is wrong with it. Pure: it is told the time."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from enum import StrEnum
from statistics import median

from trainer_core.events import (
    Event,
    JobCompleted,
    JobFailed,
    JobPaused,
    JobProgress,
    JobStopped,
    MetricsProgress,
)

_TIMES_MEDIAN = 10.0
_STEPS = 128
"""Steps whose durations the median is taken of."""
_PATIENCE = 6.0
"""Before the first step and after the last, whose length nobody knows, so many times the floor."""


class Choice(StrEnum):
    """What a person wants done about a stalled run; stopping it is a third way."""

    WAIT = "wait"
    """Leave it alone, and ask again later."""
    RESTART = "restart"
    """Kill its worker: it goes on from its newest checkpoint."""


class Activity:
    """When an attempt was last heard, and how long it may be silent. Times are monotonic seconds."""

    def __init__(self, floor: float, at: float) -> None:
        """`floor`: the least number of seconds without a step that counts as a stall."""
        self._floor = floor
        self._heard_at = at
        self._since = at
        self._steps: deque[float] = deque(maxlen=_STEPS)
        self._last: MetricsProgress | None = None
        self._training = self._over = False
        self._patience = 1.0

    @property
    def step(self) -> int:
        """The newest step it told of."""
        return self._last.step if self._last else 0

    @property
    def limit(self) -> float:
        """Seconds of silence after which it counts as stalled: ten times its median step, at least the floor."""
        if not self._training and not self._over:
            return self._patience * self._floor * _PATIENCE
        return self._patience * max(self._floor, self.slow_step)

    @property
    def slow_step(self) -> float:
        """Seconds that a step may well take: ten times the median; 0 while nothing is known."""
        return _TIMES_MEDIAN * median(self._steps) if self._steps else 0.0

    def silent(self, at: float) -> float:
        """Seconds since it was last heard, or since somebody chose to wait."""
        return at - self._since

    def quiet(self, at: float) -> float:
        """Seconds since it was last heard."""
        return at - self._heard_at

    def is_stalled(self, at: float) -> bool:
        return self.silent(at) > self.limit

    def heard(self, events: Sequence[Event], at: float) -> None:
        """It told something: it goes on."""
        self._heard_at = self._since = at
        for event in events:
            match event:
                case MetricsProgress():
                    self._patience = 1.0
                    if self._last is not None and event.step > self._last.step:
                        self._steps.append((event.elapsed - self._last.elapsed) / (event.step - self._last.step))
                    self._last, self._training = event, True
                case JobProgress():
                    self._training = False
                case JobCompleted() | JobFailed() | JobStopped() | JobPaused():
                    # Nothing is left to do but to leave.
                    self._over = True
                case _:
                    pass

    def wait(self, at: float) -> None:
        """Somebody chose to wait: it is given twice the time from now."""
        self._since = at
        self._patience *= 2

    def excuse(self, seconds: float) -> None:
        """So long nobody listened: that silence does not count."""
        self._heard_at += seconds
        self._since += seconds
