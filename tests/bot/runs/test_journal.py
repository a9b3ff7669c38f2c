"""What is in `events.jsonl` is in the store, once, whatever happens to either."""

from __future__ import annotations

import asyncio
import json

import pytest

from bot.runs.executor import Ending, Exit, Job
from bot.runs.journal import Journal
from bot.runs.model import RunState
from bot.store import events as event_rows
from tests.bot.chat.stories import NAME, events, progress, summary
from tests.bot.runs.conftest import Engine, held, lines
from trainer_core.events import Event, JobCompleted, JobStarted

STORY: list[Event] = [*events(100), JobCompleted(summary=summary())]
JOB = Job(NAME, 1)


def end(engine: Engine, status: int = 0) -> None:
    engine.attempt(NAME).exit.write_text(json.dumps({"status": status, "signal": None}))


async def until_announced(engine: Engine) -> None:
    async with asyncio.timeout(30):
        await engine.announced.wait()


async def test_a_journal_is_followed_to_its_end(engine: Engine) -> None:
    await engine.add(RunState.STARTING, attempt=1)
    engine.attempt(NAME).events.write_bytes(lines(NAME, 1, STORY))
    end(engine)
    exit_ = await Journal(engine.database, engine.pool, engine.announce).follow(JOB)
    assert exit_ == Exit(Ending.EXITED, 0)
    assert await engine.stored(NAME) == [e.stamped(NAME, 1, n, 0.0) for n, e in enumerate(STORY, start=1)]
    run = await engine.read(NAME)
    assert run.state is RunState.SUCCEEDED and run.summary == summary()
    assert [(c.before.state, c.after.state) for c in engine.changes] == [(RunState.STARTING, RunState.SUCCEEDED)]


async def test_following_again_counts_nothing_twice(engine: Engine) -> None:
    await engine.add(RunState.STARTING, attempt=1)
    journal = engine.attempt(NAME).events
    half = len(STORY) // 2
    journal.write_bytes(lines(NAME, 1, STORY[:half]))
    async with held(engine.attempt(NAME)):
        first = asyncio.create_task(Journal(engine.database, engine.pool, engine.announce).follow(JOB))
        await until_announced(engine)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
    with journal.open("ab") as file:
        file.write(lines(NAME, 1, STORY[half:], first=half + 1))
    end(engine)
    await Journal(engine.database, engine.pool, engine.announce).follow(JOB)
    assert [e.seq for e in await engine.stored(NAME)] == list(range(1, len(STORY) + 1))


async def test_a_torn_line_is_not_yet_a_line(engine: Engine) -> None:
    await engine.add(RunState.STARTING, attempt=1)
    journal = engine.attempt(NAME).events
    whole = lines(NAME, 1, STORY)
    torn = whole.rindex(b"{") + 20
    journal.write_bytes(whole[:torn])
    async with held(engine.attempt(NAME)):
        following = asyncio.create_task(Journal(engine.database, engine.pool, engine.announce).follow(JOB))
        await until_announced(engine)
        assert len(await engine.stored(NAME)) == len(STORY) - 1
        with journal.open("ab") as file:
            file.write(whole[torn:])
        end(engine)
    await following
    assert len(await engine.stored(NAME)) == len(STORY)


async def test_a_line_torn_for_good_is_left_out(engine: Engine) -> None:
    await engine.add(RunState.STARTING, attempt=1)
    engine.attempt(NAME).events.write_bytes(lines(NAME, 1, STORY[:3]) + b'{"type": "trainer.job.comp')
    end(engine, status=1)
    exit_ = await Journal(engine.database, engine.pool, engine.announce).follow(JOB)
    assert exit_ == Exit(Ending.EXITED, 1)
    assert len(await engine.stored(NAME)) == 3


async def test_lines_that_are_no_events_are_set_aside_once(engine: Engine, caplog: pytest.LogCaptureFixture) -> None:
    """They are kept with what they were, the person who looks after the bot is told, and the run goes on."""
    await engine.add(RunState.STARTING, attempt=1)
    long = b"x" * (3 << 20)
    whole = lines(NAME, 1, STORY)
    first, second, *rest = whole.splitlines(keepends=True)
    engine.attempt(NAME).events.write_bytes(first + b"\xff\xfe\n" + second[:20] + b"\n" + long + b"\n" + b"".join(rest))
    end(engine)
    for _ in range(2):
        assert await Journal(engine.database, engine.pool, engine.announce).follow(JOB) == Exit(Ending.EXITED, 0)
    assert [e.seq for e in await engine.stored(NAME)] == [1, *range(3, len(STORY) + 1)]
    assert (await engine.read(NAME)).state is RunState.SUCCEEDED
    async with engine.database.snapshot() as tx:
        aside = await tx.all("SELECT offset, length, beginning FROM quarantine ORDER BY offset")
        offset, _ = await event_rows.journal_position(tx, NAME, 1)
    assert offset == engine.attempt(NAME).events.stat().st_size
    assert [tuple(row) for row in aside] == [
        (len(first), 2, b"\xff\xfe"),
        (len(first) + 3, 20, second[:20]),
        (len(first) + 24, len(long), b"x" * 200),
    ]
    assert caplog.text.count("that are no events were set aside") == 2  # once for each megabyte in which there are some
    assert f"runs/{NAME}/attempts/1/events.jsonl" in caplog.text


async def test_what_an_old_attempt_reports_counts_for_nothing(engine: Engine) -> None:
    await engine.add(RunState.RUNNING, attempt=2)
    engine.attempt(NAME, 1).events.write_bytes(lines(NAME, 1, STORY))
    end(engine)
    await Journal(engine.database, engine.pool, engine.announce).follow(JOB)
    assert await engine.stored(NAME) == []
    assert (await engine.read(NAME)).state is RunState.RUNNING
    assert engine.changes == []


async def test_a_long_journal_is_read_in_pieces(engine: Engine) -> None:
    """Several chunks long, written while it is read."""
    await engine.add(RunState.STARTING, attempt=1)
    story: list[Event] = [JobStarted(pid=1, host="h", device="CPU"), *(progress(1) for _ in range(8000))]
    written = lines(NAME, 1, story)
    assert len(written) > 2 << 20
    journal = engine.attempt(NAME).events
    journal.write_bytes(written[: len(written) // 2])
    async with held(engine.attempt(NAME)):
        following = asyncio.create_task(Journal(engine.database, engine.pool, engine.announce).follow(JOB))
        await until_announced(engine)
        with journal.open("ab") as file:
            file.write(written[len(written) // 2 :])
        end(engine)
    await following
    async with engine.database.snapshot() as tx:
        assert await event_rows.journal_position(tx, NAME, 1) == (len(written), len(story))
