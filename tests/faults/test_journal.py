"""Journals as no worker should write them, and machines that come back: what was said counts, once."""

from __future__ import annotations

import asyncio
import json
import sys
import tracemalloc
from dataclasses import asdict, replace
from pathlib import Path

from bot.runs.announce import Change
from bot.runs.executor import Ending, Exit, Job
from bot.runs.journal import Journal
from bot.runs.local import LocalPool
from bot.runs.model import RunState
from bot.store import attempts
from bot.store import runs as rows
from bot.store.db import Database, Transaction
from tests.bot.chat.stories import NAME, run
from tests.bot.runs.test_endings import innocent
from tests.faults.invariants import broken
from tests.faults.stage import Stage
from tests.faults.store import ask
from trainer_core.files.layout import Home
from trainer_core.process import is_alive, is_locked

_EVENTS = 100_000
_FLOOD = f"""
import sys
from pathlib import Path
from tests.bot.chat.stories import NAME, progress, summary
from trainer_core.events import JobCompleted, JobStarted, encode
from trainer_core.files.layout import AttemptDirectory
from trainer_core.process import Lock

attempt = AttemptDirectory(Path(sys.argv[1]))
lock = Lock.take(attempt.lock)
print("held", flush=True)
spoilt = {{1000: b"x" * 10_000_000, 2000: b"\\xff\\xfe\\x00", 3000: b'{{"run": "brisk'}}
before, after = encode(progress(1).stamped(NAME, 1, 7, 0.0)).split(b'"seq":7')
with attempt.events.open("ab", buffering=0) as journal:
    journal.write(encode(JobStarted(pid=1, host="h", device="CPU").stamped(NAME, 1, 1, 0.0)))
    for seq in range(2, {_EVENTS}):
        if seq in spoilt:
            journal.write(spoilt[seq] + b"\\n")
        journal.write(before + b'"seq":%d' % seq + after)
    journal.write(encode(JobCompleted(summary=summary()).stamped(NAME, 1, {_EVENTS}, 0.0)))
attempt.exit.write_text('{{"status": 0, "signal": null}}')
"""


async def quiet(tx: Transaction, change: Change) -> None:
    """Nobody watches."""


async def test_a_flood_of_events_with_rubbish_in_it_is_taken_in_whole(tmp_path: Path) -> None:
    """A worker writes as fast as it can: the bot falls behind, keeps little of it in memory, and catches up."""
    home = Home(tmp_path / "home")
    database = await Database.open(home.database)
    attempt = home.run(NAME).attempt(1)
    attempt.path.mkdir(parents=True)
    async with database.transaction() as tx:
        await rows.insert(tx, run(RunState.STARTING, attempt=1), None)
        await attempts.insert(tx, NAME, 1, "cpu-0", 0.0)
    worker = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _FLOOD, str(attempt.path)), stdout=asyncio.subprocess.PIPE
    )
    assert worker.stdout is not None and await worker.stdout.readline() == b"held\n"
    tracemalloc.start()
    exit_ = await Journal(database, LocalPool(home, standby=0), quiet).follow(Job(NAME, 1))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    await worker.wait()
    await database.close()
    assert exit_ == Exit(Ending.EXITED, 0)
    assert peak < 48 << 20
    assert ask(home, "SELECT count(*) AS n, max(seq) AS last FROM events") == [{"n": _EVENTS, "last": _EVENTS}]
    assert [row["length"] for row in ask(home, "SELECT length FROM quarantine ORDER BY offset")] == [10_000_000, 3, 14]
    assert ask(home, "SELECT state FROM runs") == [{"state": "succeeded"}]


async def test_after_a_restart_of_the_machine_the_run_goes_on(stage: Stage, undisturbed: bytes) -> None:
    """Whoever has the pids of its processes by then lives on."""
    await stage.submit()
    async with stage.bot() as bot, innocent() as other:
        await stage.stepped(steps=3)
        await bot.kill()
        worker = stage.holder("worker")
        assert worker is not None and stage.kill_shim()
        [attempt] = stage.attempts()
        await stage.eventually(lambda: not is_alive(worker) and not is_locked(attempt.lock), "all is gone")
        before = asdict(replace(other, boot="before"))
        attempt.lock.write_text(json.dumps({"shim": before, "worker": before}))
        await bot.start()
        await stage.rest(bot)
        assert is_alive(other)
    assert len(stage.attempts()) == 2
    assert await stage.ended() == "succeeded"
    assert broken(stage, undisturbed) == []
