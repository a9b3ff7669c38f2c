"""How far a run is and what it is, in words that every view shares. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from bot.chat.render import text
from bot.chat.render.embeds import Colour
from bot.runs.model import Run, RunState, RunStatus
from trainer_core.events import Unit


@dataclass(frozen=True, slots=True)
class Look:
    emoji: str
    word: str
    colour: Colour


_LOOKS = {
    RunState.QUEUED: Look("🟡", "queued", Colour.WAITING),
    RunState.STARTING: Look("🟡", "starting", Colour.WAITING),
    RunState.RUNNING: Look("🟢", "training", Colour.GOING),
    RunState.PAUSING: Look("🟠", "pausing", Colour.WAITING),
    RunState.PAUSED: Look("⏸️", "paused", Colour.QUIET),
    RunState.STOPPING: Look("🟠", "stopping", Colour.WAITING),
    RunState.LOST: Look("🟠", "lost, starting again", Colour.WAITING),
    RunState.SUCCEEDED: Look("✅", "finished", Colour.DONE),
    RunState.FAILED: Look("❌", "failed", Colour.FAILED),
    RunState.STOPPED: Look("⏹️", "stopped", Colour.QUIET),
}
_ASKS = Look("🆘", "waiting for a decision", Colour.WAITING)
_STALLED = Look("🟠", "stalled", Colour.WAITING)


def look(run: Run) -> Look:
    """The run's state at a glance."""
    if run.undecided:
        return _STALLED
    return _ASKS if run.question else _LOOKS[run.state]


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


def unit_of(status: RunStatus) -> Unit:
    """What the run learns from, where `tokens` stands in a name."""
    return status.config.unit if status.config else "tokens"


def recipe(status: RunStatus) -> str:
    """What is trained on what, for how long, where: one line."""
    spec, known = status.run.spec, status.run.summary or status.config
    parts = [
        spec.data.dataset,
        spec.model.label + (f", {text.short(known.parameters)} parameters" if known else ""),
        f"budget {spec.budget}",
        text.sentence(status.device),
        f"attempt {status.run.attempt}" if status.run.attempt > 1 else "",
    ]
    return " · ".join(part for part in parts if part)


def elapsed(run: Run, now: float) -> float | None:
    """Seconds since the run first ran, until it ended or `now`; None if it never ran."""
    return max((run.ended_at or now) - run.started_at, 0.0) if run.started_at is not None else None
