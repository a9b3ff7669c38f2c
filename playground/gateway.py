"""The gateway: WebSocket sessions that receive events, can be lost, and are resumed with what was missed."""

import asyncio
import json
import math
from typing import Any

from aiohttp import WSCloseCode, WSMsgType, web

from playground.connection import SENDS, SENDS_SECONDS, CloseCode, ClosedError, Connection, Op, Session
from playground.faults import Faults
from playground.wire import Wire
from playground.world import (
    BotPresence,
    ChannelOpened,
    Event,
    InteractionCreated,
    MessageCreated,
    MessageDeleted,
    MessageUpdated,
    World,
)

HEARTBEAT_SECONDS = 41.25
RESUMABLE_SECONDS = 180.0
IDENTIFIES_A_DAY = 1000
_DAY_SECONDS = 24 * 3600
_MAX_FRAME_BYTES = 4096
_KNOWN_INTENTS = (1 << 26) - 1
_PRIVILEGED_INTENTS = 1 << 1 | 1 << 8 | 1 << 15
_DIRECT_MESSAGES = 1 << 12


class Gateway:
    """The bot's sessions and connections. It listens to the world and tells the bot what its intents let it hear."""

    def __init__(self, world: World, faults: Faults, token: str) -> None:
        self.url = ""
        self.heartbeat_seconds = HEARTBEAT_SECONDS
        # lower it to see what a bot does when a loop of restarts has used them up
        self.identifies_left = IDENTIFIES_A_DAY
        self._day_ends = world.clock.now() + _DAY_SECONDS
        self._world = world
        self._faults = faults
        self._token = token
        self._sessions: dict[str, Session] = {}
        self._connections: set[Connection] = set()
        self._connected = asyncio.Event()
        world.listen(self._on_event)

    @property
    def connected(self) -> bool:
        return self._connected.is_set()

    def mount(self, app: web.Application) -> None:
        app.router.add_get("/gw/", self._serve)

    def session_start_limit(self) -> Wire:
        """How many IDENTIFYs are left of the day, as GET /gateway/bot tells it."""
        now = self._world.clock.now()
        if now >= self._day_ends:
            self.identifies_left, self._day_ends = IDENTIFIES_A_DAY, now + _DAY_SECONDS
        return {
            "total": IDENTIFIES_A_DAY,
            "remaining": self.identifies_left,
            "reset_after": math.ceil((self._day_ends - now) * 1000),
            "max_concurrency": 1,
        }

    async def until_connected(self) -> None:
        await self._connected.wait()

    async def drop(self, code: int) -> None:
        for connection in tuple(self._connections):
            self._detach(connection)
            await connection.socket.close(code=code)

    async def ask_reconnect(self) -> None:
        for connection in tuple(self._connections):
            connection.send_op(Op.RECONNECT)
            self._detach(connection)

    async def invalidate(self, resumable: bool) -> None:
        for connection in tuple(self._connections):
            if not resumable and connection.session is not None:
                self._sessions.pop(connection.session.id, None)
            connection.send_op(Op.INVALID_SESSION, resumable)
            self._detach(connection)

    async def _serve(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(timeout=1.0)
        await socket.prepare(request)
        if request.query.get("v") != "10" or request.query.get("encoding", "json") != "json":
            await socket.close(code=CloseCode.INVALID_VERSION)
            return socket
        connection = Connection(socket, compressed=request.query.get("compress") == "zlib-stream")
        self._connections.add(connection)
        writer = asyncio.create_task(connection.write())
        connection.send_op(Op.HELLO, {"heartbeat_interval": int(self.heartbeat_seconds * 1000)})
        try:
            goodbye = await self._converse(connection)
        except ClosedError as closed:
            await socket.close(code=closed.code)
        else:
            if goodbye in (WSCloseCode.OK, WSCloseCode.GOING_AWAY) and connection.session is not None:
                # the client does not mean to resume
                self._sessions.pop(connection.session.id, None)
        finally:
            writer.cancel()
            self._detach(connection)
        return socket

    async def _converse(self, connection: Connection) -> int | None:
        """Hear the client out. Returns the close code that it sent, None if the connection just ended."""
        loop = asyncio.get_running_loop()
        while True:
            patience = connection.heard + 1.5 * self.heartbeat_seconds - loop.time()
            try:
                frame = await connection.socket.receive(timeout=max(0.0, patience))
            except TimeoutError:
                raise ClosedError(CloseCode.SESSION_TIMED_OUT) from None
            if frame.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                return int(frame.data) if frame.type is WSMsgType.CLOSE else None
            self._check_rate(connection)
            await self._handle(connection, *_decoded(frame.data))

    def _check_rate(self, connection: Connection) -> None:
        now = self._world.clock.now()
        received = connection.received
        if len(received) == SENDS and now - received[0] < SENDS_SECONDS:
            raise ClosedError(CloseCode.RATE_LIMITED)
        received.append(now)

    async def _handle(self, connection: Connection, op: int, data: Any) -> None:
        match op:
            case Op.HEARTBEAT:
                connection.heard = asyncio.get_running_loop().time()
                if not self._faults.deaf_gateway:
                    connection.send_op(Op.HEARTBEAT_ACK)
            case Op.IDENTIFY:
                await self._identify(connection, data)
            case Op.RESUME:
                self._resume(connection, data)
            case Op.PRESENCE | Op.VOICE_STATE | Op.REQUEST_MEMBERS:
                if connection.session is None:
                    raise ClosedError(CloseCode.NOT_AUTHENTICATED)
            case _:
                raise ClosedError(CloseCode.UNKNOWN_OPCODE)

    async def _identify(self, connection: Connection, data: Any) -> None:
        if connection.session is not None:
            raise ClosedError(CloseCode.ALREADY_AUTHENTICATED)
        if not isinstance(data, dict) or data.get("token") != self._token:
            raise ClosedError(CloseCode.AUTHENTICATION_FAILED)
        intents = data.get("intents")
        if not isinstance(intents, int) or intents & ~_KNOWN_INTENTS:
            raise ClosedError(CloseCode.INVALID_INTENTS)
        if intents & _PRIVILEGED_INTENTS:
            raise ClosedError(CloseCode.DISALLOWED_INTENTS)
        if not self.session_start_limit()["remaining"]:
            # Discord resets the token then, which ends everything that runs under it
            self._sessions.clear()
            await self.drop(CloseCode.AUTHENTICATION_FAILED)
            raise ClosedError(CloseCode.AUTHENTICATION_FAILED)
        self.identifies_left -= 1
        self._forget_old_sessions()
        session = Session(intents)
        self._sessions[session.id] = session
        self._attach(connection, session)
        bot = {**self._world.bot.to_dict(), "mfa_enabled": True, "verified": True, "email": None}
        ready = {
            "v": 10,
            "user": bot,
            "guilds": [],
            "private_channels": [],
            "session_id": session.id,
            "session_type": "normal",
            "resume_gateway_url": self.url,
            "application": {"id": str(self._world.application_id), "flags": 0},
        }
        session.dispatch("READY", ready)
        self._announce()

    def _resume(self, connection: Connection, data: Any) -> None:
        if connection.session is not None:
            raise ClosedError(CloseCode.ALREADY_AUTHENTICATED)
        if not isinstance(data, dict) or data.get("token") != self._token:
            raise ClosedError(CloseCode.AUTHENTICATION_FAILED)
        self._forget_old_sessions()
        session, sequence = self._sessions.get(str(data.get("session_id"))), data.get("seq")
        if session is None or not isinstance(sequence, int) or sequence < session.sent[0]["s"] - 1:
            connection.send_op(Op.INVALID_SESSION, False)
            return
        if sequence > session.sequence:
            raise ClosedError(CloseCode.INVALID_SEQUENCE)
        if session.connection is not None:
            self._detach(session.connection)
        replay = [frame for frame in session.sent if frame["s"] > sequence]
        self._attach(connection, session)
        for frame in replay:
            connection.send(frame)
        session.dispatch("RESUMED", {})
        self._announce()

    def _forget_old_sessions(self) -> None:
        oldest = self._world.clock.now() - RESUMABLE_SECONDS
        kept = [one for one in self._sessions.values() if one.lost_at is None or one.lost_at >= oldest]
        self._sessions = {session.id: session for session in kept}

    def _attach(self, connection: Connection, session: Session) -> None:
        connection.session, session.connection, session.lost_at = session, connection, None

    def _detach(self, connection: Connection) -> None:
        """No more events to this connection; its session waits to be resumed."""
        self._connections.discard(connection)
        session = connection.session
        if session is not None and session.connection is connection:
            session.connection = None
            session.lost_at = self._world.clock.now()
        self._announce()

    def _announce(self) -> None:
        online = any(connection.session is not None for connection in self._connections)
        if online != self._connected.is_set():
            (self._connected.set if online else self._connected.clear)()
            self._world.emit(BotPresence(online))

    def _on_event(self, event: Event) -> None:
        match event:
            case InteractionCreated(payload=payload):
                self._dispatch("INTERACTION_CREATE", payload)
            case ChannelOpened(channel=channel):
                self._dispatch("CHANNEL_CREATE", channel.to_dict(), _DIRECT_MESSAGES)
            case MessageCreated(message=message) if not message.ephemeral:
                self._dispatch("MESSAGE_CREATE", message.to_dict(), _DIRECT_MESSAGES)
            case MessageUpdated(message=message) if not message.ephemeral:
                self._dispatch("MESSAGE_UPDATE", message.to_dict(), _DIRECT_MESSAGES)
            case MessageDeleted(message=message) if not message.ephemeral:
                ids = {"id": str(message.id), "channel_id": str(message.channel_id)}
                self._dispatch("MESSAGE_DELETE", ids, _DIRECT_MESSAGES)
            case _:
                pass

    def _dispatch(self, event: str, data: Wire, intent: int | None = None) -> None:
        for session in self._sessions.values():
            if intent is None or session.intents & intent:
                session.dispatch(event, data)


def _decoded(data: str | bytes) -> tuple[int, Any]:
    try:
        if len(data.encode() if isinstance(data, str) else data) > _MAX_FRAME_BYTES:
            raise ClosedError(CloseCode.DECODE_ERROR)
        frame = json.loads(data)
        return int(frame["op"]), frame.get("d")
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ClosedError(CloseCode.DECODE_ERROR) from None
