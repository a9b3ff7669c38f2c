"""Composing the bot: what keeps it from starting is one sentence, and it stays connected whatever Discord does."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import discord
import psutil
import pytest

from bot.app import Spotter, spotter
from bot.chat.client import point_at
from bot.chat.connection import TokenRefusedError, stay_connected
from bot.config import Settings, SettingsError, load_settings
from bot.web.health import Health
from playground.server import Playground
from tests.bot.catalog.laying import lay_builtin
from tests.bot.processes import WITHIN, Done, ended, said, started
from tests.bot.processes import spotter as run_spotter
from trainer_core.files.layout import Home

IDLE = 90e6
"""Bytes that an idle bot may have in memory."""


@pytest.fixture
async def playground(discord_addresses: None) -> AsyncIterator[Playground]:
    async with Playground() as playground:
        yield playground


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """One that has what ships with Spotter, by its card: here nobody trains."""
    home = Home(tmp_path / "home")
    lay_builtin(home)
    return home


def settings(playground: Playground, home: Path, **changes: object) -> Settings:
    usual: dict[str, object] = {
        "discord_token": playground.token,
        "owner_id": playground.person("Ada").id,
        "home": home,
        "standby": 0,
        "health_port": 0,
        "discord_api": playground.api_url,
        "discord_gateway": playground.gateway_url,
    }
    return load_settings(**{**usual, **changes})


def variables(playground: Playground, **changes: str) -> dict[str, str]:
    """The same for a process."""
    return {
        "DISCORD_TOKEN": playground.token,
        "SPOTTER_OWNER_ID": str(playground.person("Ada").id),
        "SPOTTER_STANDBY": "0",
        "SPOTTER_DISCORD_API": playground.api_url,
        "SPOTTER_DISCORD_GATEWAY": playground.gateway_url,
        **changes,
    }


async def refusal(chosen: Settings) -> str:
    """The sentence with which Spotter does not start."""
    with pytest.raises(SettingsError) as raised:
        async with spotter(chosen):
            pytest.fail("it started")
    return str(raised.value)


async def test_without_a_token_or_owner_nothing_is_made(playground: Playground, tmp_path: Path) -> None:
    said = await refusal(settings(playground, tmp_path / "home", discord_token=None, owner_id=None))
    assert "DISCORD_TOKEN is not set" in said and "SPOTTER_OWNER_ID is not set" in said
    assert not (tmp_path / "home").exists()


async def test_a_home_that_cannot_be_written_is_named(playground: Playground, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    said = await refusal(settings(playground, tmp_path / "file" / "home"))
    assert said == f"SPOTTER_HOME: {tmp_path / 'file' / 'home'} cannot be written (Not a directory)."


async def test_a_taken_health_port_is_named_and_everything_is_let_go(playground: Playground, home: Home) -> None:
    health = Health(0, dict)
    await health.start()
    port = urlsplit(health.address).port
    chosen = settings(playground, home.path, health_port=port)
    assert await refusal(chosen) == f"SPOTTER_HEALTH_PORT: port {port} is taken; set another one, or 0 for any."
    await health.close()
    async with spotter(chosen) as parts:
        assert parts.health.address == health.address, "home and port are free for the next try"


async def test_a_database_of_a_newer_spotter_is_refused(playground: Playground, home: Home) -> None:
    chosen = settings(playground, home.path)
    async with spotter(chosen):
        pass
    with sqlite3.connect(home.database) as connection:
        connection.execute("PRAGMA user_version = 999")
    assert "newer Spotter" in await refusal(chosen)


async def test_a_file_that_is_no_database_is_named(playground: Playground, tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.path.mkdir()
    home.database.write_bytes(b"not a database, " * 400)
    said = await refusal(settings(playground, home.path))
    assert said == (
        "SPOTTER_HOME: spotter.db is damaged (file is not a database); nothing was changed. To go on, put a good copy"
        " in its place, or set another SPOTTER_HOME: there is no good backup."
    )
    assert home.database.read_bytes() == b"not a database, " * 400


async def test_it_is_ready_when_store_gateway_and_pool_are(playground: Playground, home: Home) -> None:
    async with spotter(settings(playground, home.path, standby=1)) as parts:
        status, body = await ready(parts)
        assert (status, body["store"], body["gateway"]) == (503, True, False)
        serving = asyncio.create_task(stay_connected(parts.client, parts.token))
        await playground.until_connected()
        async with asyncio.timeout(WITHIN):
            while (answer := await ready(parts))[0] != 200:
                await asyncio.sleep(0.05)
        assert answer[1] == {"ready": True, "store": True, "gateway": True, "pool": True, "backup": True}
        await parts.client.close()
        await serving
        assert (await ready(parts))[0] == 503


async def ready(parts: Spotter) -> tuple[int, dict[str, bool]]:
    async with aiohttp.ClientSession() as session, session.get(f"{parts.health.address}/readyz") as answer:
        return answer.status, await answer.json()


async def test_without_a_playground_it_is_discord_that_is_served(playground: Playground, home: Home) -> None:
    """Composed only: nobody connects."""
    async with spotter(settings(playground, home.path, discord_api=None, discord_gateway=None)):
        assert discord.http.Route.BASE.startswith("https://discord.com/api/")


def complains(done: Done, sentence: str) -> None:
    """It ended with that sentence alone, in one line, and no traceback."""
    assert done.status == 1 and done.out == ""
    last = done.err.strip().splitlines()[-1]
    assert sentence in last and "Traceback" not in done.err, done.err


async def test_a_token_that_discord_refuses_is_named(playground: Playground, home: Home) -> None:
    done = await run_spotter("run", home=home.path, **variables(playground, DISCORD_TOKEN="wr0ng.t0ken"))
    complains(done, "DISCORD_TOKEN: Discord refuses it; reset it on your application's Bot page")
    assert "wr0ng" not in done.err


async def test_without_settings_spotter_run_says_what_it_needs(tmp_path: Path) -> None:
    done = await run_spotter("run", home=tmp_path / "home")
    complains(done, "DISCORD_TOKEN is not set: copy it from")
    assert "SPOTTER_OWNER_ID is not set" in done.err and not (tmp_path / "home").exists()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
async def test_spotter_run_serves_and_is_small_until_it_is_told_to_end(
    playground: Playground, home: Home, how: signal.Signals
) -> None:
    async with started("run", home=home.path, **variables(playground)) as process:
        await said(process.stderr, "connected as")
        resident = psutil.Process(process.pid).memory_info().rss
        process.send_signal(how)
        done = await ended(process)
    assert done.status == 0 and "runs go on" in done.err
    assert playground.token not in done.err
    assert resident < IDLE, f"{resident / 2**20:.0f} MiB"


@pytest.fixture
def client() -> discord.Client:
    return discord.Client(intents=discord.Intents.none(), max_messages=None, guild_ready_timeout=0)


@pytest.fixture
def _at(playground: Playground, monkeypatch: pytest.MonkeyPatch) -> None:
    point_at(playground.api_url, playground.gateway_url)
    monkeypatch.setattr("bot.chat.connection._PAUSES", (0.0,))


@pytest.mark.usefixtures("_at")
async def test_an_outage_at_the_start_is_waited_out(playground: Playground, client: discord.Client) -> None:
    playground.faults.add("GET", "/users/@me", times=2, status=503)
    playground.faults.add("GET", "/users/@me", times=2, abort=True)
    serving = asyncio.create_task(stay_connected(client, playground.token))
    await playground.until_connected()
    await client.close()
    await serving
    assert [x.status for x in playground.traffic.matching("GET", "/users/@me")] == [503, 503, None, None, 200]


@pytest.mark.usefixtures("_at")
async def test_a_wrong_token_is_refused_at_the_login(client: discord.Client) -> None:
    with pytest.raises(TokenRefusedError):
        await stay_connected(client, "wrong")
    await client.close()


@pytest.mark.usefixtures("_at")
async def test_a_token_that_is_reset_later_is_refused_by_the_gateway(
    playground: Playground, client: discord.Client
) -> None:
    serving = asyncio.create_task(stay_connected(client, playground.token))
    await playground.until_connected()
    await client.wait_until_ready()
    await playground.drop_gateway(4004)
    with pytest.raises(TokenRefusedError):
        await asyncio.wait_for(serving, 20)


@pytest.mark.usefixtures("_at")
async def test_other_reasons_to_be_sent_away_are_told_as_they_are(
    playground: Playground, client: discord.Client
) -> None:
    serving = asyncio.create_task(stay_connected(client, playground.token))
    await playground.until_connected()
    await client.wait_until_ready()
    await playground.drop_gateway(4012)
    with pytest.raises(discord.ConnectionClosed) as raised:
        await asyncio.wait_for(serving, 20)
    assert raised.value.code == 4012


async def test_a_second_spotter_on_the_same_home_is_refused(playground: Playground, home: Home) -> None:
    async with spotter(settings(playground, home.path)):
        second = await run_spotter("run", home=home.path, **variables(playground))
    complains(second, f"SPOTTER_HOME: another Spotter is using {home.path}; stop it, or set another folder.")
