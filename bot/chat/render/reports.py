"""The messages Spotter sends by itself, one for each `Kind`, from a run as it stands. Pure."""

from __future__ import annotations

import math

from bot.chat.notify.kinds import Kind
from bot.chat.render import classes, questions, stalls, text
from bot.chat.render.card import card, curve
from bot.chat.render.embeds import Colour, Field, content, embed
from bot.chat.render.failures import failed
from bot.chat.render.message import Act, Message, buttons
from bot.chat.render.progress import fraction, look, recipe, steps
from bot.chat.render.steering import acts, undone
from bot.runs.model import RunStatus
from trainer_core.events import Summary

SAMPLE, SAMPLE_LINES = 900, 12
"""Characters of the text sample in a final report, fences counted, and its lines."""


def render(kind: Kind, status: RunStatus, now: float) -> Message:
    """The message of this kind about the run; `now` in seconds since the epoch."""
    match kind:
        case Kind.LIVE:
            message = live(status, now)
        case Kind.SUMMARY:
            message = summary_line(status)
        case Kind.COMPLETED:
            message = completed(status)
        case Kind.STOPPED:
            message = stopped(status)
        case Kind.FAILED:
            message = failed(status)
        case Kind.STALLED:
            message = stalls.alert(status, now)
        case Kind.ASKED:
            message = questions.alert(status.run)
        case Kind.PAUSED:
            message = paused(status)
        case Kind.DISK:
            message = disk_full(status)
    return message


def passed(kind: Kind, status: RunStatus, told_at: float) -> Message:
    """What is left of a message about something that is over: nothing to press. `told_at`: when it was sent, seconds
    since the epoch.
    """
    if kind is Kind.ASKED:
        return questions.over(status.run)
    return resumed(status) if kind is Kind.PAUSED else stalls.over(status, told_at)


def live(status: RunStatus, now: float) -> Message:
    """The card that is edited in place while the run goes on; its buttons go when the run has ended."""
    run = status.run
    offered = () if run.state.is_terminal else (*acts(run), Act.UNWATCH)
    return Message(embed=card(status, now), plot=curve(status), buttons=buttons(run.name, offered))


def unwatched(status: RunStatus) -> Message:
    """What is left of the live card of somebody who no longer watches: it must not look alive."""
    line = f"🔕 You no longer watch **{status.run.name}**. It goes on, at {text.percent(fraction(status))} by now."
    return Message(content=content(line), buttons=buttons(status.run.name, (Act.WATCH,)))


def summary_line(status: RunStatus) -> Message:
    """How it goes, in one line."""
    progress, last = status.progress, status.last_eval
    parts = [steps(status) or "no step yet"]
    if progress:
        parts.append(f"loss {text.number(progress.loss, 3)}")
    if last:
        bits = f", {text.number(last.bits_per_byte, 3)} bits per byte" if last.bits_per_byte is not None else ""
        parts.append(f"validation {text.number(last.loss, 3)}{bits}")
        if last.accuracy is not None:
            parts.append(f"accuracy {classes.percent(last.accuracy)}")
    if progress and not status.run.state.is_terminal:
        parts.append(f"{text.duration(progress.remaining)} left")
    return Message(content=content(f"📈 **{status.run.name}** {text.percent(fraction(status))} · {' · '.join(parts)}"))


def completed(status: RunStatus) -> Message:
    """The run is finished: what it came to, how the loss went, what it writes, and where the model is."""
    run, summary = status.run, status.run.summary
    return Message(
        content=content(
            " ".join([f"✅ **{run.name}** has finished.", *_outcome(summary), *_which(summary), *undone(run)])
        ),
        embed=embed(
            title=f"✅ {run.name} · finished",
            colour=Colour.DONE,
            fields=_numbers(status, summary) if summary else (),
            footer=recipe(status),
        ),
        plot=classes.matrix(status) or curve(status),
        silent=False,
    )


