"""A run whose worker lives and does not advance: what is asked of the people who watch, and what came of it. Pure."""

from __future__ import annotations

from bot.chat.render import text
from bot.chat.render.embeds import content
from bot.chat.render.message import Act, Message, buttons
from bot.chat.render.progress import look, steps
from bot.chat.render.questions import nothing_left
from bot.runs.model import Run, RunState, RunStatus
from bot.runs.stalls import Choice

CHOICES = (Act.WAIT, Act.RESTART, Act.STOP)


def alert(status: RunStatus, now: float) -> Message:
    """The question: what happened, what happens by itself and when, and what can be chosen instead."""
    run = status.run
    chosen = run.stall is None or run.stall.restarts_at <= now
    return Message(
        content=content(
            f"🆘 **{run.name}** needs a decision.\n{what_happens(run, now)}\n"
            "-# Where each of its threads stands is in the run's worker.log."
        ),
        buttons=buttons(run.name, (Act.STOP,) if chosen else CHOICES),
        silent=False,
    )


def what_happens(run: Run, now: float) -> str:
    """How long the run has not advanced, and what is done about it unless somebody chooses otherwise."""
    stall = run.stall
    if stall is None:
        return "It advances again."
    where = f"at step {text.number(stall.step)}" if stall.step else "before its first step"
    silence = f"⚠️ No step for {text.roughly(max(now - stall.since, 0))}, {where}."
    if stall.restarts_at <= now:
        return f"{silence} It is being killed, and goes on from its newest checkpoint."
    when = text.moment(stall.restarts_at)
    return f"{silence} If you do nothing it is killed {when}, and goes on from its newest checkpoint."


def over(status: RunStatus, told_at: float) -> Message:
    """What is left of the question: no button, and what became of the run. `told_at`: when it was asked, seconds since
    the epoch.
    """
    return Message(content=content(_outcome(status, told_at)))


def _outcome(status: RunStatus, told_at: float) -> str:
    run, progress = status.run, status.progress
    if run.state.is_terminal:
        return f"**{run.name}** had stalled. It has {look(run).word} since."
    if run.state is RunState.RUNNING and progress and progress.time >= told_at:
        return f"✅ **{run.name}** had stalled. It advances again, at {steps(status)}."
    if run.state is RunState.RUNNING:
        return f"⏳ **{run.name}** is given more time. I write again if it does not advance."
    if run.state in (RunState.STOPPING, RunState.PAUSING, RunState.PAUSED):
        return f"**{run.name}** had stalled. It is {look(run).word} now."
    return f"🔁 **{run.name}** had stalled. It goes on from its newest checkpoint."


def decided(choice: Choice, run: Run, in_time: bool) -> Message:
    """What somebody's choice comes to; `in_time`: whether there was still something to choose."""
    if not in_time:
        return nothing_left(run)
    if choice is Choice.WAIT:
        return Message(content=f"⏳ I leave **{run.name}** alone for now, and ask again if it does not advance.")
    return Message(content=f"🔁 **{run.name}** is being killed, and goes on from its newest checkpoint.")
