"""Task processes: an order goes in, progress and a result come out, and no process outlives the bot.

What reads a person's file does so in a process of its own: it may need much memory and all of a core, and whatever the
file does to it, the bot goes on.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Protocol

from trainer_core.errors import Code, SpotterError
from trainer_core.tasks.orders import (
    SAID,
    AddDataset,
    Added,
    BuiltinSource,
    FileSource,
    Made,
    MakeTokenizer,
    Progress,
    Refused,
    Result,
    Undecided,
)

Told = Callable[[Progress], None]
"""Is told how a task gets on: often, and on the event loop."""

_COMMAND = (sys.executable, "-m", "trainer_core.tasks")
_AT_ONCE = 2
"""Long tasks that work at the same time, and as many short ones beside them: each may take a core and hold a corpus'
hashes in memory."""
_PATIENCE = 1800.0
"""Seconds without a word after which a task counts as stuck: the Hub may take minutes for one shard."""
_GRACE = 2.0
"""Seconds that a task is given to take away what it has half made."""
_LONGEST_LINE = 2**24
"""Bytes: a card with some ten thousand classes of pictures."""
_KEPT = 2**13
"""Bytes of what a task wrote on its standard error that go to the log."""
_CRASHES = (Code.WORKER_CRASHED, Code.WORKER_KILLED, Code.WORKER_LOST)
_DOING = {"dataset.add": "Reading the data", "tokenizer.make": "Making the tokenizer"}

log = logging.getLogger(__name__)


class Performs(Protocol):
    """Who carries orders out."""

    async def perform(self, order: AddDataset | MakeTokenizer, told: Told) -> Added | Undecided | Made:
        """Raises SpotterError, with nothing left behind."""
        ...

    async def close(self) -> None:
        """Carry out no more; who waits gets a SpotterError."""
        ...


class Tasks:
    """Starts task processes and listens to them; who comes when enough of its kind are at work waits.

    What takes seconds never waits for what may take hours.
    """

    def __init__(self, *, command: Sequence[str] = _COMMAND, at_once: int = _AT_ONCE, patience: float = _PATIENCE):
        self._command = command
        self._patience = patience
        self._long, self._short = asyncio.Semaphore(at_once), asyncio.Semaphore(at_once)
        self._going: set[asyncio.subprocess.Process] = set()
        self._closed = False

    async def perform(self, order: AddDataset | MakeTokenizer, told: Told) -> Added | Undecided | Made:
        """Have the order carried out. Cancelled, it takes the process with it.

        Raises SpotterError as the task refused it; or WORKER_CRASHED, WORKER_KILLED, WORKER_LOST if it did not end as
        it should have, or this is being closed.
        """
        turns = self._long if _is_long(order) else self._short
        if turns.locked():
            told(Progress(phase="waiting", detail="for another task to end"))
        async with turns:
            self._check_open()
            process = await self._start(_DOING[order.task])
            self._going.add(process)
            complaints = asyncio.create_task(_last(process))
            importance = logging.DEBUG  # libraries chatter
            try:
                result = await self._follow(process, order, told)
                if isinstance(result, Refused):
                    raise result.error()
                return result
            except SpotterError as error:
                if error.code in _CRASHES:
                    importance = logging.WARNING
                raise
            finally:
                self._going.discard(process)
                await _end(process)
                with suppress(TimeoutError):  # somebody else may hold the other end
                    if said := await asyncio.wait_for(complaints, _GRACE):
                        log.log(importance, "%s said: %s", order.task, said.decode(errors="replace"))

    async def close(self) -> None:
        """End every task; who waits for one gets a SpotterError."""
        self._closed = True
        await asyncio.gather(*map(_end, self._going))

    def _check_open(self) -> None:
        if self._closed:
            raise SpotterError(Code.WORKER_LOST, "Spotter is being stopped.", next_step="Try again once it is back.")

    async def _start(self, doing: str) -> asyncio.subprocess.Process:
        try:
            return await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                limit=_LONGEST_LINE,
                start_new_session=True,  # the terminal's Ctrl-C is the parent's to answer
            )
        except OSError as error:
            raise SpotterError(
                Code.WORKER_LOST,
                f"{doing} could not begin: no process could be started ({error.strerror}).",
                next_step="Free some memory on the machine that trains, then try again.",
            ) from error

    async def _follow(
        self, process: asyncio.subprocess.Process, order: AddDataset | MakeTokenizer, told: Told
    ) -> Result:
        to, of = process.stdin, process.stdout
        assert to and of, "both were asked for"
        try:
            with suppress(ConnectionError):  # it has ended already: how is seen below
                to.write(order.model_dump_json().encode() + b"\n")
                await to.drain()
            while line := await asyncio.wait_for(of.readline(), self._patience):
                said = SAID.validate_json(line)
                if isinstance(said, Progress):
                    told(said)
                    continue
                with suppress(TimeoutError):  # it may have to clear away something yet
                    await asyncio.wait_for(process.wait(), _GRACE)
                return said
            status = await process.wait()
            self._check_open()
            log.error("%s ended with status %d", order.task, status)
            raise _ended(status, _DOING[order.task])
        except TimeoutError as error:
            raise SpotterError(
                Code.WORKER_LOST,
                f"{_DOING[order.task]} stopped: nothing was heard of it for {self._patience / 60:.0f} minutes.",
                next_step="Try again.",
            ) from error
        except ValueError as error:
            log.exception("%s said something that nobody understands", order.task)
            raise _ended(0, _DOING[order.task]) from error
        finally:
            # Its standard input stays open until then: at its end, the task would think nobody wants it any more.
            to.close()


def _is_long(order: AddDataset | MakeTokenizer) -> bool:
    """Whether it may take more than a minute: what was sent is small, what lies elsewhere may be of any size."""
    match order:
        case AddDataset(source=FileSource() | BuiltinSource()) | MakeTokenizer(kind="upload" | "characters"):
            return False
        case _:
            return True


async def _last(process: asyncio.subprocess.Process) -> bytes:
    """What the process says last on its standard error; all of it is read, so that it never waits."""
    stream, kept = process.stderr, b""
    assert stream, "it was asked for"
    while data := await stream.read(_KEPT):
        kept = (kept + data)[-_KEPT:]
    return kept


async def _end(process: asyncio.subprocess.Process) -> None:
    """Have the process end, and what it has started: asked first, so that it takes away what it has half made."""
    try:
        with suppress(ProcessLookupError, TimeoutError):
            process.terminate()
            await asyncio.wait_for(process.wait(), _GRACE)
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    await process.wait()


def _ended(status: int, doing: str) -> SpotterError:
    """What to say of a task that ended without a result."""
    if status == -signal.SIGKILL:
        return SpotterError(
            Code.WORKER_KILLED,
            f"{doing} was killed from outside.",
            next_step="If nobody ended it, memory is the usual cause: free some, or give less text.",
        )
    return SpotterError(
        Code.WORKER_CRASHED,
        f"{doing} stopped on an unexpected error.",
        next_step="The log of Spotter has the traceback.",
    )
