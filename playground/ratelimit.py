"""Rate limits: fixed windows per bucket, and the headers that tell a client where it stands."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from playground.errors import Kind

Scope: TypeAlias = Literal["user", "shared", "global"]


@dataclass(frozen=True, slots=True)
class Limit:
    """`requests` in `seconds`, counted per bucket of this name and per major parameter (a channel, a webhook)."""

    name: str
    requests: int
    seconds: float


GLOBAL = Limit("global", 50, 1.0)
OLD_EDIT = Limit("old-edit", 3, 6.0)


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a bucket stands after a request. `reset` is Unix seconds; `allowed` tells whether the request may pass."""

    limit: Limit
    allowed: bool
    remaining: int
    reset: float
    reset_after: float

    def headers(self, salt: str = "") -> dict[str, str]:
        bucket = hashlib.blake2s(f"{self.limit.name}{salt}".encode(), digest_size=16).hexdigest()
        return {
            "X-RateLimit-Limit": str(self.limit.requests),
            "X-RateLimit-Remaining": str(self.remaining),
            "X-RateLimit-Reset": f"{self.reset:.3f}",
            "X-RateLimit-Reset-After": f"{self.reset_after:.3f}",
            "X-RateLimit-Bucket": bucket,
        }


class RateLimitedError(Exception):
    """A request over its limit. `kind` is given where the limit has an error code of its own."""

    def __init__(self, standing: Standing, scope: Scope = "user", kind: Kind | None = None) -> None:
        super().__init__(f"{standing.limit.name}: retry after {standing.reset_after:.3f} s")
        self.retry_after = standing.reset_after
        self.scope = scope
        self.kind = kind

    def body(self) -> dict[str, str | int | float | bool]:
        message, code = ("You are being rate limited.", 0) if self.kind is None else (self.kind.message, self.kind.code)
        is_global = self.scope == "global"
        return {"message": message, "retry_after": round(self.retry_after, 3), "global": is_global, "code": code}

    def headers(self) -> Mapping[str, str]:
        headers = {
            "Retry-After": str(int(self.retry_after) + 1),
            "X-RateLimit-Scope": self.scope,
            # what tells a limit of Discord's from a ban by the proxy in front of it
            "Via": "1.1 playground",
        }
        if self.scope == "global":
            headers["X-RateLimit-Global"] = "true"
        return headers


@dataclass(slots=True)
class _Window:
    ends: float
    used: int = 0


@dataclass(slots=True, eq=False)
class RateLimits:
    """The open windows of all buckets. A window opens with its first request and is whole again when it ends."""

    _windows: dict[tuple[str, str], _Window] = field(default_factory=dict)

    def __len__(self) -> int:
        """How many windows are remembered."""
        return len(self._windows)

    def take(self, limit: Limit, major: str, now: float) -> Standing:
        """Count one request at Unix time `now`."""
        window = self._windows.get((limit.name, major))
        if window is None or now >= window.ends:
            # every interaction brings windows of its own: those that have ended go as new ones open
            self._windows = {key: one for key, one in self._windows.items() if now < one.ends}
            window = self._windows[limit.name, major] = _Window(now + limit.seconds)
        allowed = window.used < limit.requests
        window.used += allowed
        return Standing(limit, allowed, limit.requests - window.used, window.ends, max(0.0, window.ends - now))
