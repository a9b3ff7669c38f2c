"""A standby: a shim, detached from the bot, whose worker waits for an attempt with torch imported."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Self


class StandbyError(Exception):
    """The standby is of no use; the message says why."""


class Standby:
    """Speaks with one shim over two pipes. `let_go` of it: then it ends, unless it has taken an attempt.

    A shim may be silent for ever: who waits for it sets the time. One that is let go of and had been told of an attempt
    may take it later, if it can.
    """

    def __init__(self, order: int, answers: asyncio.StreamReader, transport: asyncio.BaseTransport) -> None:
        self._order = order
        self._answers = answers
        self._transport = transport

    @classmethod
    async def start(cls, log: Path) -> Self:
        """One that is ready; what its processes complain of goes to `log`. Raises StandbyError."""
        try:
            standby = await cls._spawn(log)
        except OSError as error:
            raise StandbyError(f"no process could be started: {error.strerror}") from error
        answer: dict[str, object] = {}
        try:
            answer = await standby._answer()
        finally:
            if "ready" not in answer:
                standby.let_go()
        if "ready" not in answer:
            raise StandbyError(str(answer.get("broken", f"see {log.name} in the home folder")))
        return standby

    async def take(self, order: Mapping[str, object]) -> dict[str, object]:
        """Hand over what the worker is told: an attempt's folder, and what to run on.

        Returns the shim's answer, empty if it is gone.
        """
        try:
            os.write(self._order, json.dumps(order).encode() + b"\n")
        except BrokenPipeError:
            return {}
        return await self._answer()

    def let_go(self) -> None:
        os.close(self._order)
        self._transport.close()

    async def _answer(self) -> dict[str, object]:
        line = await self._answers.readline()
        try:
            return dict(json.loads(line)) if line else {}
        except ValueError:
            return {"broken": "the shim's answer cannot be read"}

    @classmethod
    async def _spawn(cls, log: Path) -> Self:
        with ExitStack() as theirs, ExitStack() as ours:
            order_read, order_write = os.pipe()
            theirs.callback(os.close, order_read)
            ours.callback(os.close, order_write)
            answer_read, answer_write = os.pipe()
            theirs.callback(os.close, answer_write)
            reading = ours.enter_context(os.fdopen(answer_read, "rb", buffering=0))
            errors = theirs.enter_context(log.open("ab"))
            starter = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "trainer_core.shim"), stdin=order_read, stdout=answer_write, stderr=errors
            )
            # The shim detaches at once: this waits only for the process it forked from.
            try:
                await starter.wait()
            finally:
                if starter.returncode is None:
                    starter.kill()
            answers = asyncio.StreamReader()
            transport, _ = await asyncio.get_running_loop().connect_read_pipe(
                lambda: asyncio.StreamReaderProtocol(answers), reading
            )
            ours.pop_all()
            return cls(order_write, answers, transport)
