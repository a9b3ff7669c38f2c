"""A gateway connection, and the session that outlives it."""

import asyncio
import json
import secrets
import zlib
from collections import deque
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from aiohttp import web

from playground.wire import Wire

SENDS, SENDS_SECONDS = 120, 60.0
REPLAYED_EVENTS = 1000


class Op(IntEnum):
    DISPATCH = 0
    HEARTBEAT = 1
    IDENTIFY = 2
    PRESENCE = 3
    VOICE_STATE = 4
    RESUME = 6
    RECONNECT = 7
    REQUEST_MEMBERS = 8
    INVALID_SESSION = 9
    HELLO = 10
    HEARTBEAT_ACK = 11


class CloseCode(IntEnum):
    UNKNOWN_OPCODE = 4001
    DECODE_ERROR = 4002
    NOT_AUTHENTICATED = 4003
    AUTHENTICATION_FAILED = 4004
    ALREADY_AUTHENTICATED = 4005
    INVALID_SEQUENCE = 4007
    RATE_LIMITED = 4008
    SESSION_TIMED_OUT = 4009
    INVALID_VERSION = 4012
    INVALID_INTENTS = 4013
    DISALLOWED_INTENTS = 4014


class ClosedError(Exception):
    """The connection breaks Discord's rules and is closed with this code."""

    def __init__(self, code: CloseCode) -> None:
        super().__init__(code.name)
        self.code = code


@dataclass(slots=True, eq=False)
class Session:
    """What outlives a connection: the sequence, and the events that a RESUME replays."""

    intents: int
    id: str = field(default_factory=lambda: secrets.token_hex(16))
    sequence: int = 0
    sent: deque[Wire] = field(default_factory=lambda: deque(maxlen=REPLAYED_EVENTS))
    connection: "Connection | None" = None
    lost_at: float | None = None

    def dispatch(self, event: str, data: Wire) -> None:
        self.sequence += 1
        frame = {"op": int(Op.DISPATCH), "s": self.sequence, "t": event, "d": data}
        self.sent.append(frame)
        if self.connection is not None:
            self.connection.send(frame)


class Connection:
    """One WebSocket. Frames are sent in order by a task of its own, so that events can be dispatched from anywhere."""

    def __init__(self, socket: web.WebSocketResponse, *, compressed: bool) -> None:
        self.socket = socket
        self.session: Session | None = None
        self.heard = asyncio.get_running_loop().time()
        self.received: deque[float] = deque(maxlen=SENDS)
        self._deflate = zlib.compressobj() if compressed else None
        self._frames: asyncio.Queue[Wire] = asyncio.Queue()

    def send(self, frame: Wire) -> None:
        self._frames.put_nowait(frame)

    def send_op(self, op: Op, data: Any = None) -> None:
        self.send({"op": int(op), "d": data, "s": None, "t": None})

    async def write(self) -> None:
        """Send the frames until cancelled or the connection breaks."""
        while True:
            text = json.dumps(await self._frames.get())
            try:
                if self._deflate is None:
                    await self.socket.send_str(text)
                else:
                    await self.socket.send_bytes(
                        self._deflate.compress(text.encode()) + self._deflate.flush(zlib.Z_SYNC_FLUSH)
                    )
            except ConnectionError:
                return
