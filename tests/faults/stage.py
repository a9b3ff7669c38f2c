"""A home folder, a Discord, and a real bot with real workers between them, at which things go wrong.

Every process is one that a person's machine would have; only Discord is the playground, in this process.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import psutil

from bot.runs.model import Run, RunState
from bot.store import runs as rows
from bot.store.db import Database
from playground.people import Person
from playground.server import Playground
from tests.bot.catalog.laying import lay_builtin, take_in
from tests.bot.processes import living
from tests.e2e.conftest import TEXT
from tests.faults.store import ask, is_at_rest
from trainer_core.faults import ONCE, VARIABLE, Rule
from trainer_core.files.layout import AttemptDirectory, Home, RunDirectory
from trainer_core.process import Identity, read_holders, signal_group, signal_process
from trainer_core.spec import RunSpec, parse_spec

WITHIN = 120.0
"""Seconds anything here may take on a machine that is busy with other things."""
_LOOK = 0.05

SMALL = {
    "budget": "16 steps",
    "model": {"size": "tiny", "dropout": 0.1},
    "tokenizer": {"vocabulary": 300},
    "batch": {"tokens_per_step": 256},
    "evaluation": {"times": 2, "max_tokens": 512, "sample_tokens": 8},
    "checkpoint": {"every_seconds": 0.001},
    "device": "cpu",
}
"""A run of a few seconds that saves after every step, and whose weights depend on every random number drawn."""


def small_spec(home: Home, name: str, **changes: object) -> RunSpec:
    """A small run on `TEXT`, which is put into `home`. Fields of `changes` take the place of `SMALL`'s."""
    card = take_in(home, "song.txt", TEXT, added_by="0")
    data = {"dataset": card.name, "sha256": card.content}
    return parse_spec({**SMALL, "name": name, "data": data, **changes})


class Bot:
    """`spotter run` in a process of its own. It may be killed and started again, or do so by itself."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        """`folder` is where it runs, and writes `bot.log`."""
        self._folder = folder
        self._environment = environment
        self._log = folder / "bot.log"
        self._process: asyncio.subprocess.Process | None = None
        self.starts = 0

    @property
    def pid(self) -> int:
        return self._running.pid

    @property
    def _running(self) -> asyncio.subprocess.Process:
        assert self._process is not None, "the bot was not started"
        return self._process

    async def start(self) -> None:
        assert self._process is None or self._process.returncode is not None, "the bot runs already"
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "bot", "run"),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._folder,
                env=self._environment,
            )
        self.starts += 1

    @property
    def gave_up(self) -> bool:
        """Whether it ended, and nobody ended it."""
        return self._process is not None and self._process.returncode not in (None, 0, -signal.SIGKILL)

    async def kill(self) -> None:
        """End it as a power cut would."""
        self._signal(signal.SIGKILL)
        await self._running.wait()

    async def ended(self) -> int:
        """How it ended: an exit status, or less than zero the signal's number. Waits until it has."""
        return await asyncio.wait_for(self._running.wait(), WITHIN)

    async def stop(self) -> int:
        """End it as systemd does. Returns its exit status."""
        self._signal(signal.SIGTERM)
        return await self.ended()

    def _signal(self, number: signal.Signals) -> None:
        # `Process.send_signal` would look first whether it has ended, and lose the status to asyncio if it just has.
        if self._running.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(self._running.pid, number)

    async def keep_running(self, down: Callable[[], Awaitable[None]] | None = None) -> None:
        """Start it again whenever it is killed, as systemd does, after `down`. Ends only if the bot gives up itself."""
        while await self._running.wait() == -signal.SIGKILL:
            if down is not None:
                await down()
            await self.start()
        raise AssertionError(f"the bot gave up:\n{self.log()[-4000:]}")

    def log(self) -> str:
        return self._log.read_text(errors="replace")


