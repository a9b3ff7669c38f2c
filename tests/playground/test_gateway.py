"""The gateway: with the real client through lost connections, and frame by frame."""

import asyncio
import json
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import discord
import pytest

from playground.gateway import RESUMABLE_SECONDS
from playground.people import NoResponse, Person
from playground.server import Playground
from playground.world import BotPresence, Event
from tests.playground.bot import Bot, point_at
from tests.playground.conftest import Api

DIRECT_MESSAGES = 1 << 12


async def test_what_was_missed_is_replayed_once(playground: Playground, ada: Person, bot: Bot) -> None:
    world = playground.world
    channel = await bot.dm(ada.id)
    written: list[asyncio.Task[object]] = []

    def write_while_offline(event: Event) -> None:
        if event == BotPresence(online=False):
            written.append(asyncio.create_task(ada.write("are you there?")))

    stop = world.listen(write_while_offline)
    await playground.drop_gateway(4000)
    await asyncio.wait_for(bot.resumed.wait(), 10)
    stop()
    await asyncio.gather(*written)
    await ada.write("good")
    assert [(await bot.until_heard()).content, (await bot.until_heard()).content] == ["are you there?", "good"]
    assert [message.content async for message in channel.history()] == ["good", "are you there?"]
    assert bot.readies == 1


@pytest.mark.parametrize(
    "lose",
    [
        lambda playground: playground.ask_reconnect(),
        lambda playground: playground.invalidate(resumable=True),
        lambda playground: playground.drop_gateway(1000),
    ],
    ids=["op 7", "op 9 true", "close 1000"],
)
async def test_the_client_resumes(
    playground: Playground, ada: Person, bot: Bot, lose: Callable[[Playground], Awaitable[None]]
) -> None:
    await lose(playground)
    await asyncio.wait_for(bot.resumed.wait(), 10)
    await playground.until_connected()
    await ada.write("hello")
    assert (await bot.until_heard()).content == "hello"


async def test_an_invalid_session_is_begun_anew(playground: Playground, ada: Person, bot: Bot) -> None:
    left = playground.gateway.identifies_left
    await playground.invalidate(resumable=False)
    await playground.until_connected()
    await ada.write("hello")
    assert (await bot.until_heard()).content == "hello"
    assert playground.gateway.identifies_left == left - 1
    assert not bot.resumed.is_set()


async def test_a_wrong_token_cannot_log_in(playground: Playground, monkeypatch: pytest.MonkeyPatch) -> None:
    point_at(playground, monkeypatch.setattr)
    async with Bot(playground) as stranger:
        with pytest.raises(discord.LoginFailure):
            await stranger.start("not the token")
    assert not playground.gateway.connected


async def test_privileged_intents_are_refused(playground: Playground, monkeypatch: pytest.MonkeyPatch) -> None:
    point_at(playground, monkeypatch.setattr)
    async with discord.Client(intents=discord.Intents(message_content=True)) as curious:
        with pytest.raises(discord.PrivilegedIntentsRequired):
            await curious.start(playground.token)


async def test_a_bot_that_is_away_does_not_respond(playground: Playground, ada: Person, bot: Bot) -> None:
    bot.command("go", lambda interaction: interaction.response.send_message("went"))
    await bot.tree.sync()
    await bot.close()
    waiting = asyncio.create_task(ada.slash("go"))
    await asyncio.sleep(0)
    playground.clock.advance(3)
    with pytest.raises(NoResponse):
        await waiting


async def until_offline(playground: Playground) -> None:
    """Return once the playground has noticed that the bot's connections are gone."""
    offline = asyncio.Event()
    stop = playground.world.listen(lambda event: offline.set() if event == BotPresence(online=False) else None)
    if playground.gateway.connected:
        await asyncio.wait_for(offline.wait(), 10)
    stop()


