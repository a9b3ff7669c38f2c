"""What a run is at, what it waits for, and what went wrong: the sentences at the head of its card. Pure."""

from __future__ import annotations

from bot.chat.render import text
from bot.chat.render.progress import fraction, steps
from bot.chat.render.questions import WHAT_HAPPENS, what_happened
from bot.chat.render.queue import STRANDED, has_room, place
from bot.chat.render.stalls import what_happens
from bot.chat.render.steering import requested
from bot.runs.model import RunError, RunState, RunStatus
from trainer_core.events import Phase

_PHASES: dict[Phase, str] = {
    "reading": "Reading the text",
    "tokenizer": "Training the tokenizer",
    "tokens": "Turning the text into tokens",
    "model": "Building the model",
    "preflight": "Checking that everything fits",
    "training": "Training",
    "saving": "Saving the model",
}


def headline(status: RunStatus, now: float) -> list[str]:
    """One line each: how far it is, then what there is to say of its state; `now` in seconds since the epoch."""
    run = status.run
    if run.state is RunState.FAILED and run.error:
        return [f"**{run.error.code}** — {text.sentence(run.error.message)}", f"➡️ {text.sentence(run.error.next_step)}"]
    return _how_far(status) + _state(status, now)


def _state(status: RunStatus, now: float) -> list[str]:
    run, begun = status.run, status.progress is not None
    said = []
    match run.state:
        case _ if run.undecided:
            said = [what_happens(run, now)]
        case RunState.QUEUED:
            said = _waiting(status)
        case RunState.STARTING:
            said = [_again(run.error, run.attempt, begun)] if run.error else ["Getting ready…"]
        case RunState.RUNNING if not _trains(status):
            said = [_busy_with(status)]
        case RunState.RUNNING if run.requests:
            said = [f"⏳ Asked for: {requested(run.requests)}, at its next step."]
        case RunState.PAUSED if run.question:
            said = [what_happened(run.question), WHAT_HAPPENS]
        case RunState.PAUSING:
            said = ["Saving a checkpoint, then it pauses."]
        case RunState.PAUSED:
            resume = text.code(f"/trainer resume run:{run.name}")
            said = [f"It holds no slot. It goes on when you press Resume, or type {resume}."]
        case RunState.STOPPING:
            said = ["Saving what it has learned, then it stops."]
        case _ if run.state.is_terminal and not begun:
            said = [_busy_with(status)]
        case _:
            pass
    return said


def _how_far(status: RunStatus) -> list[str]:
    if status.progress is None:
        return []
    share, at = fraction(status), steps(status)
    if _trains(status) and status.run.undecided is None:
        at += f" · {text.duration(status.progress.remaining)} left"
    return [f"{text.bar(share)} **{text.percent(share)}**", at]


def _trains(status: RunStatus) -> bool:
    """Whether steps are what it is busy with."""
    going = status.run.state is RunState.RUNNING and status.progress is not None
    return going and status.phase in (None, "training")


def _waiting(status: RunStatus) -> list[str]:
    run, begun = status.run, status.progress is not None
    where = place(status.position, status.starts_in).capitalize()
    again = [_again(run.error, run.attempt + 1, begun)] if run.error else []
    if not status.fits:
        return [*again, f"{where}. {STRANDED}"]
    if run.error or has_room(status.starts_in):
        return [*again, f"{where}."]
    if begun:
        return [f"{where}, to go on from its newest checkpoint."]
    return [f"{where}. It starts by itself when a slot is free."]


def _again(error: RunError, attempt: int, begun: bool) -> str:
    """Why the last attempt ended, and that this is not the end of the run."""
    on = "It goes on from its newest checkpoint" if begun else "It is tried again"
    return f"⚠️ {text.sentence(error.message)} {on}: attempt {attempt}."


def _busy_with(status: RunStatus) -> str:
    ended = status.run.state.is_terminal
    doing = _PHASES[status.phase] if status.phase else "Not begun" if ended else "Getting ready"
    said = text.sentence(status.message)
    return f"{doing} — {said}" if said else f"{doing}." if ended else f"{doing}…"
