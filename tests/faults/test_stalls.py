"""Workers that live and do not advance, or will not end."""

from __future__ import annotations

import os
import signal
from contextlib import AsyncExitStack

import pytest

from bot.catalog.catalog import Catalog
from bot.chat.notify.outbox import Outbox
from bot.person import Person
from bot.runs.dispatcher import Dispatcher
from bot.runs.local import LocalPool
from bot.runs.record import Record
from bot.runs.service import RunService
from bot.runs.slots import share
from bot.runs.watchdog import Watchdog
from bot.store.db import Database
from tests.e2e.conftest import title
from tests.faults.invariants import broken
from tests.faults.stage import Stage, read_events
from tests.faults.store import ask
from trainer_core.faults import VARIABLE
from trainer_core.process import is_alive, signal_group

MINUTES = "0.1"
"""Six seconds without a step are a stall, or six times that before the first."""


async def test_a_worker_that_stands_still_is_told_of_and_goes_on(stage: Stage, undisturbed: bytes) -> None:
    await stage.submit()
    async with stage.bot("worker.step:9:stop", SPOTTER_STALL_MINUTES=MINUTES) as bot:
        await stage.eventually(lambda: _is_stalled(stage), "the stall is noticed")
        assert stage.kill_worker(number=signal.SIGCONT)
        alert = await stage.owner.until(lambda m: m.author.bot and not m.silent, 60)
        await stage.rest(bot)
    assert "song" in alert.content and alert.components
    assert stage.owner.notifications()[0].message.id == alert.id
    assert ["finished" in title(note.message) for note in stage.owner.notifications()] == [False, True]
    (shown,) = [message for message in stage.owner.inbox() if message.id == alert.id]
    assert not shown.components, "it is over, and nothing is left to press"
    assert len(stage.attempts()) == 1
    assert broken(stage, undisturbed) == []


async def test_an_endless_loop_is_shown_killed_and_made_up_for(stage: Stage, undisturbed: bytes) -> None:
    await stage.submit()
    async with stage.bot("worker.step:9:delay=3600", SPOTTER_STALL_MINUTES=MINUTES) as bot:
        await stage.rest(bot)
    first, second = stage.attempts()
    log = first.log.read_text()
    assert "most recent call first" in log and "loop.py" in log, "where each thread was"
    resumed = read_events(second.events)[0]["resumed_step"]
    assert isinstance(resumed, int) and resumed >= 8, "it went on from its newest checkpoint"
    assert ask(stage.home, "SELECT stall FROM runs") == [{"stall": None}]
    assert broken(stage, undisturbed) == []


async def test_an_attempt_that_comes_back_after_the_next_one_began_is_fenced(stage: Stage, undisturbed: bytes) -> None:
    """The old worker stands still and its lock is gone, so that it counts as lost; then it goes on."""
    await stage.submit()
    async with stage.bot("worker.step:5:stop") as bot:
        await stage.stepped(steps=4)
        old = stage.holder("worker")
        assert old is not None
        stage.attempts()[0].lock.unlink()
        await stage.eventually(lambda: bool(read_events(stage.home.run("song").attempt(2).events)), "the next begins")
        assert signal_group(old, signal.SIGCONT)
        await stage.eventually(lambda: not is_alive(old), "the old worker ends")
        await stage.rest(bot)
    told = [event["type"] for event in read_events(stage.attempts()[0].events)]
    counted = [row["type"] for row in ask(stage.home, "SELECT type FROM events WHERE attempt = 1 ORDER BY seq")]
    assert len(told) > len(counted) and told[-1] == "trainer.job.failed.v1", "what it told then counts for nothing"
    assert len(stage.attempts()) == 2 and await stage.ended() == "succeeded"
    (outlived,) = broken(stage, undisturbed)
    assert "song-1: its worker outlived it by" in outlived, "nothing else came of it"


async def test_a_worker_that_does_not_listen_is_made_to_end(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither control.json nor SIGTERM reach one that stands still."""
    monkeypatch.setenv(VARIABLE, "worker.step:3:stop")
    monkeypatch.setenv("SPOTTER_HOME", str(stage.home.path))
    await stage.submit()
    async with AsyncExitStack() as stack:
        database = await Database.open(stage.home.database)
        stack.push_async_callback(database.close)
        pool = LocalPool(stage.home, share(1, 1, ()), standby=0)
        stack.push_async_callback(pool.close)
        outbox = Outbox(lambda: None)
        watchdog = Watchdog(database, pool, outbox, floor=3600.0)
        dispatcher = Dispatcher(database, pool, outbox, watchdog, grace=0.5)
        stack.push_async_callback(dispatcher.close)
        catalog = Catalog(stage.home, Record(database), upload_limit=1, corpus_limit=1)
        service = RunService(database, stage.home, catalog, outbox, dispatcher, queued_cap=1)
        await dispatcher.start()
        await stage.stepped(steps=2)
        worker = stage.holder("worker")
        assert worker is not None
        await service.stop(Person(stage.owner.id, is_owner=True), "song")
        assert await stage.ended() == "stopped"
        await stage.eventually(lambda: not ask(stage.home, "SELECT 1 FROM attempts WHERE ended_at IS NULL"), "it ends")
    assert not is_alive(worker)
    with pytest.raises(ProcessLookupError):
        os.killpg(worker.pid, 0)
    (attempt,) = ask(stage.home, "SELECT exit FROM attempts")
    assert "KILLED" in attempt["exit"] and "status=9" in attempt["exit"]


async def test_the_same_crash_three_times_ends_the_run_and_shows_where(stage: Stage) -> None:
    await stage.submit(checkpoint={"every_seconds": 3600})
    async with stage.bot("worker.step:5:raise", once=False) as bot:
        await stage.rest(bot)
    (run,) = ask(stage.home, "SELECT state, attempt, error FROM runs")
    assert (run["state"], run["attempt"]) == ("failed", 3)
    assert "loop.py" in run["error"] and "InjectedError" in run["error"]
    (alert,) = [note.message for note in stage.owner.notifications()]
    assert "InjectedError" in str(alert.to_dict()) and str(stage.home.path) not in str(alert.to_dict())


def _is_stalled(stage: Stage) -> bool:
    return bool(ask(stage.home, "SELECT 1 FROM runs WHERE stall IS NOT NULL"))
