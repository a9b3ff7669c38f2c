"""Logging in and staying connected, also when Discord cannot be reached at the start."""

from __future__ import annotations

import asyncio
import logging
from itertools import chain, repeat

import aiohttp
import discord

_PAUSES = (1.0, 2.0, 5.0, 15.0, 30.0)
_REFUSED = 4004
"""The gateway's close code for a token that is not, or no longer, valid."""

log = logging.getLogger(__name__)


class TokenRefusedError(Exception):
    """Discord does not take the token."""


async def stay_connected(client: discord.Client, token: str) -> None:
    """Serve until the client is closed. Raises TokenRefusedError; an outage is waited out."""
    try:
        for pause in chain(_PAUSES, repeat(_PAUSES[-1])):
            try:
                await client.login(token)
                break
            except (discord.HTTPException, discord.RateLimited, aiohttp.ClientError, OSError) as error:
                log.warning("logging in failed (%s); trying again in %.0f s", type(error).__name__, pause)
                # The next try makes a session and a connector of its own.
                await client.http.close()
                client.http.connector = discord.utils.MISSING
                await asyncio.sleep(pause)
        await client.connect(reconnect=True)
    except discord.LoginFailure as error:
        raise TokenRefusedError from error
    except discord.ConnectionClosed as error:
        if error.code == _REFUSED:
            raise TokenRefusedError from error
        raise
