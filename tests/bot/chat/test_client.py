"""Connecting: commands registered when they changed, health, and what repeats without harm."""

from __future__ import annotations

import asyncio
import time

import pytest

from bot.chat.client import SpotterClient
from tests.bot.chat.conftest import Chat, Running
from trainer_core.errors import Code, SpotterError


async def test_commands_are_registered_once(chat: Chat) -> None:
    for _ in range(2):
        async with Running(chat.client(), chat.playground.token):
            pass
    assert chat.commands_put() == 1


async def test_changed_commands_are_registered_again(chat: Chat) -> None:
    async with Running(chat.client(), chat.playground.token):
        pass
    chat.guilds = True
    async with Running(chat.client(), chat.playground.token):
        pass
    assert chat.commands_put() == 2
    [group] = chat.playground.world.commands
    assert group.name == "trainer"


async def test_commands_that_discord_has_lost_are_registered_again(chat: Chat) -> None:
    async with Running(chat.client(), chat.playground.token) as client:
        await client.http.bulk_upsert_global_commands(chat.playground.application_id, payload=[])
    async with Running(chat.client(), chat.playground.token) as client:
        assert [command.name for command in chat.playground.world.commands] == ["trainer"]
        assert not await client.sync_commands()


COMMANDS = "/applications/{application_id}/commands"


async def connects_without_commands(chat: Chat, caplog: pytest.LogCaptureFixture) -> None:
    async with Running(chat.client(), chat.playground.token) as client:
        assert client.health().ready
    assert "Discord did not take the commands" in caplog.text
    assert chat.marks == {}


async def test_a_discord_that_breaks_over_the_commands_does_not_keep_the_bot_away(
    chat: Chat, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def at_once(seconds: float) -> None:
        """The library waits seconds between its tries."""

    chat.playground.faults.add("PUT", COMMANDS, times=5, status=500)
    monkeypatch.setattr("discord.http.asyncio.sleep", at_once)
    await connects_without_commands(chat, caplog)


async def test_a_discord_that_refuses_the_commands_does_not_keep_the_bot_away(
    chat: Chat, caplog: pytest.LogCaptureFixture
) -> None:
    chat.playground.faults.refused("PUT", COMMANDS, 400, 30034, "Max number of daily application command creates")
    await connects_without_commands(chat, caplog)


async def test_a_discord_that_wants_no_commands_for_an_hour_does_not_keep_the_bot_waiting(
    chat: Chat, caplog: pytest.LogCaptureFixture
) -> None:
    chat.playground.faults.rate_limited("PUT", COMMANDS, retry_after=3600.0)
    await connects_without_commands(chat, caplog)


class FullDisk(dict[str, str]):
    """Remembers nothing."""

    def __setitem__(self, key: str, value: str) -> None:
        raise SpotterError(Code.DISK_FULL)


async def test_a_disk_that_is_full_does_not_keep_the_bot_away(chat: Chat, caplog: pytest.LogCaptureFixture) -> None:
    chat.marks = FullDisk()
    async with Running(chat.client(), chat.playground.token) as client:
        assert client.health().ready
    assert "the next start registers them again" in caplog.text


async def test_health_before_and_after_the_connection(chat: Chat) -> None:
    client = chat.client()
    before = client.health()
    assert (before.ready, before.last_acknowledged) == (False, None)
    began = time.monotonic()
    async with Running(client, chat.playground.token):
        health = client.health()
        assert health.ready
        assert health.last_acknowledged is not None and began <= health.last_acknowledged <= time.monotonic()
    assert not client.health().ready


async def test_answered_heartbeats_are_noticed(spotter: SpotterClient) -> None:
    acknowledged = asyncio.get_running_loop().create_future()
    connected = spotter.health().last_acknowledged
    heard = spotter.on_socket_raw_receive

    async def listen(frame: str) -> None:
        await heard(frame)
        if spotter.health().last_acknowledged != connected and not acknowledged.done():
            acknowledged.set_result(None)

    spotter.on_socket_raw_receive = listen  # type: ignore[method-assign]  # to hear of the very frame
    await spotter.ws.send_heartbeat({"op": 1, "d": None})
    await asyncio.wait_for(acknowledged, 10)
    now = spotter.health().last_acknowledged
    assert now is not None and connected is not None and now > connected


async def test_a_dropped_connection_is_not_ready_until_it_is_resumed(chat: Chat, spotter: SpotterClient) -> None:
    dropped = asyncio.ensure_future(spotter.wait_for("disconnect"))
    resumed = asyncio.ensure_future(spotter.wait_for("resumed"))
    await asyncio.sleep(0)
    await chat.playground.drop_gateway()
    await asyncio.wait_for(dropped, 10)
    assert not spotter.health().ready
    await asyncio.wait_for(resumed, 10)
    assert spotter.health().ready
    assert "Runs" not in (await chat.owner.slash("trainer runs")).text


async def test_a_new_session_makes_ready_come_again(
    chat: Chat, spotter: SpotterClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def at_once(shard_id: int | None, *, initial: bool = False) -> None:
        """The library waits five seconds before it identifies again."""

    monkeypatch.setattr(spotter, "before_identify_hook", at_once)
    ready = asyncio.ensure_future(spotter.wait_for("ready"))
    await asyncio.sleep(0)
    await chat.playground.invalidate(resumable=False)
    await asyncio.wait_for(ready, 15)
    assert spotter.health().ready
    reply = await chat.owner.slash("trainer train", data="python-docs", name="swans")
    question = await chat.owner.click(reply, "Stop")
    assert question.text.startswith("Stop **swans**?")
