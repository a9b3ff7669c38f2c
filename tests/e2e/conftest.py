"""The whole of Spotter: the real bot with real workers, on a playground, in a fresh home folder."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.app import Spotter, spotter
from bot.chat.connection import stay_connected
from bot.config import Settings, load_settings
from playground.files import File
from playground.messages import Message
from playground.people import Person
from playground.server import Playground
from tests.playground.openapi import validate_traffic
from trainer_core.files.layout import Home
from trainer_core.process import read_holders, signal_group

WITHIN = 120.0
"""Seconds a run of a few steps may take on a machine that is busy with other things."""

TEXT = "\n\n".join(
    f"{number} bottles hang on the wall, and the keeper counts them twice before he takes one down and passes it on. "
    f"Then {number - 1} bottles hang there, and whoever came late asks how many there were in the beginning."
    for number in range(99, 39, -1)
).encode()
"""A small text that is quick to train on."""


@pytest.fixture
async def playground(discord_addresses: None) -> AsyncIterator[Playground]:
    """All that was said is held against Discord's own description at the end."""
    async with Playground() as playground:
        yield playground
    assert validate_traffic(playground.traffic) == []


@pytest.fixture
def owner(playground: Playground) -> Person:
    return playground.person("Ada")


@pytest.fixture
def friend(playground: Playground, owner: Person) -> Person:
    return playground.person("Grace")


@pytest.fixture
def stranger(playground: Playground, owner: Person) -> Person:
    return playground.person("Mallory")


@dataclass
class Bots:
    """Starts bots on the same playground and home."""

    playground: Playground
    home: Home
    owner: Person
    friend: Person

    def settings(self, **changes: object) -> Settings:
        usual: dict[str, object] = {
            "discord_token": self.playground.token,
            "owner_id": self.owner.id,
            "allowed_user_ids": str(self.friend.id),
            "home": self.home.path,
            "health_port": 0,
            "standby": 0,
            "discord_api": self.playground.api_url,
            "discord_gateway": self.playground.gateway_url,
        }
        return load_settings(**{**usual, **changes})

    @asynccontextmanager
    async def running(self, **changes: object) -> AsyncIterator[Spotter]:
        """The bot, composed as `spotter run` does, inside this process."""
        async with spotter(self.settings(**changes)) as parts:
            tasks = [
                asyncio.create_task(stay_connected(parts.client, parts.token)),
                asyncio.create_task(parts.sender.run()),
            ]
            try:
                await self.playground.until_connected(WITHIN)
                yield parts
            finally:
                for task in tasks:
                    task.cancel()
                for result in await asyncio.gather(*tasks, return_exceptions=True):
                    assert result is None or isinstance(result, asyncio.CancelledError), result

    @asynccontextmanager
    async def process(self, **changes: str) -> AsyncIterator[asyncio.subprocess.Process]:
        """The bot as `spotter run` starts it, in a process of its own."""
        environment = {
            **os.environ,
            "DISCORD_TOKEN": self.playground.token,
            "SPOTTER_OWNER_ID": str(self.owner.id),
            "SPOTTER_HOME": str(self.home.path),
            "SPOTTER_HEALTH_PORT": "0",
            "SPOTTER_STANDBY": "0",
            "SPOTTER_DISCORD_API": self.playground.api_url,
            "SPOTTER_DISCORD_GATEWAY": self.playground.gateway_url,
            **changes,
        }
        process = await asyncio.create_subprocess_exec(sys.executable, "-m", "bot", "run", env=environment)
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            await process.wait()


@pytest.fixture
def bots(playground: Playground, owner: Person, friend: Person, tmp_path: Path, shipped: Home) -> Iterator[Bots]:
    home = Home(tmp_path / "home")
    shutil.copytree(shipped.datasets, home.datasets)
    yield Bots(playground, home, owner, friend)
    end_workers(home)


def end_workers(home: Home) -> None:
    """A test that failed must not leave behind what was made to outlive it."""
    for lock in home.runs.glob("*/attempts/*/run.lock"):
        if worker := read_holders(lock).get("worker"):
            signal_group(worker, signal.SIGKILL)


async def train(person: Person, *, file: File | None = None, **options: str | int) -> Message:
    """`/trainer train`, and the answer to it, once that no longer shows how far the text has been read."""
    reply = await person.slash("trainer train", file=file, **options)
    assert reply.message is not None
    answer = reply.message.id
    return await person.until(lambda m: m.id == answer and not m.content.startswith("📥"), WITHIN)


def reports(person: Person, run: str) -> list[Message]:
    """What the bot sent by itself about the run, oldest first."""
    return [message for message in person.inbox() if is_report(message, run)]


def is_report(message: Message, run: str) -> bool:
    return message.author.bot and message.origin is None and run in str(message.to_dict())


def title(message: Message) -> str:
    return str(message.embeds[0].get("title", "")) if message.embeds else ""


def fields(message: Message) -> dict[str, str]:
    return {field["name"]: field["value"] for embed in message.embeds for field in embed.get("fields", [])}


async def ending(person: Person, run: str, word: str) -> Message:
    """The message that says that the run has ended, and how."""
    return await person.until(
        lambda m: is_report(m, run) and not m.silent and word in f"{m.content} {title(m)}", WITHIN
    )


async def live(person: Person, run: str, shows: Callable[[Message], bool]) -> Message:
    """The live card, once it shows that."""
    return await person.until(lambda m: is_report(m, run) and m.silent and bool(m.embeds) and shows(m), WITHIN)


async def eventually(fact: Callable[[], Awaitable[bool]]) -> None:
    """Wait for a fact about the store or the file system, which announce nothing."""
    async with asyncio.timeout(WITHIN):
        while not await fact():
            await asyncio.sleep(0.05)
