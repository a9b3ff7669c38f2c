"""The sole owner of direct messages: takes what is due from the outbox and delivers it.

Several letters are under way at once, but never two to one person, so that theirs arrive in order. How the run ended
outranks how it is going, and live cards share what is left of Discord's rate.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress

import aiohttp
import discord

from bot.chat.notify.delivery import DMS_CLOSED, Delivery, View
from bot.chat.notify.kinds import Kind
from bot.chat.notify.pace import Pace
from bot.chat.notify.rate import Rate
from bot.chat.plot import Plotter
from bot.store import outbox, people
from bot.store.db import Database
from bot.store.outbox import Letter, Waiting

_CLOSED_CODES = frozenset({50007, 50278})
_LIMIT_CODES = frozenset({20028, 30046, 40003})
"""We write, edit or open channels too fast. They come with other statuses than 429, too."""
_UNKNOWN_CHANNEL, _UNKNOWN_MESSAGE = 10003, 10008
_TRIES = 5
"""After so many a message that cannot be made, or that Discord refuses as such, is reduced to the least that can be
said; if that fails, too, it is given up. Outages are waited out.
"""
_AT_ONCE, _CARDS_AT_ONCE = 48, 12
"""Letters under way. A dozen, at a third of a second each, take up the rate; more would only wait for each other."""
_BREATH = 0.05
"""Seconds between two looks into the outbox, so that a thousand changes are one look."""

log = logging.getLogger(__name__)


class Sender:
    def __init__(
        self,
        database: Database,
        client: discord.Client,
        plotter: Plotter,
        view: View,
        due: asyncio.Event,
        serves: Callable[[int], bool],
        *,
        retry_pause: float = 5.0,
        now: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        """`view` reads a run as it stands, `due` is set whenever the outbox has something new, and `serves` says
        whether a user may use the bot. `retry_pause`: seconds until a store that failed is asked again. `now` is what
        people read, `steady` what pauses are measured by: nobody can set it.
        """
        self._database = database
        self._client = client
        self._due = due
        self._retry_pause = retry_pause
        self._now = now
        self._steady = steady
        self._pace = Pace()
        self._delivery = Delivery(database, client, plotter, view, Rate(), serves, self._pace.answered, now=now)
        self._under_way: dict[int, asyncio.Task[None]] = {}
        """By person."""
        self._cards: set[int] = set()
        """Who of them is shown a card."""
        self._trouble: Exception | None = None
        """What ended a letter's way: the store fails, and nothing can be noted down."""

    async def run(self) -> None:
        """Deliver until cancelled. What is under way then is delivered again later, as the same message."""
        await self._client.wait_until_ready()
        try:
            while True:
                try:
                    self._due.clear()
                    next_time = await self._start_what_is_due()
                except Exception:
                    # A full disk, say: what is due stays in the outbox, and is delivered once that is over.
                    log.exception("the outbox cannot be worked off; trying again in %.0f s", self._retry_pause)
                    await asyncio.sleep(self._retry_pause)
                else:
                    await asyncio.sleep(_BREATH)
                    await self._rest(next_time)
        finally:
            for task in self._under_way.values():
                task.cancel()
            await asyncio.gather(*self._under_way.values(), return_exceptions=True)

    async def _start_what_is_due(self) -> float | None:
        """Returns when the next letter is due by time alone, on the steady clock. Raises what the store raised."""
        if trouble := self._trouble:
            self._trouble = None
            raise trouble
        async with self._database.snapshot() as tx:
            waiting = await outbox.waiting(tx)
        await self._bury([letter for letter in waiting if letter.held and Kind(letter.kind).lasts])
        waiting = [letter for letter in waiting if not letter.held]
        now = self._steady()
        if not (self._pace.is_out and self._under_way):
            for letter in self._pace.due(waiting, now, self._under_way):
                self._start(letter)
        return self._pace.next_time(waiting, now)

    def _start(self, letter: Waiting) -> None:
        is_card = letter.kind == Kind.LIVE
        if len(self._under_way) >= _AT_ONCE or (is_card and len(self._cards) >= _CARDS_AT_ONCE):
            return
        self._under_way[letter.user_id] = asyncio.create_task(self._carry(letter), name=f"letter {letter.id}")
        if is_card:
            self._cards.add(letter.user_id)

    async def _rest(self, until: float | None) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(None if until is None else max(until - self._steady(), 0.0)):
                await self._due.wait()

    async def _carry(self, waiting: Waiting) -> None:
        """Deliver a letter, whatever becomes of it, and let the person's next one come."""
        try:
            async with self._database.snapshot() as tx:
                letter = await outbox.find(tx, waiting.id)
            if letter:
                await self._deliver(letter)
        except Exception as error:
            self._trouble = error
        finally:
            del self._under_way[waiting.user_id]
            self._cards.discard(waiting.user_id)
            self._due.set()

    async def _deliver(self, letter: Letter) -> None:
        try:
            left = await self._put(letter)
        except discord.HTTPException as error:
            await self._refused(letter, error)
        except discord.RateLimited as error:
            await self._not_taken(letter, "rate limited", error.retry_after)
        except (aiohttp.ClientError, OSError) as error:
            # discord.py lets connection errors through as they are.
            await self._unanswered(letter, type(error).__name__)
        except sqlite3.Error:
            raise
        except Exception as error:
            # One message that cannot be made must not hold up all others.
            log.exception("%s could not be delivered", letter.key)
            await self._at_fault(letter, type(error).__name__)
        else:
            self._pace.answered()
            if left is None:
                self._pace.done(letter.id)
            elif left.kind == Kind.LIVE:
                now = self._now()
                self._pace.shown(letter.id, letter.user_id, self._steady(), now - (letter.sent_at or now))

    async def _put(self, letter: Letter) -> Letter | None:
        """The letter as it is then, None if it never goes out again."""
        if self._pace.faults(letter.id) < _TRIES:
            return await self._delivery.deliver(letter)
        await self._delivery.deliver_plainly(letter)
        return None

    async def _refused(self, letter: Letter, error: discord.HTTPException) -> None:
        """Discord answered, but did not take it."""
        why = f"HTTP {error.status}, code {error.code}"
        if error.status == 429 or error.code in _LIMIT_CODES:
            await self._not_taken(letter, why)
            return
        if not error.code or error.status >= 500:
            # No word of Discord's about this message: it has trouble itself, a proxy speaks for it, or our token is not
            # taken any more, which ends the bot, and the next one with a good token goes on.
            await self._unanswered(letter, why)
            return
        self._pace.answered()
        if error.code in _CLOSED_CODES and letter.message_id is None:
            await self._closed(letter)
            return
        if error.code in (_UNKNOWN_CHANNEL, _UNKNOWN_MESSAGE):
            # The chat is only a view: what is gone from it is shown again.
            async with self._database.transaction() as tx:
                await outbox.forget_message(tx, letter)
                if error.code == _UNKNOWN_CHANNEL:
                    await people.forget_dm_channel(tx, letter.user_id)
            self._pace.letter_failed(letter.id, self._steady(), letter.tries)
            await self._failed(letter, why)
        else:
            await self._at_fault(letter, why)

    async def _at_fault(self, letter: Letter, why: str) -> None:
        """It is the letter itself: others pass, and it is tried as it is for so many times, then plainly once."""
        if self._pace.faults(letter.id) >= _TRIES:
            log.error("%s is given up: %s", letter.key, why)
            await self._delivery.drop(letter, why, dead=True)
            self._pace.done(letter.id)
            return
        self._pace.blame(letter.id)
        self._pace.letter_failed(letter.id, self._steady(), letter.tries)
        await self._failed(letter, why)

    async def _closed(self, letter: Letter) -> None:
        """The person takes no direct messages: nothing new is tried until they turn to Spotter again."""
        log.warning("%s: the person takes no direct messages", letter.key)
        async with self._database.transaction() as tx:
            await people.close_dms(tx, letter.user_id, self._now())
            if Kind(letter.kind).lasts:
                await outbox.drop(tx, letter.id, DMS_CLOSED, dead=True)

    async def _bury(self, letters: list[Waiting]) -> None:
        """They should have arrived, and cannot: the person is told when they turn to Spotter again."""
        if letters:
            async with self._database.transaction() as tx:
                for letter in letters:
                    await outbox.drop(tx, letter.id, DMS_CLOSED, dead=True)

    async def _unanswered(self, letter: Letter, why: str) -> None:
        """Whether it arrived is not known; while others are answered they need not wait for it for ever."""
        if self._pace.unanswered(letter.id, self._steady()):
            self._pace.letter_failed(letter.id, self._steady(), letter.tries)
            await self._failed(letter, why)
        else:
            await self._not_taken(letter, why)

    async def _not_taken(self, letter: Letter, error: str, at_least: float = 0.0) -> None:
        """It is tried again, for as long as it takes, but not before `at_least` seconds."""
        if letter.message_id is None:
            self._pace.person_failed(letter.user_id, self._steady(), letter.tries, at_least)
        else:
            self._pace.edit_failed(letter.id, letter.user_id, self._steady(), letter.tries, at_least)
        await self._failed(letter, error)

    async def _failed(self, letter: Letter, error: str) -> None:
        log.warning("%s is tried again later (try %d): %s", letter.key, letter.tries + 1, error)
        async with self._database.transaction() as tx:
            await outbox.failed(tx, letter, error)
