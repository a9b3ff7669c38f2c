"""How fast journals get into the store, and what it costs to follow ten runs that train.

    python benchmarks/journal.py --events 200000 --seconds 30

Real: the files, the store, the pool that watches them, the journal, the outbox. The worker is a small process that
writes what a worker would. Beside it, in the same run, the plain way to do it: one commit an event. Prints a table;
exits with 1 if a bound is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import resource
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bot.chat.notify.outbox import Outbox
from bot.runs.announce import Change
from bot.runs.executor import Exit, Job
from bot.runs.journal import Journal
from bot.runs.local import LocalPool
from bot.runs.model import Run, RunState
from bot.store import attempts
from bot.store import events as event_rows
from bot.store import runs as rows
from bot.store.db import Database
from bot.store.events import Batch, Entry
from trainer_core.events import Event, JobStarted, MetricsEval, MetricsProgress, decode, encode
from trainer_core.files.layout import Home
from trainer_core.process import Lock
from trainer_core.spec import parse_spec

FASTEST = 20_000
"""Events a second that have to be taken in."""
LARGEST = 64
"""MiB by which taking them in may make the process grow."""
LONGEST = 0.05
"""Seconds for which nothing else may get its turn."""
BUSIEST = 0.01
"""Share of one core that following the runs may take."""
RUNS, PER_SECOND = 10, 2.0
_PLAIN_EVENTS = 3000
_PLAIN_LOOK = 0.2
_WARM = 2.0
"""Seconds at either end of the runs that are not measured."""

Follow = Callable[[Job], Awaitable[object]]


def _line(run: str, seq: int) -> bytes:
    event: Event
    if seq == 1:
        event = JobStarted(pid=1, host="here", device="CPU")
    elif seq % 50 == 0:
        event = MetricsEval(step=seq, loss=3.2, bits_per_byte=1.6)
    else:
        event = MetricsProgress(
            step=seq,
            steps_total=1_000_000,
            fraction=seq / 1_000_000,
            tokens=seq * 2048,
            loss=3.2 + 5 / seq,
            learning_rate=3e-3,
            gradient_norm=0.8123456789,
            tokens_per_second=16_384.123456789,
            elapsed=seq / 8,
            remaining=(1_000_000 - seq) / 8,
        )
    return encode(event.stamped(run, 1, seq, time.time()))


def write(folder: Path, seconds: float) -> None:
    """Be the workers of `RUNS` runs for so long."""
    directories = [Home(folder).run(name).attempt(1) for name in _names()]
    locks = [Lock.take(directory.lock) for directory in directories]
    assert all(locks)
    files = [directory.events.open("ab", buffering=0) for directory in directories]
    print("ready", flush=True)
    began, number = time.monotonic(), 0
    while (due := began + number / PER_SECOND / RUNS) < began + seconds:
        time.sleep(max(due - time.monotonic(), 0.0))
        seq, which = divmod(number, RUNS)
        files[which].write(_line(directories[which].path.parent.parent.name, seq + 1))
        number += 1
    for directory in directories:
        directory.exit.write_text('{"status": 0, "signal": null}')


def _names() -> list[str]:
    return [f"brisk-otter-{number}" for number in range(RUNS)]


@dataclass(frozen=True, slots=True)
class Stage:
    """A home folder with runs that have just started, and what follows them."""

    home: Home
    database: Database
    pool: LocalPool
    outbox: Outbox

    async def plain(self, job: Job) -> None:
        """Follow the job in the plainest way that counts everything once."""
        attempt = self.home.run(job.run).attempt(job.attempt)
        with attempt.events.open("rb") as file:
            while True:
                ended = attempt.exit.exists()
                while line := file.readline():
                    event = decode(line)
                    async with self.database.transaction() as tx:
                        run = await rows.find(tx, job.run)
                        assert run is not None
                        batch = Batch(file.tell() - len(line), file.tell(), [Entry(event, line.decode().rstrip())])
                        await event_rows.append(tx, job.run, job.attempt, batch, 0.0)
                        await self.outbox(tx, Change(run, run, (event,)))
                if ended:
                    return
                await asyncio.sleep(_PLAIN_LOOK)

    async def journal(self, job: Job) -> Exit:
        return await Journal(self.database, self.pool, self.outbox).follow(job)

    async def stored(self) -> int:
        async with self.database.snapshot() as tx:
            row = await tx.one("SELECT count(*) AS number FROM events")
        return int(row["number"]) if row else 0


@contextlib.asynccontextmanager
async def _stage(names: list[str]) -> AsyncIterator[Stage]:
    async with contextlib.AsyncExitStack() as stack:
        home = Home(Path(stack.enter_context(tempfile.TemporaryDirectory())))
        database = await Database.open(home.database)
        stack.push_async_callback(database.close)
        now = time.time()
        async with database.transaction() as tx:
            for name in names:
                spec = parse_spec({"name": name, "data": {"dataset": "python-docs"}, "budget": "1000000 steps"})
                run = Run(name, 7, RunState.STARTING, 1, spec, now, now)
                await rows.insert(tx, run, None)
                await attempts.insert(tx, name, 1, "cpu-0", now)
                await rows.add_watcher(tx, name, 7, now)
                home.run(name).attempt(1).path.mkdir(parents=True)
        yield Stage(home, database, LocalPool(home, standby=0), Outbox(lambda: None))


class Pauses:
    """How long others had to wait for their turn in this process."""

    def __init__(self) -> None:
        self.longest = 0.0

    @contextlib.contextmanager
    def measured(self) -> Iterator[None]:
        task = asyncio.create_task(self._feel())
        try:
            yield
        finally:
            task.cancel()

    async def _feel(self, every: float = 0.002) -> None:
        while True:
            before = time.monotonic()
            await asyncio.sleep(every)
            self.longest = max(self.longest, time.monotonic() - before - every)


async def _taken_in(events: int, follow: Callable[[Stage], Follow]) -> tuple[float, float, float]:
    """(events a second, longest pause in seconds, MiB grown) for a journal that is there in full."""
    [name] = names = ["brisk-otter-1"]
    async with _stage(names) as stage:
        attempt = stage.home.run(name).attempt(1)
        with attempt.events.open("wb") as file:
            file.writelines(_line(name, seq) for seq in range(1, events + 1))
        attempt.exit.write_text('{"status": 0, "signal": null}')
        pauses, grown, began = Pauses(), _peak(), time.perf_counter()
        with pauses.measured():
            await follow(stage)(Job(name, 1))
        seconds = time.perf_counter() - began
        assert await stage.stored() == events, "every event once"
        return events / seconds, pauses.longest, _peak() - grown


async def _followed(seconds: float, follow: Callable[[Stage], Follow]) -> float:
    """Share of one core that following `RUNS` runs takes."""
    async with _stage(_names()) as stage:
        writer = await asyncio.create_subprocess_exec(
            *(sys.executable, __file__, "--write", str(stage.home.path), "--seconds", str(seconds)),
            stdout=asyncio.subprocess.PIPE,
        )
        assert writer.stdout is not None and await writer.stdout.readline() == b"ready\n"
        following = asyncio.gather(*(follow(stage)(Job(name, 1)) for name in _names()))
        await asyncio.sleep(_WARM)
        busy, began = time.process_time(), time.perf_counter()
        await asyncio.sleep(seconds - 2 * _WARM)
        share = (time.process_time() - busy) / (time.perf_counter() - began)
        await following
        await writer.wait()
        assert await stage.stored() == int(RUNS * PER_SECOND * seconds), "every event once"
        return share


def _peak() -> float:
    """The most this process ever held, MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


