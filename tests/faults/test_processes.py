"""Processes that die, stand still, or come back: the run goes on, and everybody is told once."""

from __future__ import annotations

import pytest

from tests.e2e.conftest import title
from tests.faults.invariants import broken
from tests.faults.stage import Stage
from tests.faults.store import ask
from trainer_core.process import is_alive


async def test_a_worker_killed_in_a_step_is_replaced(stage: Stage, undisturbed: bytes) -> None:
    await stage.submit()
    async with stage.bot("worker.step:5:kill") as bot:
        await stage.rest(bot)
    assert len(stage.attempts()) == 2
    assert broken(stage, undisturbed) == []


async def test_a_bot_killed_again_and_again_finds_the_same_worker(stage: Stage, undisturbed: bytes) -> None:
    """It is back at once the first time, and the second time only when the worker has gone far ahead.

    How long it is away counts in steps: of a run this small, seconds may be all or nothing.
    """
    await stage.submit()
    async with stage.bot() as bot:
        await stage.stepped(steps=2)
        await bot.kill()
        worker = stage.holder("worker")
        await bot.start()
        await stage.connected()
        await bot.kill()
        await stage.stepped(steps=12)
        assert worker is not None and stage.holder("worker") == worker
        await bot.start()
        await stage.rest(bot)
    assert bot.starts == 3 and len(stage.attempts()) == 1
    assert await stage.ended() == "succeeded"
    assert broken(stage, undisturbed) == []


async def test_bot_shim_and_worker_killed_together(stage: Stage, undisturbed: bytes) -> None:
    await stage.submit()
    async with stage.bot() as bot:
        await stage.stepped(steps=3)
        await bot.kill()
        assert stage.kill_shim()
        stage.kill_worker()  # the kernel may have been quicker
        await bot.start()
        await stage.rest(bot)
    assert len(stage.attempts()) == 2
    assert broken(stage, undisturbed) == []


async def test_a_worker_ends_with_its_shim_and_is_replaced(stage: Stage, undisturbed: bytes) -> None:
    await stage.submit()
    async with stage.bot() as bot:
        await stage.stepped(steps=3)
        worker = stage.holder("worker")
        assert worker is not None and stage.kill_shim()
        await stage.eventually(lambda: not is_alive(worker), "the worker ends")
        await stage.rest(bot)
    assert len(stage.attempts()) == 2
    assert broken(stage, undisturbed) == []


async def test_a_run_that_ends_while_the_bot_is_down_is_told_once(stage: Stage, undisturbed: bytes) -> None:
    await stage.submit()
    async with stage.bot() as bot:
        await stage.stepped(steps=2)
        await bot.kill()
        await stage.exited()
        assert stage.owner.notifications() == []
        await bot.start()
        await stage.rest(bot)
        await bot.kill()
        await bot.start()
        await stage.connected()
        await stage.rest(bot)
    assert ["finished" in title(note.message) for note in stage.owner.notifications()] == [True]
    assert broken(stage, undisturbed) == []


@pytest.mark.parametrize(
    ("point", "attempts"),
    [("dispatcher.claimed", 2), ("dispatcher.submitted", 1), ("shim.locked", 1), ("shim.accepted", 2)],
)
async def test_killed_while_a_worker_is_being_started(
    stage: Stage, undisturbed: bytes, point: str, attempts: int
) -> None:
    """Between the row and the process, or between the process and its row: nothing is started twice.

    A worker whose shim has just accepted may have begun when it ends with it, but not go on beside the next one.
    """
    await stage.submit()
    async with stage.bot(f"{point}:1:kill") as bot:
        await stage.rest(bot)
    assert len(ask(stage.home, "SELECT * FROM attempts")) == attempts
    assert broken(stage, undisturbed) == []


async def test_runs_that_wait_for_one_slot_never_share_it(stage: Stage, undisturbed: bytes) -> None:
    """A worker dies at its work, and the bot as it gives the slot on."""
    await stage.submit("first")
    await stage.submit("second", person=stage.playground.person("Grace"))
    async with stage.bot("dispatcher.claimed:2:kill,worker.step:12:kill") as bot:
        await stage.rest(bot)
    slots = ask(stage.home, "SELECT run, slot FROM attempts ORDER BY started_at")
    assert {row["slot"] for row in slots} == {"cpu-0"} and slots[0]["run"] == "first" and slots[-1]["run"] == "second"
    assert len(stage.playground.person("Grace").notifications()) == len(stage.owner.notifications()) == 1
    assert broken(stage, undisturbed) == []
