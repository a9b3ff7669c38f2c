"""The local pool: attempts on this machine, each in a worker under a shim that outlives the bot.

Standby workers wait with torch imported, so that a run starts at once; each runs one attempt, ever. What the pool
knows of an attempt it reads from the attempt's folder, so a pool started later knows the same.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import Sequence
from itertools import chain, repeat
from pathlib import Path
from signal import SIGKILL, SIGTERM, SIGUSR1

from bot.runs.executor import Ending, ExecutorError, Exit, Job
from bot.runs.slots import Slot, SlotKind, share
from bot.runs.standby import Standby, StandbyError
from trainer_core.atomic import write_atomic
from trainer_core.control import Verb, write_control
from trainer_core.layout import AttemptDirectory, Home
from trainer_core.process import Lock, is_locked, read_holders, signal_group, signal_process
from trainer_core.spec import RunSpec

_TRIES = 3
_READY_WITHIN = 180.0
"""Seconds a run waits for a worker; importing torch from a cold disk takes a while."""
_LOOK_EVERY = 0.2
"""Seconds between looks at a journal."""
_LOCK_EVERY = 5
"""Looks at the journal for one at the lock."""
_BACK_OFF = (0.5, 2.0, 10.0, 60.0)

log = logging.getLogger(__name__)


class LocalPool:
    """An `Executor` on this machine. `start` it inside the event loop that uses it."""

    def __init__(self, home: Home, slots: Sequence[Slot] | None = None, *, standby: int = 1) -> None:
        """`slots`: what attempts may run on; by default one that has the whole processor."""
        self._home = home
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
        try:
            attempt = await asyncio.to_thread(self._prepare, job, spec)
        except OSError as error:
            raise ExecutorError(f"the run's folder cannot be written ({error.strerror})") from error
        trouble = "no worker answered"
        for _ in range(_TRIES):
            standby = await self._take()
            try:
                answer = await standby.take(_order(attempt, slot))
            finally:
                standby.let_go()
            if "accepted" in answer or (not answer and await asyncio.to_thread(is_locked, attempt.lock)):
                return
            if "refused" in answer:
                raise ExecutorError(str(answer["refused"]))
            trouble = str(answer.get("broken", trouble))
            log.warning("%s was not started, trying another worker: %s", job, trouble)
        raise ExecutorError(trouble)

    async def read_events(self, job: Job, offset: int, limit: int) -> bytes:
        return await asyncio.to_thread(_read, self._attempt(job).events, offset, limit)

    async def wait(self, job: Job, offset: int) -> Exit | None:
        attempt = self._attempt(job)
        look = 0
        while True:
            if _size(attempt.events) > offset:
                return None
            if attempt.exit.exists() or (look % _LOCK_EVERY == 0 and not is_locked(attempt.lock)):
                # What it wrote before it ended comes first.
                exit_ = await asyncio.to_thread(_settle, attempt)
                return None if _size(attempt.events) > offset else exit_
            look += 1
            await asyncio.sleep(_LOOK_EVERY)

    async def control(self, job: Job, verb: Verb) -> None:
        path = self._attempt(job).control
        await asyncio.to_thread(path.parent.mkdir, parents=True, exist_ok=True)
        await asyncio.to_thread(write_control, path, verb)

    async def kill(self, job: Job, *, force: bool) -> None:
        worker = read_holders(self._attempt(job).lock).get("worker")
        if worker is not None:
            signal_group(worker, SIGKILL if force else SIGTERM)

    async def dump(self, job: Job) -> None:
        worker = read_holders(self._attempt(job).lock).get("worker")
        if worker is not None:
            signal_process(worker, SIGUSR1)

    def _attempt(self, job: Job) -> AttemptDirectory:
        return self._home.run(job.run).attempt(job.attempt)

    def _prepare(self, job: Job, spec: RunSpec) -> AttemptDirectory:
        directory = self._home.run(job.run)
        attempt = directory.attempt(job.attempt)
        attempt.path.mkdir(parents=True, exist_ok=True)
        wanted = spec.model_dump_json(indent=2).encode()
        if not directory.spec.exists():
            write_atomic(directory.spec, wanted)
        elif directory.spec.read_bytes() != wanted:
            raise ExecutorError(f"runs/{job.run} holds another run, or its spec.json was changed")
        return attempt

    async def _take(self) -> Standby:
        """A standby, in whose place the next one starts."""
        if self._waiting.empty() and not self._filling:
            self._fill()
        try:
            async with asyncio.timeout(_READY_WITHIN):
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
                standby = await Standby.start(self._home.path / "shim.log")
            except StandbyError as error:
                self._up, self._trouble = False, str(error)
                log.warning("a worker could not get ready, trying again in %.1f s: %s", pause, error)
                await asyncio.sleep(pause)
                continue
            self._up = True
            # Whoever takes it counts at once what waits and what is being started.
            if task := asyncio.current_task():
                self._filling.discard(task)
            self._waiting.put_nowait(standby)
            return


def _order(attempt: AttemptDirectory, slot: Slot) -> dict[str, object]:
    """What a standby is told: which attempt, and what it may run on."""
    gpu = slot.id if slot.kind is SlotKind.GPU else ""
    return {"attempt": str(attempt.path), "threads": slot.threads, "gpu": gpu}


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


def _settle(attempt: AttemptDirectory) -> Exit | None:
    """How the attempt ended, or None if it has not.

    An attempt that left no record and whose lock is free is lost. That is written down while holding its lock, so
    that a shim which is late for it finds it ended and refuses.
    """
    exit_ = _recorded(attempt)
    if exit_ is not None:
        return exit_
    attempt.path.mkdir(parents=True, exist_ok=True)
    lock = Lock.take(attempt.lock)
    if lock is None:
        return None
    try:
        exit_ = _recorded(attempt)
        if exit_ is None:
            write_atomic(attempt.exit, json.dumps({"lost": True}).encode())
            exit_ = Exit(Ending.LOST)
        return exit_
    finally:
        lock.release()


def _recorded(attempt: AttemptDirectory) -> Exit | None:
    try:
        record = json.loads(attempt.exit.read_bytes())
        signal, status = record.get("signal"), record.get("status")
    except FileNotFoundError:
        return None
    except (ValueError, AttributeError):
        return Exit(Ending.LOST)
    if isinstance(signal, int):
        return Exit(Ending.KILLED, signal)
    return Exit(Ending.EXITED, status) if isinstance(status, int) else Exit(Ending.LOST)
