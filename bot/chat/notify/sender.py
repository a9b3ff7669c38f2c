"""The sole owner of direct messages: takes what is due from the outbox, one after the other, and delivers it.

A message is made from the run as it stands at the moment of sending, so nothing stale ever goes out. The nonce is
made from the outbox key: if Spotter dies between sending and noting it down, Discord knows the second try for what
it is, for some minutes.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace

import aiohttp
import discord

from bot.chat.notify import policy
from bot.chat.notify.kinds import Kind
from bot.chat.outgoing import Outgoing, compose
from bot.chat.plot import Plotter
from bot.chat.render.message import Message
from bot.chat.render.reports import render, unwatched
from bot.runs.model import RunStatus
from bot.store import outbox
from bot.store.db import Database
from bot.store.outbox import Letter

_DMS_CLOSED = frozenset({50007, 50278})
_UNKNOWN_CHANNEL, _UNKNOWN_MESSAGE = 10003, 10008
_TRIES = 5
"""After so many a message that Discord refuses as such is given up; outages are waited out."""

log = logging.getLogger(__name__)

View = Callable[[str], Awaitable[RunStatus | None]]


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
    ) -> None:
        """`view` reads a run as it stands, `due` is set whenever the outbox has something new, and `serves` says
        whether a user may use the bot. `retry_pause`: seconds until a store that failed is asked again.
        """
        self._database = database
        self._client = client
        self._plotter = plotter
        self._view = view
        self._now = now
        self._due = due
        self._serves = serves
        self._retry_pause = retry_pause

    async def run(self) -> None:
        """Deliver until cancelled. What is under way then is delivered again later, as the same message."""
        await self._client.wait_until_ready()
        while True:
            try:
                await self._next()
            except Exception:
                # A full disk, say: what is due stays in the outbox, and is delivered once that is over.
                log.exception("the outbox cannot be worked off; trying again in %.0f s", self._retry_pause)
                await asyncio.sleep(self._retry_pause)

    async def _next(self) -> None:
        """Deliver one message, or wait until one is due."""
        self._due.clear()
        async with self._database.snapshot() as tx:
            letter = await outbox.next_due(tx, self._now())
            next_time = None if letter else await outbox.next_time(tx)
        if letter is None:
            await self._rest(next_time)
        else:
            await self._deliver(letter)

    async def _rest(self, until: float | None) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(None if until is None else max(until - self._now(), 0.0)):
                await self._due.wait()

    async def _deliver(self, letter: Letter) -> None:
        try:
            status = await self._view(letter.run)
            message, last = self._message(letter, status)
            if message is None:
                await self._drop(letter, "no longer worth sending", dead=False)
                return
            message_id, channel_id = await self._transmit(letter, await compose(message, self._plotter))
        except discord.HTTPException as error:
            await self._refused(letter, error)
        except discord.RateLimited as error:
            await self._postpone(letter, "rate limited", error.retry_after)
        except (aiohttp.ClientError, OSError) as error:
            # discord.py lets connection errors through as they are.
            await self._postpone(letter, type(error).__name__)
        except Exception as error:
            # One message that cannot be made must not hold up all others.
            log.exception("%s could not be delivered", letter.key)
            await self._postpone(letter, type(error).__name__)
        else:
            await self._delivered(letter, message_id, channel_id, last=last)

    def _message(self, letter: Letter, status: RunStatus | None) -> tuple[Message | None, bool]:
        """What to send, None if nothing is worth sending any more, and whether it is the letter's last state."""
        if status is None or not self._serves(letter.user_id):
            return None, True
        ended = status.run.state.is_terminal
        if letter.kind == Kind.SUMMARY and (ended or letter.user_id not in status.watchers):
            return None, True
        if letter.kind != Kind.LIVE:
            return render(Kind(letter.kind), status, self._now()), True
        watched = _is_watched(letter, status)
        if letter.message_id is None and not letter.attempted and (ended or not watched):
            return None, True
        if not watched and not ended:
            return unwatched(status), True
        return render(Kind.LIVE, status, self._now()), ended

    async def _transmit(self, letter: Letter, outgoing: Outgoing) -> tuple[int, int]:
        """Send the message, or edit the one that is there. Returns its id and its channel's."""
        if letter.message_id is None or letter.channel_id is None:
            channel_id = await self._channel(letter.user_id)
            channel = self._client.get_partial_messageable(channel_id, type=discord.ChannelType.private)
            async with self._database.transaction() as tx:
                await outbox.attempt(tx, letter)
            sent = await channel.send(**outgoing.for_send(policy.nonce(letter.key)))
            return sent.id, channel_id
        channel = self._client.get_partial_messageable(letter.channel_id, type=discord.ChannelType.private)
        await channel.get_partial_message(letter.message_id).edit(**outgoing.for_edit())
        return letter.message_id, letter.channel_id

    async def _channel(self, user_id: int) -> int:
        """The direct messages with the person. Opening them is rate-limited, so the id is kept."""
        async with self._database.snapshot() as tx:
            known = await outbox.dm_channel(tx, user_id)
        if known is not None:
            return known
        channel = await self._client.create_dm(discord.Object(user_id))
        async with self._database.transaction() as tx:
            await outbox.remember_dm_channel(tx, user_id, channel.id)
        return channel.id

    async def _delivered(self, letter: Letter, message_id: int, channel_id: int, *, last: bool) -> None:
        now = self._now()
        pause = policy.pause_after_edit(now - (letter.sent_at or now))
        if letter.attempted and letter.message_id is None and letter.kind == Kind.LIVE:
            # Discord may have taken this for the card it got before a crash, and shows that one: edit it.
            letter, last, pause = replace(letter, revision=letter.revision - 1), False, 0.0
        async with self._database.transaction() as tx:
            await outbox.delivered(tx, letter, message_id, channel_id, now, not_before=now + pause, last=last)

    async def _refused(self, letter: Letter, error: discord.HTTPException) -> None:
        if error.code in _DMS_CLOSED:
            log.warning("%s: the person takes no direct messages", letter.key)
            await self._drop(letter, "direct messages are closed", dead=True)
            return
        if error.code in (_UNKNOWN_CHANNEL, _UNKNOWN_MESSAGE):
            # The chat is only a view: what is gone from it is shown again.
            async with self._database.transaction() as tx:
                await outbox.forget_message(tx, letter, channel_too=error.code == _UNKNOWN_CHANNEL)
        elif error.status in range(400, 429) and letter.tries + 1 >= _TRIES:
            log.error("%s is given up: Discord refuses it (HTTP %d, code %d)", letter.key, error.status, error.code)
            await self._drop(letter, f"refused with code {error.code}", dead=True)
            return
        await self._postpone(letter, f"HTTP {error.status}, code {error.code}")

    async def _postpone(self, letter: Letter, error: str, pause: float = 0.0) -> None:
        log.warning("%s is tried again later (try %d): %s", letter.key, letter.tries + 1, error)
        pause = max(pause, policy.pause_after_failure(letter.tries))
        async with self._database.transaction() as tx:
            await outbox.postpone(tx, letter, error, self._now() + pause)

    async def _drop(self, letter: Letter, why: str, *, dead: bool) -> None:
        async with self._database.transaction() as tx:
            await outbox.drop(tx, letter, why, dead=dead)


def _is_watched(letter: Letter, status: RunStatus) -> bool:
    """Whether the card belongs to a watching that still goes on."""
    since = status.watchers.get(letter.user_id)
    return since is not None and policy.live_card(letter.run, letter.user_id, since).key == letter.key
