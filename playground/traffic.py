"""A record of every REST request and its answer, for assertions and for validation against Discord's description."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

KEPT_EXCHANGES = 5000
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its answer. `time` is Unix seconds at the request's arrival.

    `template` is the route with its parameters named as in Discord's description, None if there is no such route.
    `payload` is the JSON body, or a multipart body's `payload_json`; `files` are the multipart's (file name, bytes).
    `status` is None if the connection was aborted instead of answered.
    """

    time: float
    method: str
    path: str
    template: str | None
    query: Mapping[str, str]
    payload: Any  # any JSON value, as it was sent
    files: Sequence[tuple[str, int]]
    status: int | None
    answer: Any  # any JSON value, as it was answered; None without a body
    headers: Mapping[str, str]


class Traffic:
    """The last exchanges, in the order in which they ended: `limit` of them, or all with None."""

    def __init__(self, limit: int | None = KEPT_EXCHANGES) -> None:
        self.exchanges: deque[Exchange] = deque(maxlen=limit)
        self._waiting: list[tuple[Callable[[Exchange], bool], asyncio.Future[Exchange]]] = []

    def __iter__(self) -> Iterator[Exchange]:
        return iter(self.exchanges)

    def __len__(self) -> int:
        return len(self.exchanges)

    def record(self, exchange: Exchange) -> None:
        self.exchanges.append(exchange)
        if exchange.template is None:
            _log.error("The playground does not know %s %s; it answered 404.", exchange.method, exchange.path)
        for predicate, waiter in self._waiting:
            if not waiter.done() and predicate(exchange):
                waiter.set_result(exchange)

    def matching(self, method: str, template: str) -> list[Exchange]:
        """The exchanges of one route, as in `matching("POST", "/channels/{channel_id}/messages")`."""
        return [exchange for exchange in self.exchanges if (exchange.method, exchange.template) == (method, template)]

    @property
    def unknown(self) -> list[Exchange]:
        """Requests to routes that the playground does not have."""
        return [exchange for exchange in self.exchanges if exchange.template is None]

    async def until(
        self,
        predicate: Callable[[Exchange], bool],
        timeout: float = 10.0,  # noqa: ASYNC109 - a script gives every step its limit
    ) -> Exchange:
        """The first exchange that fits, past ones first. Raises TimeoutError after `timeout` seconds."""
        for exchange in self.exchanges:
            if predicate(exchange):
                return exchange
        waiter: asyncio.Future[Exchange] = asyncio.get_running_loop().create_future()
        entry = (predicate, waiter)
        self._waiting.append(entry)
        try:
            return await asyncio.wait_for(waiter, timeout)
        finally:
            self._waiting.remove(entry)
