"""A thousand people who each watch a run: does word of its end come at once while every live card wants to change?

    python benchmarks/fleet.py --people 1000 --seconds 60

Real: the store, the outbox, the sender, the Discord client over sockets, the plotting process. The other side is a
playground in a process of its own, with Discord's rate limits. Prints a table; exits with 1 if a bound is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import math
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import discord
import psutil
from otherside import Greeting, Report, summed

from bot.chat.client import point_at
from bot.chat.connection import stay_connected
from bot.chat.notify.outbox import Outbox
from bot.chat.notify.sender import Sender
from bot.chat.plot import Plotter
from bot.runs import views
from bot.runs.announce import Change
from bot.runs.model import Run, RunState, RunStatus
from bot.runs.slots import share
from bot.store import attempts, people
from bot.store import events as event_rows
from bot.store import runs as rows
from bot.store.db import Database
from bot.store.events import Batch, Entry
from trainer_core.events import MetricsEval, MetricsProgress, encode
from trainer_core.spec import parse_spec

LATEST = 2.0
"""Seconds from the end of a run to word of it, at the 99th percentile."""
LARGEST = 250
"""MiB of the bot's process, with a thousand cards in it."""
PROGRESS_EVERY = 5.0
"""Seconds between two reports of a run."""
ENDS_PER_SECOND = 1.5
BURST = 20
"""Runs that end in the same second, half-way."""
STORY, STEPS = 100, 1000
_SLOTS = share(1, 1, ())


@dataclass
class Fleet:
    """The runs, and what becomes of them."""

    database: Database
    outbox: Outbox
    going: list[Run]
    ended: dict[int, float] = field(default_factory=dict)
    """When each person's run ended, on the monotonic clock."""
    latest_step: dict[str, int] = field(default_factory=dict)

    async def view(self, name: str) -> RunStatus | None:
        async with self.database.snapshot() as tx:
            run = await rows.find(tx, name)
            return await views.load_status(tx, run, _SLOTS) if run else None

    async def progress(self, run: Run) -> None:
        """The run is some steps further, and whoever watches may see it."""
        seq = self.latest_step[run.name] = self.latest_step.get(run.name, STORY) + 1
        async with self.database.transaction() as tx:
            await event_rows.append(tx, run.name, 1, Batch(seq, seq + 1, [_entry(run.name, seq)]), time.time())
            await self.outbox(tx, Change(run, run))

    async def end(self, run: Run) -> None:
        after = run.moved(RunState.FAILED, time.time())
        async with self.database.transaction() as tx:
            await rows.update(tx, run, after, time.time())
            await self.outbox(tx, Change(run, after))
        self.ended[run.owner_id] = time.monotonic()

    async def make_progress(self) -> None:
        """All runs that go on report, one after the other, again and again."""
        while True:
            for run in tuple(self.going):
                began = time.monotonic()
                if run in self.going:
                    await self.progress(run)
                spent = time.monotonic() - began
                await asyncio.sleep(max(PROGRESS_EVERY / max(len(self.going), 1) - spent, 0.0))

    async def come_to_ends(self, seconds: float, chance: random.Random) -> None:
        """Runs end at random moments, and half-way many at once."""
        began = time.monotonic()
        burst_at = began + seconds / 2
        while (now := time.monotonic()) < began + seconds:
            for _ in range(BURST if now >= burst_at else 1):
                await self.end(self.going.pop(chance.randrange(len(self.going))))
            if now >= burst_at:
                burst_at = math.inf
            await asyncio.sleep(chance.expovariate(ENDS_PER_SECOND))


def _entry(run: str, seq: int) -> Entry:
    step = min(seq * STEPS // (3 * STORY), STEPS)
    loss = 3.2 + 5 * math.exp(-seq / 30)
    event: MetricsProgress | MetricsEval
    if seq % 20 == 0:
        event = MetricsEval(step=step, loss=loss, bits_per_byte=loss / 2)
    else:
        event = MetricsProgress(
            step=step,
            steps_total=STEPS,
            fraction=step / STEPS,
            tokens=step * 2048,
            loss=loss,
            learning_rate=3e-3,
            gradient_norm=0.8,
            tokens_per_second=16_384.0,
            elapsed=step / 8,
            remaining=(STEPS - step) / 8,
        )
    stamped = event.stamped(run, 1, seq, 0.0)
    return Entry(stamped, encode(stamped).decode().rstrip())


async def _launched(database: Database, greeting: Greeting) -> list[Run]:
    """A run for each person, which they watch, in the middle of its training."""
    now = time.time()
    going = []
    async with database.transaction() as tx:
        for number, (user, channel) in enumerate(greeting.channels.items()):
            name = f"brisk-otter-{number}"
            spec = parse_spec({"name": name, "data": {"dataset": "python-docs"}, "budget": f"{STEPS} steps"})
            run = Run(name, user, RunState.RUNNING, 1, spec, now, now, started_at=now)
            await rows.insert(tx, run, None)
            await rows.update(tx, run, run, now)
            await attempts.insert(tx, name, 1, "cpu-0", now)
            story = [_entry(name, seq) for seq in range(1, STORY + 1)]
            await event_rows.append(tx, name, 1, Batch(0, STORY, story), now)
            await rows.add_watcher(tx, name, user, now)
            await people.remember_dm_channel(tx, user, channel)
            going.append(run)
    return going


@contextlib.asynccontextmanager
async def _other_side(count: int) -> AsyncIterator[tuple[Greeting, asyncio.subprocess.Process]]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(Path(__file__).with_name("otherside.py")), str(count)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=2**26,
    )
    try:
        greeting = json.loads(await _line(process))
        channels = {int(user): channel for user, channel in greeting.pop("channels").items()}
        yield Greeting(**greeting, channels=channels), process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _line(process: asyncio.subprocess.Process) -> bytes:
    assert process.stdout, "it was asked for"
    return await process.stdout.readline()


