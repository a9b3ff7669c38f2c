"""The global rate of requests: Discord takes 50 a second of a bot, over all routes but those of interactions."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable

_ROUNDING = 1e-6
"""Of a token: who waited for as long as told is not sent away for another blink."""


class TokenBucket:
    """`rate` requests a second, and up to `burst` at once after a rest. Times are seconds of any steady clock."""

    def __init__(self, rate: float, burst: int, now: float) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = float(burst)
        self._at = now

    def take(self, now: float) -> float:
        """Take a token if there is one and return 0.0, else the seconds until there is one."""
        self._tokens = min(self._tokens + max(now - self._at, 0.0) * self._rate, float(self._burst))
        self._at = now
        if self._tokens >= 1 - _ROUNDING:
            self._tokens -= 1
            return 0.0
        return (1 - self._tokens) / self._rate


class Rate:
    """Lets requests out one by one. Those that matter more go first; the others have what is left."""

    def __init__(self, per_second: float = 36.0, burst: int = 2, *, now: Callable[[], float] = time.monotonic) -> None:
        """So far below Discord's limit that a dozen requests which were held up on the way do not break it."""
        self._bucket = TokenBucket(per_second, burst, now())
        self._now = now
        self._first: deque[asyncio.Future[None]] = deque()
        self._others: deque[asyncio.Future[None]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    async def turn(self, *, first: bool) -> None:
        """Return when one more request may go out; `first` goes before all that are not."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        (self._first if first else self._others).append(waiter)
        if self._timer is None:
            self._let_out()
        await waiter

    def _let_out(self) -> None:
        self._timer = None
        while queue := self._first or self._others:
            if queue[0].done():  # cancelled
                queue.popleft()
                continue
            if pause := self._bucket.take(self._now()):
                self._timer = asyncio.get_running_loop().call_later(pause, self._let_out)
                return
            queue.popleft().set_result(None)
