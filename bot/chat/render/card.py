"""The card of one run: where it stands, in every state. The live message and `/trainer status` show it. Pure."""

from __future__ import annotations

import discord

from bot.chat.render import classes, text
from bot.chat.render.curve import PlotRequest, plot_request
from bot.chat.render.embeds import Field, embed
from bot.chat.render.headline import headline
from bot.chat.render.progress import elapsed, look, recipe, unit_of
from bot.chat.render.steering import undone
from bot.runs.model import RunStatus
from trainer_core.events import MetricsCheckpoint, MetricsGuard, MetricsProgress, Summary, Unit

SAMPLE, SAMPLE_LINES = 320, 6
"""Characters of the text sample on a live card, fences counted, and its lines."""
_MUCH_WAITING = 0.05
"""Share of the time that training waits for its data, from which that is worth a word."""


def card(status: RunStatus, now: float) -> discord.Embed:
    """The run as an embed; `now` in seconds since the epoch."""
    run, shown = status.run, look(status.run)
    fields = _final(run.summary) if run.summary else _current(status, now)
    fields += [_told(event) for event in (status.guard, status.steer) if event]
    if status.saved:
        fields.append(_saved(status.saved))
    if status.sample and status.sample.text.strip():
        name = f"It writes, at step {text.number(status.sample.step)}"
        fields.append(Field(name, text.code_block(status.sample.text, SAMPLE, SAMPLE_LINES), inline=False))
    return embed(
        title=f"{shown.emoji} {run.name} · {shown.word}",
        colour=shown.colour,
        description="\n".join([*headline(status, now), *undone(run)]),
        fields=fields,
        footer=recipe(status),
    )


def _told(event: MetricsGuard) -> Field:
    """What the guard did, or what became of what a person asked for."""
    said = text.sentence(event.reason)
    icon = "🎛️" if event.action == "steer" else "⚠️"
    return Field(f"{icon} At step {text.number(event.step)}", f"{said[:1].upper()}{said[1:]}.", inline=False)


def _saved(event: MetricsCheckpoint | MetricsGuard) -> Field:
    """What became of a checkpoint that a person asked for."""
    if isinstance(event, MetricsCheckpoint):
        said = "The checkpoint that was asked for is saved, and stays whatever comes after."
    else:
        said = "The checkpoint that was asked for could not be saved, and is given up. Ask again once there is room."
    return Field(f"💾 At step {text.number(event.step)}", said, inline=False)


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
        fields += classes.current_numbers(first, last)
    if progress:
        unit = unit_of(status)
        fields.append(Field("Speed", _speed(progress, unit)))
        fields.append(Field(unit.capitalize(), text.short(progress.tokens)))
    if (spent := elapsed(status.run, now)) is not None:
        fields.append(Field("Elapsed", text.duration(spent)))
    if progress and (machine := _machine(progress)):
        fields.append(Field("Machine", machine, inline=False))
    return fields


def _speed(progress: MetricsProgress, unit: Unit) -> str:
    """How fast, and how much of what the machine can do that is; what holds it up, if that is much."""
    parts = [f"{text.short(progress.tokens_per_second)} {unit}/s"]
    if progress.peak_share is not None:
        parts.append(f"{text.percent(progress.peak_share)} of peak")
    if progress.data_wait is not None and progress.data_wait >= _MUCH_WAITING:
        parts.append(f"{text.percent(progress.data_wait)} waiting for data")
    return "\n".join(parts)


def _machine(progress: MetricsProgress) -> str:
    """What the run takes of the machine, as far as that is known."""
    parts = []
    if progress.busy is not None:
        parts.append(f"{text.percent(progress.busy)} busy")
    if progress.memory is not None:
        parts.append(text.size(progress.memory))
    if progress.joules is not None:
        parts.append(f"about {text.energy(progress.joules)}, an estimate")
    return " · ".join(parts)


def _final(summary: Summary) -> list[Field]:
    fields = []
    if summary.loss is not None:
        fields.append(Field("Validation", text.change(summary.first_loss, summary.loss)))
    if summary.bits_per_byte is not None:
        fields.append(Field("Bits per byte", text.number(summary.bits_per_byte, 3)))
    return [
        *fields,
        *classes.final_numbers(summary),
        Field("Steps", text.number(summary.steps)),
        Field(summary.unit.capitalize(), text.short(summary.tokens)),
        Field("Trained for", text.duration(summary.seconds)),
    ]
