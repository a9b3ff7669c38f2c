from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.runs.model import RunState
from bot.store import attempts
from bot.store import events as rows
from bot.store import runs as run_rows
from bot.store.db import Database
from tests.bot.chat.stories import NAME, events, progress, run
from tests.bot.storing import append_events, events_of
from trainer_core.events import Event, JobStarted, MetricsCheckpoint, MetricsEval, MetricsProgress


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = await Database.open(tmp_path / "spotter.db")
    yield database
    await database.close()


async def test_a_long_story_is_thinned_to_what_a_picture_shows(database: Database) -> None:
    """Progress and checkpoints are left out, but never the newest progress, nor the newest checkpoint asked for."""
    story: list[Event] = [*events(0)]
    for step in range(1, 3001):
        story.append(progress(step, 3000))
        if step % 100 == 0:
            story.append(MetricsEval(step=step, loss=3.0, bits_per_byte=1.0))
            story.append(MetricsCheckpoint(step=step, path="p", bytes=1, seconds=0.1, pinned=step in (500, 700)))
    story.append(progress(3000, 3000))
    stamped = [each.stamped(NAME, 1, seq, 0.0) for seq, each in enumerate(story, start=1)]
    async with database.transaction() as tx:
        await run_rows.insert(tx, run(RunState.RUNNING, attempt=1), None)
        await attempts.insert(tx, NAME, 1, "cpu-0", 0.0)
        await append_events(tx, NAME, 1, stamped, 100)
        whole = await events_of(tx, NAME)
        thin = await rows.events_for_view(tx, NAME, 300)
        one = await rows.events_for_view(tx, NAME, 1)
    assert whole == stamped
    others = [
        each
        for each in stamped
        if not isinstance(each, MetricsProgress | MetricsCheckpoint)
        or (isinstance(each, MetricsCheckpoint) and each.step == 700)
    ]
    assert [each for each in thin if not isinstance(each, MetricsProgress)] == others
    assert 200 <= len(thin) - len(others) <= 350 and thin[-1] == stamped[-1]
    assert [each for each in one if isinstance(each, MetricsProgress)][-1] == stamped[-1]
    assert len(one) - len(others) <= 2


async def test_attempts_are_read_in_their_order(database: Database) -> None:
    async with database.transaction() as tx:
        await run_rows.insert(tx, run(RunState.RUNNING, attempt=2), None)
        for attempt in (1, 2):
            await attempts.insert(tx, NAME, attempt, "cpu-0", 0.0)
            started = JobStarted(pid=1, host="h", device="CPU").stamped(NAME, attempt, 1, 0.0)
            await append_events(tx, NAME, attempt, [started], 10 * attempt)
        assert [event.attempt for event in await events_of(tx, NAME)] == [1, 2]
        assert await rows.journal_position(tx, NAME, 2) == (20, 1)
        assert await rows.journal_position(tx, NAME, 3) == (0, 0)


async def test_lines_set_aside_are_kept_with_the_position(database: Database) -> None:
    misfit = rows.Misfit(offset=7, length=3, reason="no event", beginning=b"\xff\xfe\x00")
    async with database.transaction() as tx:
        await run_rows.insert(tx, run(RunState.RUNNING, attempt=1), None)
        await attempts.insert(tx, NAME, 1, "cpu-0", 0.0)
        await append_events(tx, NAME, 1, [progress(1).stamped(NAME, 1, 1, 0.0)], 7)
        await rows.append(tx, NAME, 1, rows.Batch(7, 11, [], [misfit], 1), at=5.0)
        assert await rows.journal_position(tx, NAME, 1) == (11, 1)
        assert await rows.quarantined(tx, NAME, 1) == 1
        row = await tx.one("SELECT * FROM quarantine")
    assert row is not None
    assert dict(row) == {
        **{"run": NAME, "attempt": 1, "offset": 7, "length": 3, "reason": "no event"},
        **{"beginning": b"\xff\xfe\x00", "at": 5.0},
    }
