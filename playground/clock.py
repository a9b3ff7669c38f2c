"""Time as the playground sees it: the real clock, which a test may push forward or freeze."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(slots=True, eq=False)
class Timer:
    """A callback that will run once, unless cancelled."""

    when: float
    callback: Callable[[], None]
    handle: asyncio.TimerHandle | None = None

    def cancel(self) -> None:
        self.when = float("inf")
        if self.handle is not None:
            self.handle.cancel()


@dataclass(slots=True, eq=False)
class Clock:
    """Unix time in seconds.

    It runs with the system's clock, ahead of it by what `advance` added; with `frozen_at` it starts there and moves
    only when advanced. Token expiry, message age and rate limits all read it, so an hour passes in one call.
    """

    frozen_at: float | None = None
    _ahead: float = 0.0
    _timers: list[Timer] = field(default_factory=list)

    def now(self) -> float:
        return (time.time() if self.frozen_at is None else self.frozen_at) + self._ahead

    def advance(self, seconds: float) -> None:
        """Move time forward and run, in order, what has become due. Raises ValueError if `seconds` is negative."""
        if seconds < 0:
            raise ValueError("advance: seconds must not be negative, time only moves forward")
        self._ahead += seconds
        for timer in sorted(self._timers, key=lambda timer: timer.when):
            if timer.when <= self.now():
                self._fire(timer)
            else:
                self._arm(timer)

    def call_at(self, when: float, callback: Callable[[], None]) -> Timer:
        """Run `callback` once at Unix time `when`, from the event loop or from `advance`."""
        self._timers = [timer for timer in self._timers if timer.when != float("inf")]
        timer = Timer(when, callback)
        self._timers.append(timer)
        self._arm(timer)
        return timer

    def _arm(self, timer: Timer) -> None:
        if timer.handle is not None:
            timer.handle.cancel()
            timer.handle = None
        if self.frozen_at is None and timer.when != float("inf"):
            delay = max(0.0, timer.when - self.now())
            timer.handle = asyncio.get_running_loop().call_later(delay, self._fire, timer)

    def _fire(self, timer: Timer) -> None:
        self._timers.remove(timer)
        timer.cancel()
        timer.callback()
