"""The card of one run: where it stands, in every state. The live message and `/trainer status` show it. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import discord

from bot.chat.render import text
from bot.chat.render.curve import PlotRequest, plot_request
from bot.chat.render.embeds import Colour, Field, embed
from bot.runs.model import Run, RunState, RunStatus
from trainer_core.events import Phase, Summary

SAMPLE, SAMPLE_LINES = 320, 6
"""Characters of the text sample on a live card, fences counted, and its lines."""


@dataclass(frozen=True, slots=True)
class Look:
    emoji: str
    word: str
    colour: Colour


LOOKS = {
    RunState.QUEUED: Look("🟡", "queued", Colour.WAITING),
    RunState.STARTING: Look("🟡", "starting", Colour.WAITING),
    RunState.RUNNING: Look("🟢", "training", Colour.GOING),
    RunState.PAUSING: Look("🟠", "pausing", Colour.WAITING),
    RunState.PAUSED: Look("⏸️", "paused", Colour.WAITING),
    RunState.STOPPING: Look("🟠", "stopping", Colour.WAITING),
    RunState.LOST: Look("🟠", "lost, starting again", Colour.WAITING),
    RunState.SUCCEEDED: Look("✅", "finished", Colour.DONE),
    RunState.FAILED: Look("❌", "failed", Colour.FAILED),
    RunState.STOPPED: Look("⏹️", "stopped", Colour.QUIET),
}

_PHASES: dict[Phase, str] = {
    "reading": "Reading the text",
    "tokenizer": "Training the tokenizer",
    "tokens": "Turning the text into tokens",
    "model": "Building the model",
    "preflight": "Checking that everything fits",
    "training": "Training",
    "saving": "Saving the model",
}


def card(status: RunStatus, now: float) -> discord.Embed:
    """The run as an embed; `now` in seconds since the epoch."""
    run, look = status.run, LOOKS[status.run.state]
    fields = _final(run.summary) if run.summary else _current(status, now)
    if status.sample and status.sample.text.strip():
        name = f"It writes, at step {text.number(status.sample.step)}"
        fields.append(Field(name, text.code_block(status.sample.text, SAMPLE, SAMPLE_LINES), inline=False))
    return embed(
        title=f"{look.emoji} {run.name} · {look.word}",
        colour=look.colour,
        description="\n".join(_headline(status)),
        fields=fields,
        footer=recipe(status),
    )


def curve(status: RunStatus) -> PlotRequest | None:
    """The picture that goes with any embed about the run; None before there is something to see."""
    going = status.progress if not status.run.state.is_terminal else None
    return plot_request(status.run.name, status.curve, going.steps_total if going else None)


def fraction(status: RunStatus) -> float:
    """How much of the budget is used, 0 to 1."""
    if status.run.state is RunState.SUCCEEDED:
        return 1.0
    return status.progress.fraction if status.progress else 0.0


def steps(status: RunStatus) -> str:
    """`step 430 of 1,000`; while the budget is a time the total is a forecast."""
    progress = status.progress
    if progress is None:
        return ""
    about = "about " if status.run.spec.budget.unit == "seconds" and not status.run.state.is_terminal else ""
    return f"step {text.number(progress.step)} of {about}{text.number(max(progress.steps_total, progress.step))}"


def recipe(status: RunStatus) -> str:
    """What is trained on what, for how long, where: one line."""
    spec, known = status.run.spec, status.run.summary or status.config
    parts = [
        spec.data.dataset,
        f"{spec.model.family} {spec.model.size}" + (f", {text.short(known.parameters)} parameters" if known else ""),
        f"budget {spec.budget}",
        text.sentence(status.device),
        f"attempt {status.run.attempt}" if status.run.attempt > 1 else "",
    ]
    return " · ".join(part for part in parts if part)


def place(position: int | None) -> str:
    """A place in the queue, in words."""
    return (
        "starting now"
        if position is None
        else "first in the queue"
        if position == 1
        else f"place {position} in the queue"
    )


def _headline(status: RunStatus) -> list[str]:
    run = status.run
    if run.state is RunState.QUEUED and status.progress is None:
        return [f"{place(status.position).capitalize()}. It starts by itself when a slot is free."]
    if run.error:
        return [f"**{run.error.code}** — {text.sentence(run.error.message)}", f"➡️ {text.sentence(run.error.next_step)}"]
    if status.progress is None:
        return [_busy_with(status)]
    share = fraction(status)
    lines = [f"{text.bar(share)} **{text.percent(share)}**", steps(status)]
    if run.state is RunState.QUEUED:
        lines.append(f"{place(status.position).capitalize()}, to go on from its newest checkpoint.")
    elif run.state is RunState.STOPPING:
        lines.append("Saving what it has learned, then it stops.")
    elif run.state is RunState.RUNNING and status.phase not in (None, "training"):
        lines.append(_busy_with(status))
    elif run.state is RunState.RUNNING:
        lines[-1] += f" · {text.duration(status.progress.remaining)} left"
    return lines


def _busy_with(status: RunStatus) -> str:
    doing = (
        _PHASES[status.phase] if status.phase else "Getting ready" if not status.run.state.is_terminal else "Not begun"
    )
    said = text.sentence(status.message)
    return f"{doing} — {said}" if said else f"{doing}…" if not status.run.state.is_terminal else f"{doing}."


def _current(status: RunStatus, now: float) -> list[Field]:
    progress, last, first = status.progress, status.last_eval, status.first_eval
    fields = []
    if progress:
        fields.append(Field("Loss", text.number(progress.loss, 3)))
    if last and first:
        drop = f" (from {text.number(first.loss, 2)})" if first.step != last.step else ""
        fields.append(Field("Validation", f"{text.number(last.loss, 3)}{drop}"))
        fields.append(Field("Bits per byte", text.number(last.bits_per_byte, 3)))
    if progress:
        fields.append(Field("Speed", f"{text.short(progress.tokens_per_second)} tokens/s"))
        fields.append(Field("Tokens", text.short(progress.tokens)))
    if (spent := elapsed(status.run, now)) is not None:
        fields.append(Field("Elapsed", text.duration(spent)))
    return fields


def elapsed(run: Run, now: float) -> float | None:
    """Seconds since the run first ran, until it ended or `now`; None if it never ran."""
    return max((run.ended_at or now) - run.started_at, 0.0) if run.started_at is not None else None


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
