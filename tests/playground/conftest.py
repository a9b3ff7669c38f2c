"""A playground, a person, the real client, and a plain HTTP client."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
from hypothesis import settings

from playground.people import Person
from playground.server import Playground
from tests.playground.bot import Bot, point_at
from tests.playground.openapi import validate_traffic

# a busy machine must not fail a property
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture
async def playground() -> AsyncIterator[Playground]:
    """With one person. All its answers are held against Discord's description."""
    async with Playground(kept_exchanges=None) as playground:
        playground.person("Ada")
        yield playground
    assert validate_traffic(playground.traffic, requests=False) == []


@pytest.fixture
def ada(playground: Playground) -> Person:
    return playground.person("Ada")


@pytest.fixture
async def bot(playground: Playground, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bot]:
    """The real client, connected and ready. Its requests are held against Discord's description too."""
    point_at(playground, monkeypatch.setattr)
    client = Bot(playground)
    running = asyncio.create_task(client.start(playground.token))
    await playground.until_connected()
    await client.wait_until_ready()
    yield client
    await client.close()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    assert validate_traffic(playground.traffic) == []


@dataclass(frozen=True)
class Answer:
    status: int
    body: Any
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Api:
    """Requests as no library would send them."""

    session: aiohttp.ClientSession
    base: str
    token: str

    async def __call__(self, method: str, path: str, payload: Any = None, **kwargs: Any) -> Answer:
        if payload is not None:
            kwargs["json"] = payload
        kwargs.setdefault("headers", {"Authorization": f"Bot {self.token}"})
        async with self.session.request(method, self.base + path, **kwargs) as response:
            body = await response.json() if response.content_type == "application/json" else None
            return Answer(response.status, body, response.headers)


@pytest.fixture
async def api(playground: Playground) -> AsyncIterator[Api]:
    async with aiohttp.ClientSession() as session:
        yield Api(session, playground.api_url, playground.token)