def stopped(status: RunStatus) -> Message:
    """Somebody stopped the run: what it had learned by then."""
    run, summary = status.run, status.run.summary
    if summary and summary.steps:
        learned = " ".join([*_outcome(summary), *_which(summary)])
    elif status.progress:
        learned = "It was ended before it could save its model; its newest checkpoint is kept, if it had made one."
    else:
        learned = "It had not begun to train."
    return Message(
        content=content(" ".join([f"⏹️ **{run.name}** was stopped.", learned, *undone(run)])),
        embed=embed(
            title=f"⏹️ {run.name} · stopped",
            colour=Colour.QUIET,
            fields=_numbers(status, summary),
            footer=recipe(status),
        )
        if summary and summary.steps
        else None,
        plot=classes.matrix(status) or curve(status) if summary and summary.steps else None,
        buttons=buttons(run.name, acts(run)),
        silent=False,
    )


def paused(status: RunStatus) -> Message:
    """Somebody paused the run, and its worker has gone: how far it is, and how it goes on."""
    run = status.run
    at = f" at {steps(status)} ({text.percent(fraction(status))})" if status.progress else " before its first step"
    return Message(
        content=content(
            f"⏸️ **{run.name}** is paused{at}. It holds no slot. It goes on from there when you press Resume, or type "
            f"{text.code(f'/trainer resume run:{run.name}')}, today or in a week."
        ),
        buttons=buttons(run.name, acts(run)),
    )


def resumed(status: RunStatus) -> Message:
    """What is left of the notice that a run is paused when it no longer is."""
    run, shown = status.run, look(status.run)
    if run.state.is_terminal:
        return Message(content=content(f"⏸️ **{run.name}** was paused. It has {shown.word} since."))
    return Message(content=content(f"▶️ **{run.name}** was paused, and is {shown.word} again."))


def disk_full(status: RunStatus) -> Message:
    """Somebody has to see to the machine. What exactly its disk refused is gone once the guard did something else."""
    guard = status.guard
    said = text.sentence(guard.reason) if guard and guard.action == "disk" else "the disk did not take what was saved"
    return Message(
        content=content(
            f"💾 **{status.run.name}**: {said}.\n"
            "➡️ Free some space on its machine, or see what ails its disk; the run needs nothing else from you."
        ),
        silent=False,
    )


def _outcome(summary: Summary | None) -> list[str]:
    if summary is None or summary.loss is None:
        return []
    ending = f", {text.number(summary.bits_per_byte, 3)} bits per byte" if summary.bits_per_byte is not None else ""
    told = [classes.outcome(summary)] if summary.accuracy is not None else []
    return [*told, f"Validation loss {text.change(summary.first_loss, summary.loss)}{ending}."]


def _which(summary: Summary | None) -> list[str]:
    """Which weights these are, and why no later ones, where that is not what anybody would expect."""
    told = []
    if summary and summary.early:
        told.append(f"It ended before its budget: {text.sentence(summary.early)}.")
    if summary and summary.best_step is not None:
        told.append(f"The model has the weights of step {summary.best_step:,}, which did best.")
    return told


def _numbers(status: RunStatus, summary: Summary) -> list[Field]:
    """The model's folder is told relative to the home folder: where that is on the machine is nobody's business."""
    fields = []
    if summary.loss is not None:
        fields.append(Field("Validation loss", text.change(summary.first_loss, summary.loss)))
    if summary.bits_per_byte is not None:
        fields.append(Field("Bits per byte", text.change(summary.first_bits_per_byte, summary.bits_per_byte)))
    fields += classes.final_numbers(summary)
    if summary.unit == "tokens" and summary.loss is not None and summary.loss < 20:
        fields.append(Field("Perplexity", text.number(math.exp(summary.loss), 1)))
    fields += [
        Field("Steps", text.number(summary.steps)),
        Field(summary.unit.capitalize(), text.short(summary.tokens)),
        Field("Trained for", text.duration(summary.seconds)),
        *(classes.table(status.classes) if status.classes else ()),
    ]
    if summary.model:
        fields.append(Field("Model", text.code(f"runs/{status.run.name}/{summary.model}"), inline=False))
    written = summary.sample.strip() or (status.sample.text if status.sample else "")
    if written.strip():
        fields.append(Field("It writes", text.code_block(written, SAMPLE, SAMPLE_LINES), inline=False))
    return fields
