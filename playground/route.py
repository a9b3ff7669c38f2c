"""One REST route: what it is asked, what it answers, and how often."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from playground.cdn import Upload
from playground.ratelimit import Limit


@dataclass(frozen=True, slots=True)
class Call:
    """A request, read: the path's parameters, the query, the JSON body and the uploaded parts by number."""

    params: Mapping[str, str]
    query: Mapping[str, str]
    payload: Any  # any JSON value
    uploads: Mapping[int, Upload]


@dataclass(frozen=True, slots=True)
class Answer:
    """A response: `body` is any JSON value, None for no body."""

    status: int
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)


Handler = Callable[[Call], Answer]


@dataclass(frozen=True, slots=True)
class Route:
    """`by_token_in_path` routes need no bot token and do not count towards the global limit."""

    method: str
    template: str
    handler: Handler
    limit: Limit
    by_token_in_path: bool = False

    def match(self, path: str) -> dict[str, str] | None:
        pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", self.template)
        found = re.fullmatch(pattern, path)
        return None if found is None else found.groupdict()