class Wire:
    """A connection, frame by frame."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, playground: Playground) -> None:
        self.socket = socket
        self._playground = playground
        self._inflate = zlib.decompressobj()

    async def send(self, op: int, data: Any = None) -> None:
        await self.socket.send_json({"op": op, "d": data})

    async def read(self) -> dict[str, Any]:
        frame = await self.socket.receive(timeout=10)
        text = self._inflate.decompress(frame.data) if frame.type is aiohttp.WSMsgType.BINARY else frame.data
        read: dict[str, Any] = json.loads(text)
        return read

    async def closed(self) -> int | None:
        """The code with which the playground ends the connection; what it says before is passed over."""
        while not self.socket.closed:
            await self.socket.receive(timeout=10)
        return self.socket.close_code

    async def identify(self, intents: int = DIRECT_MESSAGES, **changes: Any) -> dict[str, Any]:
        await self.send(2, {"token": self._playground.token, "intents": intents, "properties": {}} | changes)
        return await self.read()

    async def resume(self, session_id: Any, sequence: Any, **changes: Any) -> dict[str, Any]:
        await self.send(6, {"token": self._playground.token, "session_id": session_id, "seq": sequence} | changes)
        return await self.read()


@asynccontextmanager
async def wire(playground: Playground, query: str = "v=10&encoding=json") -> AsyncIterator[Wire]:
    async with aiohttp.ClientSession() as session, session.ws_connect(f"{playground.gateway_url}?{query}") as socket:
        yield Wire(socket, playground)


async def test_hello_ready_and_heartbeats(playground: Playground) -> None:
    async with wire(playground) as line:
        assert (await line.read())["d"] == {"heartbeat_interval": 41250}
        await line.send(1)
        assert (await line.read())["op"] == 11
        ready = await line.identify()
        assert (ready["t"], ready["s"]) == ("READY", 1)
        assert ready["d"]["resume_gateway_url"] == playground.gateway_url
        assert ready["d"]["application"]["id"] == str(playground.application_id)
        await line.send(3, {"status": "idle"})
        playground.faults.deaf_gateway = True
        await line.send(1)
        await playground.ask_reconnect()
        assert (await line.read())["op"] == 7, "no acknowledgement came before it"


async def test_frames_are_compressed_as_one_stream(playground: Playground) -> None:
    async with wire(playground, "v=10&encoding=json&compress=zlib-stream") as line:
        assert (await line.read())["op"] == 10
        assert (await line.identify())["t"] == "READY"


async def test_intents_decide_what_is_heard(playground: Playground, ada: Person) -> None:
    async with wire(playground) as deaf, wire(playground) as hearing:
        await deaf.read()
        await hearing.read()
        await deaf.identify(intents=0)
        await hearing.identify()
        message = await ada.write("one")
        playground.world.update(message)
        playground.world.delete(message)
        heard = [(await hearing.read())["t"] for _ in range(4)]
        assert heard == ["CHANNEL_CREATE", "MESSAGE_CREATE", "MESSAGE_UPDATE", "MESSAGE_DELETE"]
        await playground.drop_gateway(4000)
        assert await deaf.closed() == 4000


async def test_resume_replays_what_came_after_the_sequence(playground: Playground, ada: Person) -> None:
    async with wire(playground) as first:
        await first.read()
        session_id = (await first.identify())["d"]["session_id"]
        await ada.write("one")
        async with wire(playground) as second:
            await second.read()
            replayed = [await second.resume(session_id, 1), await second.read(), await second.read()]
            assert [(frame["t"], frame["s"]) for frame in replayed] == [
                ("CHANNEL_CREATE", 2),
                ("MESSAGE_CREATE", 3),
                ("RESUMED", 4),
            ]
            await ada.write("two")
            assert (await second.read())["d"]["content"] == "two"
            await second.send(6, {"token": playground.token, "session_id": session_id, "seq": 5})
            assert await second.closed() == 4005


@pytest.mark.parametrize("sequence", [None, "1"])
async def test_a_resume_that_cannot_be_gets_op_9(playground: Playground, sequence: Any) -> None:
    async with wire(playground) as line:
        await line.read()
        assert await line.resume("unknown", 1) == {"op": 9, "d": False, "s": None, "t": None}
        ready = await line.identify()
    async with wire(playground) as line:
        await line.read()
        assert (await line.resume(ready["d"]["session_id"], sequence))["op"] == 9


async def test_sessions_end_with_goodbye_or_with_time(playground: Playground) -> None:
    sessions: list[str] = []
    for goodbye in (1000, 4000):
        async with wire(playground) as line:
            await line.read()
            sessions.append((await line.identify())["d"]["session_id"])
            await line.socket.close(code=goodbye)
    await until_offline(playground)
    async with wire(playground) as line:
        await line.read()
        assert (await line.resume(sessions[0], 1))["op"] == 9
        assert (await line.resume(sessions[1], 1))["t"] == "RESUMED"
        await line.socket.close(code=4000)
    await until_offline(playground)
    playground.clock.advance(RESUMABLE_SECONDS + 1)
    async with wire(playground) as line:
        await line.read()
        assert (await line.resume(sessions[1], 2))["op"] == 9


async def test_what_fell_out_of_the_replay_cannot_be_resumed(playground: Playground, ada: Person) -> None:
    async with wire(playground) as line:
        await line.read()
        session_id = (await line.identify())["d"]["session_id"]
        await line.socket.close(code=4000)
    for number in range(1000):
        await ada.write(str(number))
    async with wire(playground) as line:
        await line.read()
        assert (await line.resume(session_id, 1))["op"] == 9


BAD_FRAMES: list[tuple[str, int]] = [
    ("not json", 4002),
    ("[]", 4002),
    ('{"op": "x"}', 4002),
    (json.dumps({"op": 1, "d": "x" * 5000}), 4002),
    (json.dumps({"op": 1, "d": "ü" * 2100}, ensure_ascii=False), 4002),
    ('{"op": 12, "d": null}', 4001),
    ('{"op": 3, "d": {}}', 4003),
    ('{"op": 2, "d": {"token": "wrong", "intents": 0}}', 4004),
    ('{"op": 2, "d": null}', 4004),
    ('{"op": 6, "d": {"token": "wrong"}}', 4004),
]


@pytest.mark.parametrize(("frame", "code"), BAD_FRAMES)
async def test_close_codes(playground: Playground, frame: str, code: int) -> None:
    async with wire(playground) as line:
        await line.socket.send_str(frame)
        assert await line.closed() == code


async def test_close_codes_after_identifying(playground: Playground) -> None:
    for intents, code in ((1 << 15, 4014), (1 << 30, 4013), ("all", 4013)):
        async with wire(playground) as line:
            await line.send(2, {"token": playground.token, "intents": intents})
            assert await line.closed() == code
    async with wire(playground) as line:
        await line.read()
        session_id = (await line.identify())["d"]["session_id"]
        await line.send(2, {"token": playground.token, "intents": 0})
        assert await line.closed() == 4005
    async with wire(playground) as line:
        await line.send(6, {"token": playground.token, "session_id": session_id, "seq": 99})
        assert await line.closed() == 4007
    async with wire(playground, "v=9") as line:
        assert await line.closed() == 4012


async def test_a_bot_that_has_used_up_its_identifies_is_shut_out(playground: Playground, api: Api) -> None:
    async with wire(playground) as running, wire(playground) as one_too_many:
        await running.read()
        session_id = (await running.identify())["d"]["session_id"]
        playground.gateway.identifies_left = 0
        await one_too_many.send(2, {"token": playground.token, "intents": 0})
        assert await one_too_many.closed() == 4004
        assert await running.closed() == 4004
    limit = (await api("GET", "/gateway/bot")).body["session_start_limit"]
    assert limit["remaining"] == 0
    async with wire(playground) as line:
        await line.read()
        assert (await line.resume(session_id, 1))["op"] == 9
        playground.clock.advance(limit["reset_after"] / 1000)
        assert (await line.identify())["t"] == "READY"
    assert (await api("GET", "/gateway/bot")).body["session_start_limit"]["remaining"] == 999


async def test_a_silent_and_a_noisy_client_are_closed(playground: Playground) -> None:
    async with wire(playground) as noisy:
        for _ in range(121):
            await noisy.send(1)
        assert await noisy.closed() == 4008
    playground.gateway.heartbeat_seconds = 0.01
    async with wire(playground) as silent:
        assert await silent.closed() == 4009


async def test_frames_for_a_broken_connection_wait_for_the_resume(playground: Playground, ada: Person) -> None:
    async with wire(playground) as line:
        await line.read()
        session_id = (await line.identify())["d"]["session_id"]
        response = line.socket._response  # a process that is killed closes nothing properly
        assert response.connection is not None
        assert response.connection.transport is not None
        response.connection.transport.abort()
        await ada.write("one")
    async with wire(playground) as line:
        await line.read()
        replayed = [await line.resume(session_id, 1), await line.read()]
        assert [frame["t"] for frame in replayed] == ["CHANNEL_CREATE", "MESSAGE_CREATE"]