class Stage:
    """Where it all happens. Times out after `WITHIN` seconds wherever it waits."""

    def __init__(self, folder: Path, playground: Playground) -> None:
        self.home = Home(folder / "home")
        self.playground = playground
        self.owner: Person = playground.person("Ada")
        self._bot: Bot | None = None
        self._folder = folder
        self._once = folder / "once"
        folder.mkdir(parents=True, exist_ok=True)
        lay_builtin(self.home)

    async def submit(self, name: str = "song", *, person: Person | None = None, **changes: object) -> RunDirectory:
        """Queue a small run before the bot starts, which alone may write to the store once it runs.

        `changes` are fields of `RunSpec`; chat offers few of them.
        """
        person = person or self.owner
        spec = small_spec(self.home, name, **changes)
        now = time.time()
        run = Run(name, person.id, RunState.QUEUED, 0, spec, created_at=now, queued_at=now)
        database = await Database.open(self.home.database)
        try:
            async with database.transaction() as tx:
                await rows.insert(tx, run, None)
                await rows.add_watcher(tx, name, person.id, now)
        finally:
            await database.close()
        return self.home.run(name)

    @asynccontextmanager
    async def bot(self, faults: str = "", *, once: bool = True, **settings: str) -> AsyncIterator[Bot]:
        """The bot, started. `faults` hit it, its shims and its workers: each of them `once`, or in every process.

        `settings` are environment variables. What still lives at the end, workers too, is killed.
        """
        self._once.mkdir(exist_ok=True)
        injected = {VARIABLE: faults, **({ONCE: str(self._once)} if once else {})} if faults else {}
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("SPOTTER_")},
            "DISCORD_TOKEN": self.playground.token,
            "SPOTTER_OWNER_ID": str(self.owner.id),
            "SPOTTER_ALLOWED_USER_IDS": ",".join(str(user_id) for user_id in self.playground.people),
            "SPOTTER_HOME": str(self.home.path),
            "SPOTTER_HEALTH_PORT": "0",
            "SPOTTER_STANDBY": "0",
            "SPOTTER_CPU_THREADS": "1",
            "OMP_NUM_THREADS": "1",
            "SPOTTER_DISCORD_API": self.playground.api_url,
            "SPOTTER_DISCORD_GATEWAY": self.playground.gateway_url,
            **injected,
            **settings,
        }
        self._bot = bot = Bot(self._folder, environment)
        await bot.start()
        try:
            yield bot
        finally:
            await bot.kill()
            for left in living(self.home.path):
                with suppress(ProcessLookupError):
                    left.kill()

    def happened(self, rule: Rule) -> bool:
        """Whether a fault that hits once has hit."""
        return (self._once / str(rule)).exists()

    async def connected(self) -> None:
        """Until the bot answers commands."""
        await self.playground.until_connected(WITHIN)

    async def rest(self, bot: Bot, down: Callable[[], Awaitable[None]] | None = None) -> None:
        """Until every run has ended, every worker is gone, everybody was told, and the bot, kept running, is connected.

        Raises TimeoutError, AssertionError if the bot gives up.
        """
        running = asyncio.create_task(bot.keep_running(down))
        quiet = asyncio.create_task(self._quiet())
        try:
            await asyncio.wait({running, quiet}, return_when=asyncio.FIRST_COMPLETED)
            if running.done():
                running.result()
            await quiet
        finally:
            for task in (running, quiet):
                task.cancel()
            await asyncio.gather(running, quiet, return_exceptions=True)

    async def _quiet(self) -> None:
        await self.eventually(lambda: is_at_rest(self.home), "the stage comes to rest")
        await self.connected()

    async def ended(self, run: str = "song") -> str:
        """The state in which the run ended, once it has."""
        query = "SELECT state FROM runs WHERE name = ? AND state IN ('succeeded', 'failed', 'stopped')"
        await self.eventually(lambda: bool(ask(self.home, query, run)), f"{run} ends")
        return str(ask(self.home, query, run)[0]["state"])

    async def stepped(self, run: str = "song", *, steps: int = 1, attempt: int = 1) -> None:
        """Until that attempt at the run has told of so many steps, or of its end."""
        journal = self.home.run(run).attempt(attempt).events

        def far() -> bool:
            events = read_events(journal)
            return any(event["type"] == "trainer.job.completed.v1" or _step(event) >= steps for event in events)

        await self.eventually(far, f"attempt {attempt} at {run} gets to step {steps}")

    async def exited(self, run: str = "song", *, attempt: int = 1) -> None:
        """Until that attempt has left its record, whether a bot is there or not."""
        record = self.home.run(run).attempt(attempt).exit
        await self.eventually(record.exists, f"attempt {attempt} at {run} ends")

    async def eventually(self, fact: Callable[[], bool], what: str) -> None:
        """Wait for a fact about files, processes or the store, which announce nothing.

        Raises TimeoutError, AssertionError if the bot gave up meanwhile.
        """
        try:
            async with asyncio.timeout(WITHIN):
                while not fact():
                    assert self._bot is None or not self._bot.gave_up, f"the bot gave up\n{self.story()}"
                    await asyncio.sleep(_LOOK)
        except TimeoutError:
            raise TimeoutError(f"waited in vain for: {what}\n{self.story()}") from None

    def attempts(self, run: str = "song") -> list[AttemptDirectory]:
        """The folders of the attempts at the run, oldest first."""
        folder = self.home.run(run).path / "attempts"
        return sorted(map(AttemptDirectory, folder.iterdir()), key=lambda a: a.number) if folder.is_dir() else []

    def holder(self, role: str, run: str = "song") -> Identity | None:
        """The `shim` or `worker` of the run's newest attempt, if its lock names one."""
        found = [read_holders(attempt.lock).get(role) for attempt in self.attempts(run)]
        return found[-1] if found else None

    def kill_worker(self, run: str = "song", number: signal.Signals = signal.SIGKILL) -> bool:
        """Signal the newest worker's whole group. False if it is gone."""
        worker = self.holder("worker", run)
        return worker is not None and signal_group(worker, number)

    def kill_shim(self, run: str = "song", number: signal.Signals = signal.SIGKILL) -> bool:
        """Signal the newest shim. False if it is gone."""
        shim = self.holder("shim", run)
        return shim is not None and signal_process(shim, number)

    def stands(self, role: str, run: str = "song") -> bool:
        """Whether the `shim` or `worker` of the run's newest attempt was stopped by a signal."""
        found = self.holder(role, run)
        return found is not None and psutil.Process(found.pid).status() == psutil.STATUS_STOPPED

    def story(self) -> str:
        """What happened, for a test that failed to show."""
        try:
            runs = ask(self.home, "SELECT name, state, attempt, error FROM runs")
            attempts = ask(self.home, "SELECT run, number, seq, exit FROM attempts")
            outbox = ask(self.home, "SELECT key, state, revision, sent_revision, tries, error FROM outbox")
        except Exception as error:
            return f"the store cannot be read: {error}"
        log = self._bot.log()[-6000:] if self._bot else ""
        return "\n".join(map(str, [*runs, *attempts, *outbox, log]))


def read_events(journal: Path) -> list[dict[str, object]]:
    """The whole lines of a journal, as they stand there; none if there is no such file yet."""
    try:
        data = journal.read_bytes()
    except FileNotFoundError:
        return []
    return [json.loads(line) for line in data[: data.rfind(b"\n") + 1].splitlines()]


def _step(event: dict[str, object]) -> int:
    step = event.get("step", 0)
    return step if isinstance(step, int) else 0
