"""Requests never come faster than allowed, and what matters goes first."""

from __future__ import annotations

import asyncio
from itertools import accumulate

from hypothesis import given
from hypothesis import strategies as st

from bot.chat.notify.rate import Rate, TokenBucket

RATE, BURST = 40.0, 3


@given(st.lists(st.sampled_from([0.0, 0.001, 0.01, 0.1, 1.0, 10.0, -86_400.0]), min_size=1, max_size=400))
def test_no_second_has_more_than_its_rate_and_a_burst(steps: list[float]) -> None:
    """Whoever asks again when told to gets through; a clock that is set back frees nothing."""
    bucket = TokenBucket(RATE, BURST, 0.0)
    granted = [now for now in accumulate(max(step, 0.0) for step in steps) if bucket.take(now) == 0]
    for first in granted:
        assert sum(first <= now < first + 1 for now in granted) <= RATE + BURST


@given(st.integers(1, 200))
def test_whoever_waits_as_told_gets_the_whole_rate(requests: int) -> None:
    bucket, now, granted = TokenBucket(RATE, BURST, 0.0), 0.0, 0
    while granted < requests:
        pause = bucket.take(now)
        granted += not pause
        now += pause
    assert now <= max(requests - BURST, 0) / RATE + 1e-6


async def test_what_matters_goes_first_and_others_have_the_rest() -> None:
    rate, out = Rate(200.0, 1), []

    async def ask(name: str, *, first: bool) -> None:
        await rate.turn(first=first)
        out.append(name)

    async with asyncio.TaskGroup() as group:
        for name in ("card 1", "card 2", "end 1", "end 2"):
            group.create_task(ask(name, first=name.startswith("end")))
    assert out == ["card 1", "end 1", "end 2", "card 2"]


async def test_who_gives_up_waiting_takes_no_turn() -> None:
    rate = Rate(10.0, 1)  # slow enough that its turn does not come before it is cancelled
    await rate.turn(first=False)
    gone = asyncio.create_task(rate.turn(first=True))
    await asyncio.sleep(0)
    gone.cancel()
    await rate.turn(first=False)
    assert gone.cancelled()
