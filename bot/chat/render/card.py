"""The card of one run: where it stands, in every state. The live message and `/trainer status` show it. Pure."""

from __future__ import annotations

import discord

from bot.chat.render import text
from bot.chat.render.curve import PlotRequest, plot_request
from bot.chat.render.embeds import Field, embed
from bot.chat.render.headline import headline
from bot.chat.render.progress import elapsed, look, recipe
from bot.runs.model import RunStatus
from trainer_core.events import Summary

SAMPLE, SAMPLE_LINES = 320, 6
"""Characters of the text sample on a live card, fences counted, and its lines."""


def card(status: RunStatus, now: float) -> discord.Embed:
    """The run as an embed; `now` in seconds since the epoch."""
    run, shown = status.run, look(status.run)
    fields = _final(run.summary) if run.summary else _current(status, now)
    if status.guard:
        said = text.sentence(status.guard.reason)
        fields.append(
            Field(f"⚠️ At step {text.number(status.guard.step)}", f"{said[:1].upper()}{said[1:]}.", inline=False)
        )
    if status.sample and status.sample.text.strip():
        name = f"It writes, at step {text.number(status.sample.step)}"
        fields.append(Field(name, text.code_block(status.sample.text, SAMPLE, SAMPLE_LINES), inline=False))
    return embed(
        title=f"{shown.emoji} {run.name} · {shown.word}",
        colour=shown.colour,
        description="\n".join(headline(status, now)),
        fields=fields,
        footer=recipe(status),
    )


def curve(status: RunStatus) -> PlotRequest | None:
    """The picture that goes with any embed about the run; None before there is something to see."""
    going = status.progress if not status.run.state.is_terminal else None
    return plot_request(status.run.name, status.curve, going.steps_total if going else None)


def _current(status: RunStatus, now: float) -> list[Field]:
    progress, last, first = status.progress, status.last_eval, status.first_eval
    fields = []
    if progress:
        fields.append(Field("Loss", text.number(progress.loss, 3)))
    if last and first:
        drop = f" (from {text.number(first.loss, 2)})" if first.step != last.step else ""
        fields.append(Field("Validation", f"{text.number(last.loss, 3)}{drop}"))
        if last.bits_per_byte is not None:
            fields.append(Field("Bits per byte", text.number(last.bits_per_byte, 3)))
    if progress:
        fields.append(Field("Speed", f"{text.short(progress.tokens_per_second)} tokens/s"))
        fields.append(Field("Tokens", text.short(progress.tokens)))
    if (spent := elapsed(status.run, now)) is not None:
        fields.append(Field("Elapsed", text.duration(spent)))
    return fields


def _final(summary: Summary) -> list[Field]:
    fields = []
    if summary.loss is not None:
        fields.append(Field("Validation", text.change(summary.first_loss, summary.loss)))
    if summary.bits_per_byte is not None:
        fields.append(Field("Bits per byte", text.number(summary.bits_per_byte, 3)))
    return [
        *fields,
        Field("Steps", text.number(summary.steps)),
        Field("Tokens", text.short(summary.tokens)),
        Field("Trained for", text.duration(summary.seconds)),
    ]
