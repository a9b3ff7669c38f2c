"""Time that a test moves."""

import asyncio
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground.clock import Clock

DELAYS = st.lists(st.integers(0, 100), max_size=6)


@given(DELAYS, DELAYS)
def test_a_frozen_clock_fires_what_is_due_in_order(delays: list[int], steps: list[int]) -> None:
    clock = Clock(frozen_at=1000.0)
    fired: list[int] = []
    for delay in delays:
        clock.call_at(1000.0 + delay, partial(fired.append, delay))
    for step in steps:
        clock.advance(step)
    assert fired == sorted(fired)
    assert sorted(fired) == sorted(delay for delay in delays if steps and 1000.0 + delay <= clock.now())


def test_time_does_not_go_back_and_cancelled_timers_do_not_fire() -> None:
    clock = Clock(frozen_at=0.0)
    fired: list[str] = []
    clock.call_at(1.0, lambda: fired.append("cancelled")).cancel()
    victim = clock.call_at(2.0, lambda: fired.append("cancelled by the one before"))
    clock.call_at(1.5, victim.cancel)
    clock.call_at(1.0, lambda: fired.append("kept"))
    clock.advance(5.0)
    clock.advance(5.0)
    assert fired == ["kept"]
    with pytest.raises(ValueError, match="must not be negative"):
        clock.advance(-1)


async def test_the_running_clock_fires_by_itself_and_sooner_when_advanced() -> None:
    clock = Clock()
    soon, later, never = asyncio.Event(), asyncio.Event(), asyncio.Event()
    clock.call_at(clock.now(), soon.set)
    clock.call_at(clock.now() + 3600, later.set)
    clock.call_at(clock.now() + 7200, never.set).cancel()
    await asyncio.wait_for(soon.wait(), 10)
    clock.advance(1800)
    assert not later.is_set()
    clock.advance(1800)
    assert later.is_set()
    assert not never.is_set()
