"""What Spotter answers to commands and buttons. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from bot.chat.notify.kinds import Kind
from bot.chat.render import classes, text
from bot.chat.render.card import card, curve
from bot.chat.render.embeds import Colour, content, embed, listing
from bot.chat.render.message import Act, Message, buttons
from bot.chat.render.progress import fraction, look
from bot.chat.render.queue import place, standing
from bot.chat.render.steering import acts
from bot.runs.admission import Submitted
from bot.runs.model import Run, RunState, RunStatus

_PROMISE = "-# I write to you here as it goes, and when it is done."
_ONCE = "-# You asked for this twice: it is one run."

_MOST_MISSED = 10
"""Runs that are named of those a person was not told about."""

_NEWS = {
    Kind.COMPLETED: "has finished",
    Kind.STOPPED: "was stopped",
    Kind.FAILED: "failed",
    Kind.STALLED: "stalled and needed a decision",
    Kind.ASKED: "could not go on by itself and needed a decision",
    Kind.DISK: "met a full disk",
    Kind.PAUSED: "was paused",
    Kind.LIVE: "has begun",
    Kind.SUMMARY: "went on",
}
"""What a person missed of a run, the most telling first."""


def accepted(submitted: Submitted, *, again: bool = False) -> Message:
    """The run is stored: its name, its place, what it trains on. `again`: the same was asked for moments ago."""
    run, card_ = submitted.run, submitted.card
    where = standing(run, submitted.position, submitted.starts_in)
    one, many = ("picture", "pictures") if card_.images else ("document", "documents")
    documents = f"one {one}" if card_.documents == 1 else f"{card_.documents:,} {many}"
    spec = run.spec
    return Message(
        content=content(
            f"🏋️ **{run.name}** is {where}.\n"
            f"{text.code(card_.name)} ({text.size(card_.bytes)}, {documents}) · "
            f"{text.literal(spec.model.label)} · budget {spec.budget}\n" + (_ONCE if again else _PROMISE)
        ),
        buttons=buttons(run.name, acts(run)),
    )


def tried_again(submitted: Submitted, old: str, *, again: bool = False) -> Message:
    """A new run takes up what the run called `old` did not finish. `again`: the same was asked for moments ago."""
    run, step = submitted.run, submitted.resumes_from
    where = standing(run, submitted.position, submitted.starts_in)
    how = f"goes on from step {text.number(step)}" if step else "starts from the beginning, as no checkpoint is there"
    return Message(
        content=content(
            f"🔁 **{run.name}** is {where}. It does what **{old}** was to do, and {how}.\n"
            + (_ONCE if again else _PROMISE)
        ),
        buttons=buttons(run.name, acts(run)),
    )


def status_reply(status: RunStatus, now: float, viewer_id: int) -> Message:
    """The run's card for one who asked, with what they can do."""
    run, offered = status.run, [Act.REFRESH]
    if not run.state.is_terminal:
        offered.append(Act.UNWATCH if viewer_id in status.watchers else Act.WATCH)
    offered += acts(run)
    return Message(
        embed=card(status, now), plot=classes.matrix(status) or curve(status), buttons=buttons(run.name, offered)
    )


def runs_list(statuses: Sequence[RunStatus], now: float) -> Message:
    """One line a run, in the order given."""
    if not statuses:
        return Message(content="You have no runs yet. `/trainer train data:python-docs budget:3m` starts one.")
    return Message(
        embed=embed(
            title="Runs",
            colour=Colour.QUIET,
            description=listing([_line(status, now) for status in statuses]),
            footer="/trainer status shows one with its curve",
        )
    )


def _line(status: RunStatus, now: float) -> str:
    run, shown = status.run, look(status.run)
    parts = [f"{shown.emoji} **{run.name}** {shown.word}"]
    if run.state is RunState.QUEUED:
        parts.append(place(status.position, status.starts_in))
    elif not run.state.is_terminal:
        parts.append(text.percent(fraction(status)))
    loss = run.summary.loss if run.summary else status.last_eval.loss if status.last_eval else None
    if loss is not None:
        parts.append(f"validation {text.number(loss, 2)}")
    parts.append(f"{text.age(max(now - (run.ended_at or run.created_at), 0))} ago")
    return " · ".join(parts)


def watching(run: Run, added: bool) -> Message:
    if not added:
        return Message(content=f"You watch **{run.name}** already.")
    if run.state.is_terminal:
        return Message(content=f"**{run.name}** has {look(run).word} already: there is nothing more to report.")
    return Message(content=f"👀 You watch **{run.name}**: its card comes as a direct message.")


def unwatching(run: Run, removed: bool) -> Message:
    if not removed:
        return Message(content=f"You do not watch **{run.name}**.")
    return Message(content=f"You no longer watch **{run.name}**. It goes on; `/trainer watch` brings the reports back.")


def missed(notices: Sequence[tuple[str, Kind]]) -> Message:
    """What a person whose direct messages were closed was not told, a line for each run: (run, kind), oldest first."""
    news: dict[str, Kind] = {}
    telling = list(_NEWS)
    for run, kind in notices:
        known = news.get(run, kind)
        news[run] = min(kind, known, key=telling.index)
    lines = ["📭 **While I could not write to you:**"]
    lines += [f"• **{run}** {_NEWS[kind]}" for run, kind in list(news.items())[:_MOST_MISSED]]
    if len(news) > _MOST_MISSED:
        lines.append(f"• and {len(news) - _MOST_MISSED} more; `/trainer runs` lists them")
    lines.append(
        "I am trying again now. If nothing comes, allow direct messages from apps in Discord's settings, under "
        "Content & Social."
    )
    return Message(content=content("\n".join(lines)))
