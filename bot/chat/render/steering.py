"""What can be done to a run, and what Spotter says when somebody stops, pauses or resumes it. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from bot.chat.render import questions, stalls, text
from bot.chat.render.message import Act, Message, buttons
from bot.chat.render.progress import look
from bot.chat.render.queue import STRANDED, standing
from bot.runs.again import RETRYABLE
from bot.runs.model import Request, Run, RunState, RunStatus

PAUSABLE = frozenset({RunState.QUEUED, RunState.STARTING, RunState.RUNNING})


def acts(run: Run) -> tuple[Act, ...]:
    """What may be done about the run now."""
    if run.state in RETRYABLE:
        return (Act.RETRY,)
    if run.state.is_terminal or run.state is RunState.STOPPING:
        return ()
    if run.undecided:
        return stalls.CHOICES
    if run.state in PAUSABLE:
        return (Act.PAUSE, Act.STOP)
    if run.question:
        return questions.CHOICES
    return (Act.RESUME, Act.STOP) if run.state is RunState.PAUSED else (Act.STOP,)


def confirm_stop(run: Run) -> Message:
    """Ask first: only a new run can go on with what was stopped."""
    if over := _over(run):
        return over
    kept = "What it has learned so far is kept." if run.state.has_worker and run.started_at else _kept(run)
    return Message(
        content=f"Stop **{run.name}**? {kept}",
        buttons=buttons(run.name, (Act.STOP_NOW, Act.KEEP)),
    )


def _kept(run: Run) -> str:
    if run.started_at is None:
        return "It has not begun to train."
    return "Its newest checkpoint is kept, if it has made one."


def stopping(run: Run) -> Message:
    if run.state is RunState.STOPPING:
        return Message(content=f"🟠 **{run.name}** saves what it has learned and stops.")
    return Message(content=f"⏹️ **{run.name}** is stopped. {_kept(run)}")


def keeping(run: Run) -> Message:
    """The person decided not to stop it; by then it may have ended all the same."""
    kept = "stays paused" if run.state is RunState.PAUSED else "keeps going"
    return _over(run) or Message(content=f"**{run.name}** {kept}.")


def pausing(run: Run) -> Message:
    """The run gives its slot away for a while."""
    if over := _over(run):
        return over
    if run.state is RunState.PAUSED:
        how = text.code(f"/trainer resume run:{run.name}")
        return Message(
            content=f"⏸️ **{run.name}** is paused. It holds no slot, and goes on when you press Resume, or type {how}.",
            buttons=buttons(run.name, (Act.RESUME,)),
        )
    return Message(content=f"🟠 **{run.name}** saves a checkpoint and pauses. I write when it has.")


def resuming(status: RunStatus) -> Message:
    """The run waits for a slot again, or has one by now."""
    run = status.run
    if run.state not in (RunState.QUEUED, RunState.STARTING):
        return Message(content=f"**{run.name}** is not paused: it is {look(run).word}.")
    where = standing(run, status.position, status.starts_in)
    on = ", to go on from its newest checkpoint" if run.started_at is not None else ""
    in_vain = "" if status.fits else f" {STRANDED}"
    return Message(content=f"▶️ **{run.name}** is {where}{on}.{in_vain}")


def asked(run: Run) -> Message:
    """The run's worker is asked for the last of its requests, once it has done those before."""
    *before, request = run.requests
    when = "at its next step" if run.state is RunState.RUNNING else "at its first step"
    match request.verb:
        case "land":
            icon, what = "🛬", f"lands {when}: its learning rate goes down to zero, and with that it has finished."
        case "rate":
            icon, what = "🎛️", f"takes the learning rate {text.rate(request.value or 0)} {when}."
        case "checkpoint":
            icon, what = "💾", f"saves {when}, and keeps that checkpoint whatever comes after."
    first = f"\n-# First it does what it was asked before: {requested(before)}." if before else ""
    return Message(content=f"{icon} **{run.name}** {what} Its card says when it has.{first}")


def requested(requests: Sequence[Request]) -> str:
    """What is asked for, in a few words each."""
    names = {"land": "landing", "checkpoint": "checkpoint"}
    return ", then ".join(names.get(each.verb) or f"learning rate {text.rate(each.value or 0)}" for each in requests)


def undone(run: Run) -> list[str]:
    """What a run that has ended was asked for and did not get to, as sentences."""
    if not (run.state.is_terminal and run.requests):
        return []
    return [f"It ended before it could do what it was asked: {requested(run.requests)}."]


def _over(run: Run) -> Message | None:
    """What there is to say of a run that needs no decision any more; None if it does."""
    if run.state.is_terminal:
        return Message(content=f"**{run.name}** has {look(run).word} already.")
    if run.state is RunState.STOPPING:
        return Message(content=f"**{run.name}** is stopping already.")
    return None
