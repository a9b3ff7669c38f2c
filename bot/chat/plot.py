"""Draws pictures in a process of its own: matplotlib is slow and large, and the bot is to be neither.

The process starts with the first picture, takes one JSON line a picture on its standard input, answers with the PNG
behind its length, and is let go when it has been idle for a while. It ends by itself when its input ends, so it cannot
outlive the bot.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from contextlib import suppress

from pydantic import TypeAdapter

from bot.chat.render.plots import Plot

_log = logging.getLogger(__name__)

REQUEST: TypeAdapter[Plot] = TypeAdapter(Plot)
LENGTH = 4
"""Bytes, big-endian, before each PNG."""
_LAST_SECONDS = 5.0
"""How long an idle process may take to end by itself."""


class PlotError(Exception):
    """A picture that could not be drawn."""


class Plotter:
    """Draws one picture at a time; whoever asks meanwhile waits."""

    def __init__(self, *, idle_seconds: float = 300.0, timeout: float = 60.0) -> None:
        self._idle_seconds = idle_seconds
        self._timeout = timeout
        self._process: asyncio.subprocess.Process | None = None
        self._turn = asyncio.Lock()
        self._line = 0
        self._limit: asyncio.Timeout | None = None
        """Of the picture that is being drawn."""
        self._closed = False
        self._idle: asyncio.TimerHandle | None = None

    @property
    def process_id(self) -> int | None:
        """The process that would draw the next picture; None if one would be started."""
        process = self._process
        going = process and process.returncode is None and process.stdin and not process.stdin.is_closing()
        return process.pid if process and going else None

    @property
    def line(self) -> int:
        """How many pictures are asked for and not drawn yet."""
        return self._line

    async def draw(self, request: Plot) -> bytes:
        """The picture as a PNG. Raises PlotError."""
        self._line += 1
        try:
            return await self._draw(request)
        finally:
            self._line -= 1

    async def _draw(self, request: Plot) -> bytes:
        async with self._turn:
            if self._closed:
                raise PlotError("the plotter is closed")
            if self._idle:
                self._idle.cancel()
            try:
                async with asyncio.timeout(self._timeout) as self._limit:
                    png = await self._ask(request)
            except (OSError, EOFError) as error:
                await self._end()
                raise PlotError(
                    f"the plotting process gave no picture: {str(error) or type(error).__name__}"
                ) from error
            except BaseException:
                # Cancelled, too: the answer on its way would be taken for the next question's.
                await self._end()
                raise
            finally:
                self._limit = None
            self._idle = asyncio.get_running_loop().call_later(self._idle_seconds, self._let_go)
            return png

    async def close(self) -> None:
        """Give up what is being drawn, let the process end by itself, and see to it that it does."""
        self._closed = True
        if self._limit:
            self._limit.reschedule(asyncio.get_running_loop().time())
        async with self._turn:
            self._end_input()
            if self._process:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._process.wait(), _LAST_SECONDS)
            await self._end()

    async def _ask(self, request: Plot) -> bytes:
        if self._process is None or self.process_id is None:
            await self._end()
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "bot.chat.picture"),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                start_new_session=True,  # the terminal's Ctrl-C is the bot's to answer
            )
        to, of = self._process.stdin, self._process.stdout
        assert to and of, "both were asked for"
        to.write(REQUEST.dump_json(request) + b"\n")
        await to.drain()
        size = int.from_bytes(await of.readexactly(LENGTH), "big")
        return await of.readexactly(size)

    def _let_go(self) -> None:
        if not self._turn.locked():
            self._end_input()

    def _end_input(self) -> None:
        if self._process and self._process.stdin:
            self._process.stdin.close()

    async def _end(self) -> None:
        """End the process: interrupted in an answer, it would give the rest of it to the next who asks."""
        if self._idle:
            self._idle.cancel()
        process, self._process = self._process, None
        if process and process.returncode is None:
            process.kill()
            await process.wait()
