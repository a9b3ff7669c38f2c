"""The messages Spotter sends by itself, one for each `Kind`, from a run as it stands. Pure."""

from __future__ import annotations

import math

from bot.chat.notify.kinds import Kind
from bot.chat.render import text
from bot.chat.render.card import card, curve, fraction, recipe, steps
from bot.chat.render.embeds import Colour, Field, content, embed
from bot.chat.render.message import Act, Button, Message
from bot.runs.model import RunError, RunStatus
from trainer_core.errors import Code
from trainer_core.events import Summary

SAMPLE, SAMPLE_LINES = 900, 12
"""Characters of the text sample in a final report, fences counted, and its lines."""


def render(kind: Kind, status: RunStatus, now: float) -> Message:
    """The message of this kind about the run; `now` in seconds since the epoch."""
    match kind:
        case Kind.LIVE:
            return live(status, now)
        case Kind.SUMMARY:
            return summary_line(status)
        case Kind.COMPLETED:
            return completed(status)
        case Kind.STOPPED:
            return stopped(status)
        case Kind.FAILED:
            return failed(status)


def live(status: RunStatus, now: float) -> Message:
    """The card that is edited in place while the run goes on; its buttons go when the run has ended."""
    acts = () if status.run.state.is_terminal else (Act.STOP, Act.UNWATCH)
    return Message(embed=card(status, now), plot=curve(status), buttons=_buttons(status, *acts))


def unwatched(status: RunStatus) -> Message:
    """What is left of the live card of somebody who no longer watches: it must not look alive."""
    line = f"🔕 You no longer watch **{status.run.name}**. It goes on, at {text.percent(fraction(status))} by now."
    return Message(content=content(line), buttons=_buttons(status, Act.WATCH))


def summary_line(status: RunStatus) -> Message:
    """How it goes, in one line."""
    progress, last = status.progress, status.last_eval
    parts = [steps(status) or "no step yet"]
    if progress:
        parts.append(f"loss {text.number(progress.loss, 3)}")
    if last:
        parts.append(f"validation {text.number(last.loss, 3)}, {text.number(last.bits_per_byte, 3)} bits per byte")
    if progress and not status.run.state.is_terminal:
        parts.append(f"{text.duration(progress.remaining)} left")
    return Message(content=content(f"📈 **{status.run.name}** {text.percent(fraction(status))} · {' · '.join(parts)}"))


def completed(status: RunStatus) -> Message:
    """The run is finished: what it came to, how the loss went, what it writes, and where the model is."""
    run, summary = status.run, status.run.summary
    return Message(
        content=content(" ".join([f"✅ **{run.name}** has finished.", *_outcome(summary)])),
        embed=embed(
            title=f"✅ {run.name} · finished",
            colour=Colour.DONE,
            fields=_numbers(status, summary) if summary else (),
            footer=recipe(status),
        ),
        plot=curve(status),
        silent=False,
    )


def stopped(status: RunStatus) -> Message:
    """Somebody stopped the run: what it had learned by then."""
    run, summary = status.run, status.run.summary
    if summary and summary.steps:
        learned = " ".join(_outcome(summary))
    elif status.progress:
        learned = "It was ended before it could save its model; its newest checkpoint is kept, if it had made one."
    else:
        learned = "It had not begun to train."
    return Message(
        content=content(f"⏹️ **{run.name}** was stopped. {learned}"),
        embed=embed(
            title=f"⏹️ {run.name} · stopped",
            colour=Colour.QUIET,
            fields=_numbers(status, summary),
            footer=recipe(status),
        )
        if summary and summary.steps
        else None,
        plot=curve(status) if summary and summary.steps else None,
        silent=False,
    )


def failed(status: RunStatus) -> Message:
    """The run failed: the code, what happened, what to do, and how far it had come."""
    run = status.run
    error = run.error or RunError(Code.WORKER_LOST, Code.WORKER_LOST.sentence, Code.WORKER_LOST.next_step)
    said, advice = text.sentence(error.message), text.sentence(error.next_step)
    fields = [Field("What to do", advice, inline=False)]
    if status.progress:
        fields.append(Field("Got to", steps(status)))
    if status.last_eval:
        fields.append(Field("Last validation", text.number(status.last_eval.loss, 3)))
    return Message(
        content=content(f"❌ **{run.name}** failed: {said}"),
        embed=embed(
            title=f"❌ {run.name} · failed",
            colour=Colour.FAILED,
            description=f"`{error.code}`\n{said}",
            fields=fields,
            footer=recipe(status),
        ),
        plot=curve(status),
        silent=False,
    )


def _outcome(summary: Summary | None) -> list[str]:
    if summary is None or summary.loss is None:
        return []
    ending = f", {text.number(summary.bits_per_byte, 3)} bits per byte" if summary.bits_per_byte is not None else ""
    return [f"Validation loss {text.change(summary.first_loss, summary.loss)}{ending}."]


def _numbers(status: RunStatus, summary: Summary) -> list[Field]:
    """The model's folder is told relative to the home folder: where that is on the machine is nobody's business."""
    fields = []
    if summary.loss is not None:
        fields.append(Field("Validation loss", text.change(summary.first_loss, summary.loss)))
    if summary.bits_per_byte is not None:
        fields.append(Field("Bits per byte", text.change(summary.first_bits_per_byte, summary.bits_per_byte)))
    if summary.loss is not None and summary.loss < 20:
        fields.append(Field("Perplexity", text.number(math.exp(summary.loss), 1)))
    fields += [
        Field("Steps", text.number(summary.steps)),
        Field("Tokens", text.short(summary.tokens)),
        Field("Trained for", text.duration(summary.seconds)),
    ]
    if summary.model:
        fields.append(Field("Model", text.code(f"runs/{status.run.name}/{summary.model}"), inline=False))
    written = summary.sample.strip() or (status.sample.text if status.sample else "")
    if written.strip():
        fields.append(Field("It writes", text.code_block(written, SAMPLE, SAMPLE_LINES), inline=False))
    return fields


def _buttons(status: RunStatus, *acts: Act) -> tuple[Button, ...]:
    return tuple(Button(status.run.name, act) for act in acts)
