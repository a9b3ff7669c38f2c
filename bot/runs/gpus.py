"""The graphics cards of this machine."""

from __future__ import annotations

import asyncio
import logging
import re

_UUID = re.compile(r"GPU-[0-9a-fA-F-]+")
_PATIENCE = 20.0
"""Seconds the driver has to answer."""

log = logging.getLogger(__name__)


async def list_gpus() -> list[str]:
    """UUIDs of the NVIDIA cards; empty if there are none, or no driver that answers."""
    try:
        process = await asyncio.create_subprocess_exec(
            *("nvidia-smi", "--query-gpu=uuid", "--format=csv,noheader"),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
    except OSError:
        return []
    try:
        async with asyncio.timeout(_PATIENCE):
            output, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        log.warning("nvidia-smi does not answer; training goes on without graphics cards")
        return []
    return _UUID.findall(output.decode()) if process.returncode == 0 else []


def chosen(setting: str, there_are: list[str]) -> list[str]:
    """The cards to train on, as SPOTTER_GPUS says. Raises ValueError naming one that is not there."""
    if setting == "none":
        return []
    if setting == "auto":
        return there_are
    wanted = [part.strip() for part in setting.split(",") if part.strip()]
    for uuid in wanted:
        if uuid not in there_are:
            raise ValueError(f"there is no graphics card {uuid}; there are {', '.join(there_are) or 'none'}")
    return list(dict.fromkeys(wanted))
