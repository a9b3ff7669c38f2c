"""What keeps the bot running asks here: is it alive, and does everything work?"""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import aiohttp
import pytest

from bot.web.health import Health


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def checks() -> dict[str, bool]:
    return {"store": True, "gateway": True, "pool": True}


@pytest.fixture
async def health(checks: dict[str, bool]) -> AsyncIterator[Health]:
    health = Health(0, lambda: checks)
    await health.start()
    yield health
    await health.close()


async def test_it_is_alive(health: Health, http: aiohttp.ClientSession, checks: dict[str, bool]) -> None:
    for works in (True, False):
        checks["gateway"] = works
        async with http.get(f"{health.address}/healthz") as answer:
            assert (answer.status, await answer.json()) == (200, {"alive": True})


async def test_it_is_ready_while_everything_works(
    health: Health, http: aiohttp.ClientSession, checks: dict[str, bool]
) -> None:
    async with http.get(f"{health.address}/readyz") as answer:
        assert (answer.status, await answer.json()) == (200, {"ready": True, **checks})


@pytest.mark.parametrize("part", ["store", "gateway", "pool"])
async def test_it_is_not_ready_while_a_part_does_not_work(
    health: Health, http: aiohttp.ClientSession, checks: dict[str, bool], part: str
) -> None:
    checks[part] = False
    async with http.get(f"{health.address}/readyz") as answer:
        assert (answer.status, await answer.json()) == (503, {"ready": False, **checks})
    checks[part] = True
    async with http.get(f"{health.address}/readyz") as answer:
        assert answer.status == 200


@pytest.mark.parametrize(("method", "path"), [("GET", "/"), ("POST", "/healthz"), ("GET", "/metrics")])
async def test_there_is_nothing_else(health: Health, http: aiohttp.ClientSession, method: str, path: str) -> None:
    async with http.request(method, health.address + path) as answer:
        assert answer.status in (404, 405)


async def test_it_listens_on_loopback_only(health: Health) -> None:
    """The port is free at every other address of this machine."""
    address = urlsplit(health.address)
    assert address.hostname == "127.0.0.1" and address.port
    with socket.socket() as other:
        assert other.connect_ex(("127.0.0.2", address.port)) != 0


async def test_a_port_that_is_taken_is_an_error_and_leaves_nothing(health: Health) -> None:
    port = urlsplit(health.address).port
    assert port
    second = Health(port, dict)
    with pytest.raises(OSError, match="address already in use"):
        await second.start()
    await second.close()


async def test_a_port_is_free_again_once_closed() -> None:
    first = Health(0, dict)
    await first.start()
    await first.close()
    again = Health(urlsplit(first.address).port or 0, dict)
    await again.start()
    assert again.address == first.address
    await again.close()


async def test_what_never_started_can_be_closed() -> None:
    health = Health(0, dict)
    await health.close()
    assert health.address == ""
