"""Which messages a change of a run calls for, and how often a live card may change. Pure."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from bot.chat.notify.kinds import Kind
from bot.runs.announce import Change
from bot.runs.model import RunState

_ENDINGS = {
    RunState.SUCCEEDED: Kind.COMPLETED,
    RunState.STOPPED: Kind.STOPPED,
    RunState.FAILED: Kind.FAILED,
}
_NONCE_LENGTH = 25


@dataclass(frozen=True, slots=True)
class Notice:
    """A message that a person should have. The same key is the same message."""

    key: str
    kind: Kind
    user_id: int
    run: str


def notices(change: Change, watches: Mapping[int, float]) -> list[Notice]:
    """The messages that `change` calls for; `watches` says who watches the run, and since when.

    The live card comes with the start (until then whoever typed the command has its answer) and changes with the
    run; an ending is a message of its own.
    """
    run = change.after
    found = []
    if change.before.state is not run.state and run.state in _ENDINGS:
        found += [_ending(_ENDINGS[run.state], run.name, user_id) for user_id in watches]
    if run.attempt > 0:
        found += [live_card(run.name, user_id, since) for user_id, since in watches.items()]
    return found


def _ending(kind: Kind, run: str, user_id: int) -> Notice:
    return Notice(f"{kind}:{run}:{user_id}", kind, user_id, run)


def live_card(run: str, user_id: int, since: float) -> Notice:
    """A card belongs to one watching: who stops watching and starts again gets a new one."""
    return Notice(f"{Kind.LIVE}:{run}:{user_id}:{since:.3f}", Kind.LIVE, user_id, run)


def summary(run: str, user_id: int, number: int) -> Notice:
    """The `number`th summary of a run."""
    return Notice(f"{Kind.SUMMARY}:{run}:{user_id}:{number}", Kind.SUMMARY, user_id, run)


def nonce(key: str) -> str:
    """The key as Discord takes it (at most 25 characters), so that sending twice is one message."""
    return base64.b32encode(hashlib.sha256(key.encode()).digest()).decode()[:_NONCE_LENGTH]


def pause_after_edit(message_age: float) -> float:
    """Seconds until a live card of that age (in seconds) changes again.

    Discord takes about five edits in five seconds, and far fewer of messages over an hour old.
    """
    if message_age < 600:
        return 5.0
    return 10.0 if message_age < 3600 else 30.0


def pause_after_failure(tries: int) -> float:
    """Seconds until the next try after `tries` that failed."""
    return min(2.0 ** min(tries, 9), 300.0)
