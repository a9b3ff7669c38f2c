"""Fetching what a person attached: at once, since its link expires, and to the disk, since it may be large."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp
import discord

from bot.catalog.catalog import Catalog
from bot.catalog.incoming import Incoming
from bot.catalog.tasks import Told
from bot.full_disk import full_disk_told
from trainer_core.errors import Code, SpotterError
from trainer_core.tasks.orders import Progress

_CHUNK = 2**20
"""Bytes."""
_SILENCE = 30.0
"""Seconds without a byte after which the download counts as failed."""


async def fetch(file: discord.Attachment, catalog: Catalog, told: Told) -> Incoming:
    """The attached file, as the catalog takes it in.

    Raises SpotterError with field `file`, before the download if its name or size tells enough.
    """
    incoming = await catalog.receive(file.filename, file.size)
    try:
        with full_disk_told("nothing was taken in"):
            await _download(file, incoming.path, told)
    except BaseException as error:
        # Whatever ended it, cancellation too: half a file is of no use.
        await incoming.discard()
        if isinstance(error, aiohttp.ClientError | OSError):
            raise SpotterError(Code.ARTIFACT_DOWNLOAD_FAILED, field="file") from error
        raise
    return incoming


async def _download(file: discord.Attachment, to: Path, told: Told) -> None:
    """Raises aiohttp.ClientError, OSError; also if there is more of it than Discord said."""
    limits = aiohttp.ClientTimeout(total=None, sock_connect=_SILENCE, sock_read=_SILENCE)
    had = 0
    async with aiohttp.ClientSession(timeout=limits, raise_for_status=True) as session, session.get(file.url) as answer:
        with await asyncio.to_thread(to.open, "wb") as target:
            async for chunk in answer.content.iter_chunked(_CHUNK):
                had += len(chunk)
                if had > file.size:
                    raise aiohttp.ClientPayloadError("more than was announced")
                await asyncio.to_thread(target.write, chunk)
                if had < file.size:
                    told(Progress(phase="downloading", fraction=had / file.size))