async def _cards_shown(database: Database) -> None:
    """Return once everybody has a card."""
    while True:
        async with database.snapshot() as tx:
            row = await tx.one("SELECT count(*) AS number FROM outbox WHERE kind = 'live' AND message_id IS NULL")
        if row and row["number"] == 0:
            return
        await asyncio.sleep(0.5)


@dataclass(frozen=True, slots=True)
class Result:
    latencies: Sequence[float]
    """Seconds from each end to word of it; infinite for one that never came."""
    sends: float
    edits: float
    """A second."""
    refused: int
    resident: float
    """MiB."""
    busy: float
    other_side_busy: float
    """Shares of one core."""

    @property
    def p99(self) -> float:
        return sorted(self.latencies)[math.ceil(0.99 * len(self.latencies)) - 1]

    def missed(self) -> list[str]:
        """The bounds that were not kept."""
        return [
            text
            for text, kept in [
                (f"word of an end takes {self.p99:.2f} s, and may take {LATEST} s", self.p99 <= LATEST),
                (f"Discord refused {self.refused} requests for their rate", self.refused == 0),
                (f"the bot takes {self.resident:.0f} MiB, and may take {LARGEST}", self.resident <= LARGEST),
            ]
            if not kept
        ]

    def table(self) -> str:
        lines = [
            ("ends told of", f"{sum(map(math.isfinite, self.latencies))} of {len(self.latencies)}"),
            ("p50, from the end to word of it", f"{statistics.median(self.latencies):.2f} s"),
            ("p99", f"{self.p99:.2f} s"),
            ("messages sent", f"{self.sends:.1f} a second"),
            ("cards edited", f"{self.edits:.1f} a second"),
            ("429s", str(self.refused)),
            ("the bot's memory", f"{self.resident:.0f} MiB"),
            ("the bot's processor time", f"{self.busy:.0%} of a core"),
            ("the playground's", f"{self.other_side_busy:.0%} of a core"),
            ("processes that wanted to run", f"{os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"),
        ]
        return "\n".join(f"{name:34}{value}" for name, value in lines)


async def measure(count: int, seconds: float, seed: int) -> Result:
    async with contextlib.AsyncExitStack() as stack:
        greeting, other = await stack.enter_async_context(_other_side(count))
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        database = await Database.open(Path(folder) / "spotter.db")
        stack.push_async_callback(database.close)
        due = asyncio.Event()
        fleet = Fleet(database, Outbox(due.set), await _launched(database, greeting))
        plotter = Plotter()
        stack.push_async_callback(plotter.close)
        point_at(greeting.api, greeting.gateway)
        client = await stack.enter_async_context(discord.Client(intents=discord.Intents.none(), max_messages=None))
        sender = Sender(database, client, plotter, fleet.view, due, serves=lambda _user: True)
        tasks = [
            asyncio.create_task(stay_connected(client, greeting.token)),
            asyncio.create_task(sender.run()),
            asyncio.create_task(fleet.make_progress()),
        ]
        print(f"{count} runs; waiting until everybody has a card", flush=True)
        await asyncio.sleep(2 * PROGRESS_EVERY)
        await _cards_shown(database)
        print(f"measuring for {seconds:.0f} s", flush=True)
        process = psutil.Process()
        before, since = process.cpu_times(), time.monotonic()
        await fleet.come_to_ends(seconds, random.Random(seed))  # noqa: S311 - not a secret
        until, after = time.monotonic(), process.cpu_times()
        resident = process.memory_info().rss / 2**20
        await asyncio.sleep(LATEST + 1)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert other.stdin, "it was asked for"
        other.stdin.close()
        seen = Report(**json.loads(await _line(other)))
    told = dict(seen.buzzed)
    counted = summed(seen.answers, since, until)
    return Result(
        [told.get(user, math.inf) - ended for user, ended in fleet.ended.items()],
        sends=counted["sends"] / (until - since),
        edits=counted["edits"] / (until - since),
        refused=sum(status == 429 for _, _, status in seen.answers),
        resident=resident,
        busy=(after.user + after.system - before.user - before.system) / (until - since),
        other_side_busy=seen.cpu_seconds / (until - since),
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    result = asyncio.run(measure(arguments.people, arguments.seconds, arguments.seed))
    print(result.table())
    for text in (missed := result.missed()):
        print(f"missed: {text}", file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
