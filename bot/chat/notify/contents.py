"""What a letter says, made from the run as it stands. Pure."""

from __future__ import annotations

from bot.chat.notify import policy
from bot.chat.notify.kinds import Kind
from bot.chat.render.message import Message
from bot.chat.render.reports import passed, render, unwatched
from bot.runs.model import RunStatus
from bot.store.outbox import Letter

_PLAINLY = {
    Kind.COMPLETED: ("✅", "has finished"),
    Kind.STOPPED: ("⏹️", "was stopped"),
    Kind.FAILED: ("❌", "failed"),
    Kind.STALLED: ("🆘", "did not advance"),
    Kind.ASKED: ("🆘", "needs a decision"),
    Kind.DISK: ("💾", "met a full disk"),
    Kind.PAUSED: ("⏸️", "was paused"),
}
"""How the messages that last begin, and what each comes to."""


def is_final(kind: Kind) -> bool:
    """Whether such a message never changes once it is there."""
    return kind is not Kind.LIVE and not kind.passes


def contents(letter: Letter, status: RunStatus, now: float) -> tuple[Message | None, bool]:
    """What the letter says, None if nothing is worth saying any more, and whether that is its last state.

    `now` in seconds since the epoch.
    """
    kind = Kind(letter.kind)
    if kind is Kind.LIVE:
        return _card(letter, status, now)
    if kind.passes and not _stands(letter, status):
        is_there = letter.message_id is not None
        return passed(kind, status, letter.sent_at or letter.created_at) if is_there else None, True
    if kind is Kind.SUMMARY and (status.run.state.is_terminal or letter.user_id not in status.watchers):
        return None, True
    return render(kind, status, now), not kind.passes


def plainly(letter: Letter) -> Message | None:
    """The least that can be said of the run, for when the letter cannot be made; None if that is not worth a message.

    It begins as the letter would, so that either is found for the other.
    """
    kind = Kind(letter.kind)
    said = _PLAINLY.get(kind)
    if said is None:
        return None
    icon, news = said
    how = f"I cannot show more of it here: try `/trainer status run:{letter.run}`."
    return Message(content=f"{icon} **{letter.run}** {news}. {how}", silent=kind is Kind.PAUSED)


def text_as_sent(letter: Letter, status: RunStatus, now: float) -> str | None:
    """The text with which it was sent, give or take some numbers; None if it had none, or is known by its buttons."""
    kind = Kind(letter.kind)
    return render(kind, status, now).content if is_final(kind) else None


def _card(letter: Letter, status: RunStatus, now: float) -> tuple[Message | None, bool]:
    since, ended = status.watchers.get(letter.user_id), status.run.state.is_terminal
    # A card belongs to one watching, which may be over although the person watches again.
    is_watched = since is not None and policy.live_card(letter.run, letter.user_id, since).key == letter.key
    if letter.message_id is None and (ended or not is_watched):
        return None, True
    if not is_watched and not ended:
        return unwatched(status), True
    return render(Kind.LIVE, status, now), ended


def _stands(letter: Letter, status: RunStatus) -> bool:
    """Whether what it told of is still so."""
    return policy.stands(policy.Notice(letter.key, Kind(letter.kind), letter.user_id, letter.run), status.run)
