"""Which messages a change of a run calls for, and how often a live card may change. Pure."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from bot.chat.notify.kinds import Kind
from bot.runs.announce import Change
from bot.runs.model import Question, Run, RunState, Stall
from trainer_core.events import MetricsGuard

_ENDINGS = {
    RunState.SUCCEEDED: Kind.COMPLETED,
    RunState.STOPPED: Kind.STOPPED,
    RunState.FAILED: Kind.FAILED,
}
_NONCE_LENGTH = 25
_OLD = 3300.0
"""Seconds. Discord counts a message as old after an hour, by its own clock."""

_EPISODE = 6 * 3600.0
"""Seconds. What happens within so long of a warning about a full disk belongs to it."""


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
    run; an ending, a stall, a question and a pause are messages of their own.
    """
    run = change.after
    found = []
    if (stall := run.undecided) and stall != change.before.undecided:
        found += [stalled(run.name, user_id, stall) for user_id in watches]
    if run.question and not change.before.question:
        found += [asked(run.name, user_id, run.question) for user_id in watches]
    if _is_told_paused(run) and not _is_told_paused(change.before):
        found += [paused(run.name, user_id, run.queued_at) for user_id in watches]
    found += [disk(run.name, user_id, event) for event in _disk_full(change)[:1] for user_id in watches]
    if change.before.state is not run.state and run.state in _ENDINGS:
        found += [_ending(_ENDINGS[run.state], run.name, user_id) for user_id in watches]
    if run.attempt > 0:
        found += [live_card(run.name, user_id, since) for user_id, since in watches.items()]
    return found


def passed(change: Change) -> list[Kind]:
    """The kinds of messages whose matter is over with `change`, whoever has them."""
    before, after = change.before.undecided, change.after.undecided
    found = []
    if before and (after is None or after.noticed_at != before.noticed_at):
        found.append(Kind.STALLED)
    if change.before.state is RunState.PAUSED and change.after.state is not RunState.PAUSED:
        found.append(Kind.ASKED if change.before.question else Kind.PAUSED)
    return found


def stands(notice: Notice, run: Run) -> bool:
    """Whether what a notice of a kind that passes told is still so."""
    user_id = notice.user_id
    if notice.kind is Kind.STALLED:
        stall = run.undecided
        return stall is not None and notice.key == stalled(run.name, user_id, stall).key
    if notice.kind is Kind.ASKED:
        return run.question is not None and notice.key == asked(run.name, user_id, run.question).key
    return _is_told_paused(run) and notice.key == paused(run.name, user_id, run.queued_at).key


def _disk_full(change: Change) -> list[MetricsGuard]:
    """What the disk did not take. A second copy that is missing is for the card only: nothing waits for anybody."""
    return [event for event in change.events if isinstance(event, MetricsGuard) and event.action == "disk"]


def _is_told_paused(run: Run) -> bool:
    """A run that is paused before it first started is answered to whoever asked; nobody has a card of it yet. One whose
    guard asks is told of by the question.
    """
    return run.state is RunState.PAUSED and run.attempt > 0 and run.question is None


def stalled(run: str, user_id: int, stall: Stall) -> Notice:
    """Each stall is asked about in a message of its own."""
    return Notice(f"{Kind.STALLED}:{run}:{user_id}:{stall.noticed_at:.3f}", Kind.STALLED, user_id, run)


def asked(run: str, user_id: int, question: Question) -> Notice:
    """Each question is a message of its own."""
    return Notice(f"{Kind.ASKED}:{run}:{user_id}:{question.at:.3f}", Kind.ASKED, user_id, run)


def paused(run: str, user_id: int, queued_at: float) -> Notice:
    """Before it can be paused again, it was queued again."""
    return Notice(f"{Kind.PAUSED}:{run}:{user_id}:{queued_at:.3f}", Kind.PAUSED, user_id, run)


def disk(run: str, user_id: int, event: MetricsGuard) -> Notice:
    """A full disk is met again at every checkpoint; `is_news` says when that is worth another message."""
    return Notice(f"{Kind.DISK}:{run}:{user_id}:{event.attempt}:{event.step}", Kind.DISK, user_id, run)


def is_news(told_at: float | None, now: float) -> bool:
    """Whether somebody who was warned of a full disk at `told_at` is warned again. Seconds since the epoch.

    The clock may have been set back since: then nobody can tell how long ago that was.
    """
    return told_at is None or not 0 <= now - told_at <= _EPISODE


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

    A card stays the same message for as long as its run goes on: a new one every hour would fill the chat. Discord
    takes few edits of old messages, but by then little changes within half a minute.
    """
    if message_age < 600:
        return 5.0
    return 10.0 if message_age < _OLD else 30.0


def pause_in_channel(message_age: float) -> float:
    """Seconds until any other live card in the same channel changes.

    Somebody may watch many runs, and Discord counts the edits of a channel together: about five in five seconds, and
    three in six of messages over an hour old. At the limit the library would hold up the channel's notices, too.
    """
    return 1.25 if message_age < _OLD else 2.5


def pause_after_failure(tries: int) -> float:
    """Seconds until the next try after `tries` that failed."""
    return min(2.0 ** min(tries, 9), 300.0)
