"""What takes a while: its progress is shown every few seconds, and what came of it takes the progress' place."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial

import discord

from bot.catalog.tasks import Told
from bot.chat.errors import explained
from bot.chat.places import Place
from bot.chat.render.message import Message
from bot.chat.render.working import progress
from bot.chat.reply import UNREACHABLE, described
from trainer_core.tasks.orders import Progress

_log = logging.getLogger(__name__)

_Tell = Callable[[], Awaitable[None]]

_EDIT_PATIENCE = 10.0
"""Seconds for one edit that shows progress: what came of it must not wait long for the last of them."""


class Errands:
    """All that are under way."""

    def __init__(self, *, pause: float = 2.0, silence: float = 60.0) -> None:
        """`pause`: seconds between two edits that show progress; `silence`: seconds without any after which the place
        is shown the newest again, since what it shows may have to change with time.
        """
        self._pause = pause
        self._silence = silence
        self._working: set[asyncio.Task[object]] = set()
        self._telling: set[asyncio.Task[object]] = set()
        self._closed = False

    async def run(self, place: Place, doing: str, work: Callable[[Told], Awaitable[Message]]) -> bool:
        """Have `work` done, and say in `place` what comes of it, be it an error. Raises nothing of either.

        Returns whether it is over: not if the bot is being closed, or Discord could not be reached with the outcome.
        """
        task = asyncio.current_task()
        assert task is not None, "it is awaited"
        self._telling.add(task)
        self._working.add(task)
        try:
            outcome = None if self._closed else await self._outcome(place, doing, work)
            self._working.discard(task)
            await (place.interrupt() if outcome is None else outcome())
        except TimeoutError:  # given up, which is logged
            return False
        except (discord.HTTPException, *UNREACHABLE) as error:
            explained(error)  # to the log only: there is nobody left to tell
            return not isinstance(error, UNREACHABLE)
        finally:
            self._working.discard(task)
            self._telling.discard(task)
        return outcome is not None

    async def close(self) -> None:
        """Give up what is under way, and tell whoever waits for it."""
        self._closed = True
        for task in self._working:
            task.cancel()
        if self._telling:
            await asyncio.wait(self._telling)

    async def _outcome(self, place: Place, doing: str, work: Callable[[Told], Awaitable[Message]]) -> _Tell | None:
        """Do it. What is left then is to tell what came of it; None if it was cut short."""
        news = _News()
        showing = asyncio.create_task(self._show(place, doing, news), name=f"progress: {doing}")
        try:
            return partial(place.finish, await work(news.tell))
        except asyncio.CancelledError:
            if not self._closed:
                raise
            return None
        except Exception as error:
            # Whatever it was, the person waits for word of it.
            said = explained(error)
            return _nothing if said is None else partial(place.fail, said)
        finally:
            news.end()
            # An edit under way comes first: else it would replace what is said now.
            await showing

    async def _show(self, place: Place, doing: str, news: _News) -> None:
        while not await news.ended(self._silence):
            try:
                async with asyncio.timeout(_EDIT_PATIENCE):
                    await place.show(progress(doing, news.newest))
            except (discord.HTTPException, TimeoutError, *UNREACHABLE) as error:
                _log.info("progress could not be shown (%s): %s", doing, described(error))
            await news.rest(self._pause)


class _News:
    """The newest progress; what nobody looked at in time is forgotten."""

    def __init__(self) -> None:
        self.newest: Progress | None = None
        self._changed = asyncio.Event()
        self._ended = asyncio.Event()

    def tell(self, news: Progress) -> None:
        self.newest = news
        self._changed.set()

    def end(self) -> None:
        self._ended.set()
        self._changed.set()

    async def ended(self, silence: float) -> bool:
        """Whether that was all, once there is something new or nothing was told for so many seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(silence):
                await self._changed.wait()
        self._changed.clear()
        return self._ended.is_set()

    async def rest(self, seconds: float) -> None:
        """Let so much time pass, or less if it ends meanwhile."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._ended.wait()


async def _nothing() -> None:
    """There is nobody who could hear of it."""
