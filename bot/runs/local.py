"""The local pool: attempts on this machine, each in a worker under a shim that outlives the bot.

Standby workers wait with torch imported, so that a run starts at once; each runs one attempt, ever. What the pool
knows of an attempt it reads from the attempt's folder, so a pool started later knows the same.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from itertools import chain, repeat
from pathlib import Path
from signal import SIGKILL, SIGTERM, SIGUSR1

from bot.runs.endings import settle
from bot.runs.executor import ExecutorError, Exit, Job
from bot.runs.slots import Slot, SlotKind, share
from bot.runs.standby import Standby, StandbyError
from trainer_core.approved import NONE, Approved
from trainer_core.control import Verb, write_control
from trainer_core.errors import Code, SpotterError
from trainer_core.files.atomic import write_atomic
from trainer_core.files.disk import complaint, takes_nothing
from trainer_core.files.layout import AttemptDirectory, Home
from trainer_core.process import is_locked, read_holders, signal_group, signal_process
from trainer_core.spec import RunSpec, parse_spec

_TRIES = 3
_READY_WITHIN = 180.0
"""Seconds in which a worker gets ready; importing torch from a cold disk takes a while."""
_ANSWER_WITHIN = 30.0
"""Seconds in which a worker that is ready takes an attempt."""
_LOOK_EVERY = 0.5
"""Seconds between looks at the journals."""
_LOCK_EVERY = 2
"""Looks at a journal for one at the lock."""
_AT_ONCE = 1 << 16
"""Bytes of a journal that are read where they are asked for: they were just written, and no disk is waited for."""
_BACK_OFF = (0.5, 2.0, 10.0, 60.0)

log = logging.getLogger(__name__)


class LocalPool:
    """An `Executor` on this machine. `start` it inside the event loop that uses it."""

    def __init__(
        self,
        home: Home,
        slots: Sequence[Slot] | None = None,
        *,
        standby: int = 1,
        approved: Approved = NONE,
        ready_within: float = _READY_WITHIN,
        answer_within: float = _ANSWER_WITHIN,
    ) -> None:
        """`slots`: what attempts may run on; by default one that has the whole processor. `approved`: the folders that
        workers are told of. A worker that is not ready,
        or does not answer, within so many seconds is given up, and another one is tried.
        """
        self._home = home
        self._approved = approved
        self._ready_within = ready_within
        self._answer_within = answer_within
        # Asked for with every look at every journal.
        self._attempt = lru_cache(maxsize=256)(lambda job: home.run(job.run).attempt(job.attempt))
        self._slots = share(1, os.cpu_count() or 1, ()) if slots is None else slots
        self._wanted = standby
        self._waiting: asyncio.Queue[Standby] = asyncio.Queue()
        self._filling: set[asyncio.Task[None]] = set()
        self._up = standby == 0
        self._trouble = "none answered"

    @property
    def slots(self) -> Sequence[Slot]:
        return self._slots

    @property
    def ready(self) -> bool:
        return self._up

    async def start(self) -> None:
        self._home.path.mkdir(parents=True, exist_ok=True)
        for _ in range(self._wanted):
            self._fill()

    async def close(self) -> None:
        for task in self._filling:
            task.cancel()
        await asyncio.gather(*self._filling, return_exceptions=True)
        while not self._waiting.empty():
            self._waiting.get_nowait().let_go()

    async def submit(self, job: Job, spec: RunSpec, slot: Slot) -> None:
        attempt = await asyncio.to_thread(self._prepare, job, spec)
        try:
            await self._hand_over(job, attempt, slot)
        except ExecutorError:
            # A shim that was too silent may wake up: unless it has begun by now, it will find the attempt ended.
            with suppress(OSError):
                if await asyncio.to_thread(_has_begun, attempt):
                    return
            raise

    async def read_events(self, job: Job, offset: int, limit: int) -> bytes:
        events = self._attempt(job).events
        if _size(events) - offset <= _AT_ONCE:
            return _read(events, offset, min(limit, _AT_ONCE))
        return await asyncio.to_thread(_read, events, offset, limit)

    async def wait(self, job: Job, offset: int) -> Exit | None:
        attempt = self._attempt(job)
        events, exit_file = attempt.events, attempt.exit
        clock = asyncio.get_running_loop().time
        look, told = 0, False
        while True:
            size = _size(events)
            if size > offset:
                return None
            if size < offset and not told:
                log.error(_shortened(job, size, offset))
                told = True
            if (look % _LOCK_EVERY == 0 or exit_file.exists()) and not is_locked(attempt.lock):
                exit_ = await asyncio.to_thread(settle, attempt)
                # What it wrote before it ended comes first.
                return None if _size(events) > offset else exit_
            # All who wait look at the same moments: the process wakes once for them all.
            await asyncio.sleep(_LOOK_EVERY - clock() % _LOOK_EVERY)
            look += 1

    async def control(self, job: Job, verb: Verb, value: float | None = None, seq: int | None = None) -> None:
        path = self._attempt(job).control
        await asyncio.to_thread(path.parent.mkdir, parents=True, exist_ok=True)
        await asyncio.to_thread(write_control, path, verb, value, seq)

    async def kill(self, job: Job, *, force: bool) -> None:
        # A pid that was used again has another start time, or another boot: nobody else is ever signalled. What is
        # left of a group whose leader has died is ended by the shim, before it says so.
        worker = read_holders(self._attempt(job).lock).get("worker")
        if worker is not None:
            signal_group(worker, SIGKILL if force else SIGTERM)

    async def dump(self, job: Job) -> None:
        worker = read_holders(self._attempt(job).lock).get("worker")
        if worker is not None:
            signal_process(worker, SIGUSR1)

    def _prepare(self, job: Job, spec: RunSpec) -> AttemptDirectory:
        directory = self._home.run(job.run)
        attempt = directory.attempt(job.attempt)
        wanted = attempt.path
        try:
            wanted.mkdir(parents=True, exist_ok=True)
            wanted = directory.spec
            if not wanted.exists():
                write_atomic(wanted, spec.model_dump_json(indent=2).encode())
            found = wanted.read_bytes()
        except OSError as error:
            name = wanted.relative_to(self._home.path)
            code = Code.DISK_FULL if takes_nothing(error) else Code.WORKER_LOST
            raise ExecutorError(f"{name} cannot be used: {complaint(error)}", code) from error
        if not _means(found, spec):
            raise ExecutorError(
                f"runs/{job.run}/spec.json was changed by hand or is another run's",
                Code.CONFIG_INVALID,
                "Put the file back as it was, or start a new run.",
            )
        return attempt

    async def _hand_over(self, job: Job, attempt: AttemptDirectory, slot: Slot) -> None:
        """Have a standby take the attempt. Raises ExecutorError."""
        trouble = "no worker answered"
        for _ in range(_TRIES):
            answer = await self._ask(await self._take(), _order(attempt, slot, self._approved))
            if "accepted" in answer or (not answer and await asyncio.to_thread(is_locked, attempt.lock)):
                return
            if "refused" in answer:
                raise ExecutorError(str(answer["refused"]))
            trouble = str(answer.get("broken", trouble))
            log.warning("%s was not started, trying another worker: %s", job, trouble)
        raise ExecutorError(trouble)

    async def _ask(self, standby: Standby, order: Mapping[str, object]) -> dict[str, object]:
        """What the standby answers to `order`; empty if it is gone, or silent for too long."""
        try:
            async with asyncio.timeout(self._answer_within):
                return await standby.take(order)
        except TimeoutError:
            return {}
        finally:
            standby.let_go()

    async def _take(self) -> Standby:
        """A standby, in whose place the next one starts."""
        if self._waiting.empty() and not self._filling:
            self._fill()
        try:
            # Long enough for the next one if the first is given up.
            async with asyncio.timeout(2 * self._ready_within):
                standby = await self._waiting.get()
        except TimeoutError:
            raise ExecutorError(f"no worker got ready ({self._trouble})") from None
        if self._waiting.qsize() + len(self._filling) < self._wanted:
            self._fill()
        return standby

    def _fill(self) -> None:
        task = asyncio.create_task(self._start_standby())
        self._filling.add(task)
        task.add_done_callback(self._filling.discard)

    async def _start_standby(self) -> None:
        for pause in chain(_BACK_OFF, repeat(_BACK_OFF[-1])):
            try:
                async with asyncio.timeout(self._ready_within):
                    standby = await Standby.start(self._home.path / "shim.log")
            except (StandbyError, TimeoutError) as error:
                self._up, self._trouble = False, str(error) or f"not within {self._ready_within:.0f} s"
                log.warning("a worker could not get ready, trying again in %.1f s: %s", pause, self._trouble)
                await asyncio.sleep(pause)
                continue
            self._up = True
            # Whoever takes it counts at once what waits and what is being started.
            if task := asyncio.current_task():
                self._filling.discard(task)
            self._waiting.put_nowait(standby)
            return


def _order(attempt: AttemptDirectory, slot: Slot, approved: Approved) -> dict[str, object]:
    """What a standby is told: which attempt, what it may run on, and what it may read."""
    gpu = slot.id if slot.kind is SlotKind.GPU else ""
    folders = approved.model_dump(mode="json")
    return {"attempt": str(attempt.path), "threads": slot.threads, "gpu": gpu, "approved": folders}


def _has_begun(attempt: AttemptDirectory) -> bool:
    """Whether somebody runs the attempt. If not, it has ended from now on. Raises OSError."""
    # A shim that refuses it because it has ended holds the lock for a moment, too.
    return not attempt.exit.exists() and settle(attempt) is None


def _means(data: bytes, spec: RunSpec) -> bool:
    """Whether `data`, which another version may have written, is `spec`."""
    try:
        return parse_spec(data) == spec
    except SpotterError:
        return False


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _read(path: Path, offset: int, limit: int) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(offset)
            return file.read(limit)
    except FileNotFoundError:
        return b""


def _shortened(job: Job, size: int, offset: int) -> str:
    return (
        f"runs/{job.run}/attempts/{job.attempt}/events.jsonl has {size} bytes, and {offset} were read before: it was "
        "changed by hand. Put it back as it was, or leave it: the training goes on, its end counts, and nothing is "
        "counted twice, but what it tells until it is as long as before is not heard."
    )