async def measure(events: int, seconds: float) -> list[str]:
    """Print what was measured. Returns the bounds that were missed."""
    plain_rate, _, _ = await _taken_in(_PLAIN_EVENTS, lambda stage: stage.plain)
    rate, pause, grown = await _taken_in(events, lambda stage: stage.journal)
    share = await _followed(seconds, lambda stage: stage.journal)
    plain_share = await _followed(seconds, lambda stage: stage.plain)
    for name, value, plain, ratio in (
        ("", "Spotter", "a commit an event", "ratio"),
        ("events a second", f"{rate:,.0f}", f"{plain_rate:,.0f}", f"{rate / plain_rate:.1f}"),
        ("memory grown by, MiB", f"{grown:.0f}", "", ""),
        ("longest pause of the loop, ms", f"{1000 * pause:.0f}", "", ""),
        (f"following {RUNS} runs, of a core", f"{share:.2%}", f"{plain_share:.2%}", f"{share / plain_share:.2f}"),
    ):
        print(f"{name:32}{value:>12}{plain:>20}{ratio:>8}")
    return [
        text
        for text, kept in (
            (f"{rate:,.0f} events a second were taken in, and {FASTEST:,} have to be", rate >= FASTEST),
            (f"the process grew by {grown:.0f} MiB, and may grow by {LARGEST}", grown <= LARGEST),
            (
                f"nothing else had its turn for {1000 * pause:.0f} ms, and {1000 * LONGEST:.0f} are allowed",
                pause <= LONGEST,
            ),
            (f"following takes {share:.2%} of a core, and may take {BUSIEST:.0%}", share <= BUSIEST),
        )
        if not kept
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--seconds", type=float, default=30.0, help="for which runs are followed")
    parser.add_argument("--write", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.write:
        write(arguments.write, arguments.seconds)
        return 0
    missed = asyncio.run(measure(arguments.events, arguments.seconds))
    for text in missed:
        print(f"missed: {text}", file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
