"""What Spotter answers to commands and buttons. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from bot.chat.render import text
from bot.chat.render.card import LOOKS, card, curve, fraction, place
from bot.chat.render.embeds import Colour, Field, content, embed
from bot.chat.render.message import Act, Button, Message
from bot.runs.model import Run, RunState, RunStatus
from bot.runs.service import Submitted
from trainer_core.data.formats import KINDS
from trainer_core.models.sizes import SIZES, parameters
from trainer_core.spec import BUDGET_EXAMPLES, Size

TYPICAL_VOCABULARY = 4096
"""Tokens; the real vocabulary follows the text's size, so parameter counts told in advance are about."""


def accepted(submitted: Submitted) -> Message:
    """The run is stored: its name, its place, what it trains on."""
    run, card_ = submitted.run, submitted.card
    where = place(submitted.position) if run.state is RunState.QUEUED else LOOKS[run.state].word
    documents = "one document" if card_.documents == 1 else f"{card_.documents:,} documents"
    spec = run.spec
    return Message(
        content=content(
            f"🏋️ **{run.name}** is {where}.\n"
            f"{text.code(card_.name)} ({text.size(card_.bytes)}, {documents}) · "
            f"{spec.model.family} {spec.model.size} · budget {spec.budget}\n"
            "-# I write to you here as it goes, and when it is done."
        ),
        buttons=(Button(run.name, Act.STOP),),
    )


def status_reply(status: RunStatus, now: float, viewer_id: int) -> Message:
    """The run's card for one who asked, with what they can do."""
    acts = [Act.REFRESH]
    if not status.run.state.is_terminal:
        acts += [Act.UNWATCH if viewer_id in status.watchers else Act.WATCH, Act.STOP]
    return Message(
        embed=card(status, now), plot=curve(status), buttons=tuple(Button(status.run.name, act) for act in acts)
    )


def runs_list(statuses: Sequence[RunStatus], now: float) -> Message:
    """One line a run, in the order given."""
    if not statuses:
        return Message(content="You have no runs yet. `/trainer train data:python-docs budget:3m` starts one.")
    return Message(
        embed=embed(
            title="Runs",
            colour=Colour.QUIET,
            description="\n".join(_line(status, now) for status in statuses),
            footer="/trainer status shows one with its curve",
        )
    )


def _line(status: RunStatus, now: float) -> str:
    run, look = status.run, LOOKS[status.run.state]
    parts = [f"{look.emoji} **{run.name}** {look.word}"]
    if run.state is RunState.QUEUED:
        parts.append(place(status.position))
    elif not run.state.is_terminal:
        parts.append(text.percent(fraction(status)))
    loss = run.summary.loss if run.summary else status.last_eval.loss if status.last_eval else None
    if loss is not None:
        parts.append(f"validation {text.number(loss, 2)}")
    parts.append(f"{text.age(max(now - (run.ended_at or run.created_at), 0))} ago")
    return " · ".join(parts)


def confirm_stop(run: Run) -> Message:
    """Ask first: a stopped run does not go on."""
    if over := _over(run):
        return over
    if run.started_at is None:
        kept = "It has not begun to train."
    elif run.state is RunState.QUEUED:
        kept = "Its newest checkpoint is kept, if it has made one."
    else:
        kept = "What it has learned so far is kept."
    return Message(
        content=f"Stop **{run.name}**? {kept}",
        buttons=(Button(run.name, Act.STOP_NOW), Button(run.name, Act.KEEP)),
    )


def stopping(run: Run) -> Message:
    if run.state is RunState.STOPPING:
        return Message(content=f"🟠 **{run.name}** saves what it has learned and stops.")
    kept = "" if run.started_at is None else " Its newest checkpoint is kept, if it has made one."
    return Message(content=f"⏹️ **{run.name}** was taken out of the queue.{kept}")


def keeping(run: Run) -> Message:
    """The person decided not to stop it; by then it may have ended all the same."""
    return _over(run) or Message(content=f"**{run.name}** keeps going.")


def _over(run: Run) -> Message | None:
    """What there is to say of a run that needs no decision about stopping any more; None if it does."""
    if run.state.is_terminal:
        return Message(content=f"**{run.name}** has {LOOKS[run.state].word} already.")
    if run.state is RunState.STOPPING:
        return Message(content=f"**{run.name}** is stopping already.")
    return None


def watching(run: Run, added: bool) -> Message:
    if not added:
        return Message(content=f"You watch **{run.name}** already.")
    if run.state.is_terminal:
        return Message(content=f"**{run.name}** has {LOOKS[run.state].word} already: there is nothing more to report.")
    return Message(content=f"👀 You watch **{run.name}**: its card comes as a direct message.")


def unwatching(run: Run, removed: bool) -> Message:
    if not removed:
        return Message(content=f"You do not watch **{run.name}**.")
    return Message(content=f"You no longer watch **{run.name}**. It goes on; `/trainer watch` brings the reports back.")


def size_label(size: Size) -> str:
    """`tiny · about 1.32M parameters`."""
    return f"{size} · about {text.short(parameters(size, TYPICAL_VOCABULARY))} parameters"


def help_card(upload_limit: int) -> Message:
    """What Spotter does and how to ask for it; `upload_limit` in bytes."""
    kinds = " ".join(f".{kind}" for kind in KINDS)
    return Message(
        embed=embed(
            title="🏋️ Spotter trains language models on this machine",
            colour=Colour.GOING,
            description=(
                "Give it a text, and it trains a model on it from nothing: it reports here while it trains, and sends "
                "the result when it is done. Nothing is uploaded anywhere.\n\n"
                "**Try it**\n"
                "`/trainer train data:python-docs budget:3m`\n"
                "`/trainer train file:notes.txt size:mini budget:1h name:my-notes`"
            ),
            fields=[
                Field(
                    "Commands",
                    "`/trainer train` start a run\n`/trainer status` a run's card and curve\n"
                    "`/trainer runs` all your runs\n`/trainer watch` `/trainer unwatch` reports on, off\n"
                    "`/trainer stop` end a run, keeping what it learned",
                    inline=False,
                ),
                Field("Budgets", BUDGET_EXAMPLES, inline=False),
                Field("Files", f"{kinds}, up to {text.size(upload_limit)}, UTF-8", inline=False),
                Field("Sizes", "\n".join(map(size_label, SIZES)), inline=False),
            ],
        )
    )
