"""What is in `events.jsonl` is in the store, once, whatever happens to either."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from bot.runs.executor import Ending, Exit, Job
from bot.runs.journal import Journal
from bot.runs.model import RunState, Stall
from bot.store import events as event_rows
from bot.store import runs as rows
from tests.bot.chat.stories import NAME, events, progress, summary
from tests.bot.runs.conftest import Engine, held, lines
from trainer_core.events import Event, JobCompleted, JobProgress, JobStarted, MetricsEval

STORY: list[Event] = [*events(100), JobCompleted(summary=summary())]
JOB = Job(NAME, 1)


def end(engine: Engine, status: int = 0) -> None:
    engine.attempt(NAME).exit.write_text(json.dumps({"status": status, "signal": None}))


def append(journal: Path, data: bytes) -> None:
    with journal.open("ab") as file:
        file.write(data)


class Ears:
    """Hears what a journal hears."""

    def __init__(self) -> None:
        self.heard: list[Event] = []
        self._more = asyncio.Event()

    def __call__(self, job: Job, events: Sequence[Event]) -> None:
        assert job == JOB
        self.heard += events
        self._more.set()

    async def until(self, number: int) -> None:
        async with asyncio.timeout(30):
            while len(self.heard) < number:
                self._more.clear()
                await self._more.wait()


async def follow(engine: Engine, ears: Ears | None = None, *, hold: float = 5.0) -> Exit:
    heard = ears or Ears()
    return await Journal(engine.database, engine.pool, engine.announce, heard=heard, hold=hold).follow(JOB)


async def until_announced(engine: Engine) -> None:
    async with asyncio.timeout(30):
        await engine.announced.wait()


async def test_a_journal_is_followed_to_its_end(engine: Engine) -> None:
    await engine.add(RunState.STARTING, attempt=1)
    engine.attempt(NAME).events.write_bytes(lines(NAME, 1, STORY))
    end(engine)
    exit_ = await follow(engine)
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
        first = asyncio.create_task(follow(engine))
        await until_announced(engine)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
    append(journal, lines(NAME, 1, STORY[half:], first=half + 1))
    end(engine)
    await follow(engine)
    assert [e.seq for e in await engine.stored(NAME)] == list(range(1, len(STORY) + 1))


async def test_a_torn_line_is_not_yet_a_line(engine: Engine) -> None:
    await engine.add(RunState.STARTING, attempt=1)
    journal = engine.attempt(NAME).events
    whole = lines(NAME, 1, STORY)
    torn = whole.rindex(b"{") + 20
    journal.write_bytes(whole[:torn])
    async with held(engine.attempt(NAME)):
        following = asyncio.create_task(follow(engine))
        await until_announced(engine)
        assert len(await engine.stored(NAME)) == len(STORY) - 1
        append(journal, whole[torn:])
        end(engine)
    await following
    assert len(await engine.stored(NAME)) == len(STORY)


async def test_a_line_torn_for_good_is_left_out(engine: Engine) -> None:
    await engine.add(RunState.STARTING, attempt=1)
    engine.attempt(NAME).events.write_bytes(lines(NAME, 1, STORY[:3]) + b'{"type": "trainer.job.comp')
    end(engine, status=1)
    exit_ = await follow(engine)
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
        assert await follow(engine) == Exit(Ending.EXITED, 0)
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
    await follow(engine)
    assert await engine.stored(NAME) == []
    assert (await engine.read(NAME)).state is RunState.RUNNING
    assert engine.changes == []


async def test_an_attempt_that_is_overtaken_while_it_is_followed_is_not_heard_again(engine: Engine) -> None:
    """Not even what had been read by then and waited to be stored."""
    await engine.add(RunState.STARTING, attempt=1)
    story: list[Event] = [JobStarted(pid=1, host="h", device="CPU"), progress(1), JobCompleted(summary=summary())]
    started, waiting, completed = lines(NAME, 1, story).splitlines(keepends=True)
    journal = engine.attempt(NAME).events
    ears = Ears()
    journal.write_bytes(started)
    async with held(engine.attempt(NAME)):
        following = asyncio.create_task(follow(engine, ears, hold=3600.0))
        await until_announced(engine)
        append(journal, waiting)
        await ears.until(2)
        run = await engine.read(NAME)
        async with engine.database.transaction() as tx:
            await rows.update(tx, run, replace(run, attempt=2), 1.0)
        append(journal, completed)
        end(engine)
    await following
    assert [event.seq for event in await engine.stored(NAME)] == [1]
    assert (await engine.read(NAME)).state is RunState.RUNNING
    assert len(engine.changes) == 1


async def test_what_somebody_else_has_stored_is_not_stored_again(engine: Engine) -> None:
    """Two follow the same attempt, and the one that held something back finds that it is there."""
    await engine.add(RunState.STARTING, attempt=1)
    journal = engine.attempt(NAME).events
    journal.write_bytes(lines(NAME, 1, [progress(1)]))
    ears = Ears()
    async with held(engine.attempt(NAME)):
        late = asyncio.create_task(follow(engine, ears, hold=3600.0))
        await ears.until(1)
        early = asyncio.create_task(follow(engine, hold=0.0))
        await until_announced(engine)
        append(journal, lines(NAME, 1, STORY, first=2))
        end(engine)
    await asyncio.gather(late, early)
    assert [event.seq for event in await engine.stored(NAME)] == list(range(1, len(STORY) + 2))
    told = [event.seq for change in engine.changes for event in change.events]
    assert told == list(range(1, len(STORY) + 2))


async def test_progress_is_heard_at_once_and_stored_with_what_comes_next(engine: Engine) -> None:
    await engine.add(RunState.STARTING, attempt=1)
    journal = engine.attempt(NAME).events
    journal.write_bytes(lines(NAME, 1, [progress(1)]))
    ears = Ears()
    async with held(engine.attempt(NAME)):
        following = asyncio.create_task(follow(engine, ears, hold=3600.0))
        await ears.until(1)
        append(journal, lines(NAME, 1, [progress(2)], first=2))
        await ears.until(2)
        assert await engine.stored(NAME) == []
        append(journal, lines(NAME, 1, [MetricsEval(step=2, loss=3.0, bits_per_byte=1.0)], first=3))
        await until_announced(engine)
        assert [event.seq for event in await engine.stored(NAME)] == [1, 2, 3]
        end(engine)
    await following
    assert len(engine.changes) == 1 and ears.heard == list(engine.changes[0].events)


async def test_progress_that_nothing_follows_is_stored_before_long(engine: Engine) -> None:
    await engine.add(RunState.STARTING, attempt=1)
    engine.attempt(NAME).events.write_bytes(lines(NAME, 1, [progress(1)]))
    async with held(engine.attempt(NAME)):
        following = asyncio.create_task(follow(engine, hold=0.1))
        await until_announced(engine)
        assert len(await engine.stored(NAME)) == 1
        end(engine)
    await following


@pytest.mark.parametrize(
    ("event", "stalled"),
    [(progress(7), True), (progress(8), False), (JobProgress(phase="saving"), False)],
    ids=["known before", "a step further", "something else"],
)
async def test_a_run_whose_worker_goes_on_is_no_longer_stalled(engine: Engine, event: Event, stalled: bool) -> None:
    """Progress that was read before and stored after the stall was noticed is no sign of life."""
    stall = Stall(since=1.0, noticed_at=2.0, step=7, restarts_at=3.0)
    run = await engine.add(RunState.RUNNING, attempt=1)
    async with engine.database.transaction() as tx:
        await rows.update(tx, run, replace(run, stall=stall), 1.0)
    engine.attempt(NAME).events.write_bytes(lines(NAME, 1, [event]))
    end(engine)
    await follow(engine)
    assert (await engine.read(NAME)).stall == (stall if stalled else None)
    [change] = engine.changes
    assert (change.before.stall, change.after.stall) == (stall, stall if stalled else None)


@pytest.mark.parametrize("grows", [False, True], ids=["stays short", "grows again"])
async def test_a_journal_that_was_cut_short_is_named_and_nothing_is_read_twice(
    engine: Engine, caplog: pytest.LogCaptureFixture, grows: bool
) -> None:
    """The ending counts all the same; what is written beyond the place where reading stopped does, too."""
    await engine.add(RunState.STARTING, attempt=1)
    journal = engine.attempt(NAME).events
    told: list[Event] = [JobStarted(pid=1, host="h", device="CPU"), progress(1)]
    more: list[Event] = [*(progress(step) for step in range(2, 9)), JobCompleted(summary=summary())]
    journal.write_bytes(lines(NAME, 1, told))
    async with held(engine.attempt(NAME)):
        following = asyncio.create_task(follow(engine, hold=0.0))
        await until_announced(engine)
        journal.write_bytes(b"")
        async with asyncio.timeout(30):
            while "was changed by hand" not in caplog.text:
                await asyncio.sleep(0.01)
        if grows:
            append(journal, lines(NAME, 1, more, first=3))
        end(engine)
    assert await following == Exit(Ending.EXITED, 0)
    assert f"runs/{NAME}/attempts/1/events.jsonl" in caplog.text
    seqs = [event.seq for event in await engine.stored(NAME)]
    assert seqs[:2] == [1, 2] and seqs == sorted(set(seqs))
    assert (await engine.read(NAME)).state is (RunState.SUCCEEDED if grows else RunState.RUNNING)


async def test_what_a_full_disk_did_not_take_is_told_and_the_run_goes_on(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    await engine.add(RunState.STARTING, attempt=1)
    late = progress(9).model_copy(update={"dropped": 7})
    story: list[Event] = [JobStarted(pid=1, host="h", device="CPU"), progress(1), late, JobCompleted(summary=summary())]
    engine.attempt(NAME).events.write_bytes(lines(NAME, 1, story))
    end(engine)
    await follow(engine)
    assert [event.seq for event in await engine.stored(NAME)] == [1, 2, 3, 4]
    assert (await engine.read(NAME)).state is RunState.SUCCEEDED
    assert f"did not take 7 events into runs/{NAME}/attempts/1/events.jsonl" in caplog.text


async def test_a_long_journal_is_read_in_pieces(engine: Engine) -> None:
    """Several chunks long, written while it is read."""
    await engine.add(RunState.STARTING, attempt=1)
    story: list[Event] = [JobStarted(pid=1, host="h", device="CPU"), *(progress(1) for _ in range(8000))]
    written = lines(NAME, 1, story)
    assert len(written) > 2 << 20
    journal = engine.attempt(NAME).events
    journal.write_bytes(written[: len(written) // 2])
    async with held(engine.attempt(NAME)):
        following = asyncio.create_task(follow(engine))
        await until_announced(engine)
        append(journal, written[len(written) // 2 :])
        end(engine)
    await following
    async with engine.database.snapshot() as tx:
        assert await event_rows.journal_position(tx, NAME, 1) == (len(written), len(story))
