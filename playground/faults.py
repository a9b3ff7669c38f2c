"""Faults on demand: the answers, delays and broken connections that Discord's real network has."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Literal

from playground.errors import Kind


@dataclass(slots=True, eq=False)
class Hold:
    """A request kept waiting until the test releases it."""

    reached: asyncio.Event = field(default_factory=asyncio.Event)
    released: asyncio.Event = field(default_factory=asyncio.Event)

    def release(self) -> None:
        self.released.set()


@dataclass(slots=True, eq=False)
class Fault:
    """What happens to the next `times` requests that match.

    `when="before"` answers in place of the route; `when="after"` lets the route do its work first and then loses or
    replaces its answer, as when a connection breaks on the way back.
    """

    method: str
    pattern: str
    times: int
    status: int | None
    body: Any  # any JSON value
    headers: Mapping[str, str]
    abort: bool
    slow: float
    when: Literal["before", "after"]
    hold: Hold | None = None

    def matches(self, method: str, path: str, template: str | None) -> bool:
        fits = fnmatchcase(path, self.pattern) or template == self.pattern
        return self.times > 0 and self.method in (method, "*") and fits


@dataclass(slots=True, eq=False)
class Faults:
    """The faults in force, oldest first; each request meets at most one."""

    # the gateway stops to acknowledge heartbeats
    deaf_gateway: bool = False
    # appended to every bucket's hash: change it to have the hashes change under the client
    bucket_salt: str = ""
    _faults: list[Fault] = field(default_factory=list)

    def add(
        self,
        method: str,
        route_pattern: str,
        *,
        times: int = 1,
        status: int | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        abort: bool = False,
        slow: float = 0.0,
        when: Literal["before", "after"] = "before",
    ) -> Fault:
        """Let the next `times` requests of `method` ("*" for any) fail.

        `route_pattern` is a route's template, or a shell pattern over the path below the API's base.
        `slow` seconds pass before the answer, and again half way through its body.
        Raises ValueError for a fault that would do nothing.
        """
        if status is None and not abort and not slow:
            raise ValueError("faults.add: give at least one of status, abort or slow")
        fault = Fault(method, route_pattern, times, status, body, headers or {}, abort, slow, when)
        self._faults.append(fault)
        return fault

    def hold(self, method: str, route_pattern: str) -> Hold:
        """Keep the next such request waiting, before the route sees it, until it is released."""
        hold = Hold()
        self._faults.append(Fault(method, route_pattern, 1, None, None, {}, False, 0.0, "before", hold))
        return hold

    def rate_limited(
        self,
        method: str,
        route_pattern: str,
        *,
        retry_after: float,
        scope: Literal["user", "shared", "global"] = "user",
        kind: Kind | None = None,
        times: int = 1,
    ) -> Fault:
        """Answer 429 as Discord does; `kind` is for limits with a code of their own: 30046 and 40003."""
        is_global = scope == "global"
        message, code = ("You are being rate limited.", 0) if kind is None else (kind.message, kind.code)
        body = {"message": message, "retry_after": retry_after, "global": is_global, "code": code}
        headers = {"Retry-After": str(max(1, round(retry_after))), "X-RateLimit-Scope": scope, "Via": "1.1 playground"}
        if is_global:
            headers["X-RateLimit-Global"] = "true"
        return self.add(method, route_pattern, times=times, status=429, body=body, headers=headers)

    def refused(
        self, method: str, route_pattern: str, status: int, code: int, message: str, *, times: int = 1
    ) -> Fault:
        """Answer with a JSON error, as in `refused("POST", ..., 403, 50278, "Cannot send messages to this user")`."""
        return self.add(method, route_pattern, times=times, status=status, body={"message": message, "code": code})

    def clear(self) -> None:
        self._faults.clear()

    def take(self, method: str, path: str, template: str | None) -> Fault | None:
        """The fault that this request meets, used up by one."""
        for fault in self._faults:
            if fault.matches(method, path, template):
                fault.times -= 1
                return fault
        return None
