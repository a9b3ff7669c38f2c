"""Processes that die, stand still, or come back: the run goes on, and everybody is told once."""

from __future__ import annotations

from tests.faults.invariants import broken
from tests.faults.stage import Stage


async def test_nothing_happens(stage: Stage, undisturbed: bytes) -> None:
    await stage.submit()
    async with stage.bot() as bot:
        await stage.rest(bot)
    assert broken(stage, undisturbed) == []


async def test_a_worker_killed_in_a_step_is_replaced(stage: Stage, undisturbed: bytes) -> None:
    await stage.submit()
    async with stage.bot("worker.step:5:kill") as bot:
        await stage.rest(bot)
    assert len(stage.attempts()) == 2
    assert broken(stage, undisturbed) == []
