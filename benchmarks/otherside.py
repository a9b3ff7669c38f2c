"""Discord and its people, in a process of their own: a playground that tells at the end what it saw.

Started by `fleet.py`. The first line on its standard output is a `Greeting`, and after its standard input has ended the
second is a `Report`, both as JSON.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import sys
import time
from collections import Counter
from dataclasses import dataclass

from playground.server import Playground
from playground.world import Event, MessageCreated


@dataclass(frozen=True, slots=True)
class Greeting:
    """Where to find it, and who is there."""

    api: str
    gateway: str
    token: str
    channels: dict[int, int]
    """By user, the channel of their direct messages."""


@dataclass(frozen=True, slots=True)
class Report:
    """What it saw. Times are of the machine's monotonic clock."""

    buzzed: list[tuple[int, float]]
    """User and time of each message that made a sound."""
    answers: list[tuple[float, str, int]]
    """Time, method and status of each request."""
    cpu_seconds: float


async def serve(people: int) -> None:
    async with Playground(kept_exchanges=None) as playground:
        buzzed: list[tuple[int, float]] = []

        def listen(event: Event) -> None:
            if isinstance(event, MessageCreated) and not event.message.silent:
                buzzed.append((event.person_id, time.monotonic()))

        playground.world.listen(listen)
        users = [playground.world.add_user(f"person {number}").id for number in range(people)]
        channels = {user: playground.world.open_dm(user).id for user in users}
        _say(Greeting(playground.api_url, playground.gateway_url, playground.token, channels))
        await asyncio.to_thread(sys.stdin.read)
        ahead = time.monotonic() - time.time()
        answers = [(each.time + ahead, each.method, each.status or 0) for each in playground.traffic]
        times = os.times()
        _say(Report(buzzed, answers, times.user + times.system))


def _say(what: Greeting | Report) -> None:
    print(json.dumps(dataclasses.asdict(what)), flush=True)


def summed(answers: list[tuple[float, str, int]], since: float, until: float) -> Counter[str]:
    """How many messages were sent and edited, and how many requests refused, between two times."""
    counted: Counter[str] = Counter()
    for at, method, status in answers:
        if since <= at < until:
            counted[{"POST": "sends", "PATCH": "edits"}.get(method, "other")] += status == 200
            counted["refused"] += status == 429
    return counted


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
