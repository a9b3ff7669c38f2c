"""A run whose guard is at its wits' end: what is asked of the people who watch, and what came of it. Pure."""

from __future__ import annotations

from bot.chat.render import text
from bot.chat.render.embeds import content
from bot.chat.render.message import Act, Message, buttons
from bot.chat.render.progress import look
from bot.runs.model import Question, Run

CHOICES = (Act.GO_ON, Act.STOP)


def alert(run: Run) -> Message:
    """The question: what happened, what happens by itself, and what can be chosen instead."""
    said = f"{what_happened(run.question)}\n{WHAT_HAPPENS}" if run.question else "It goes on."
    return Message(
        content=content(
            f"🆘 **{run.name}** needs a decision.\n{said}\n"
            "-# Once it goes on, `/trainer rate` sets another learning rate."
            " Stopping keeps its newest checkpoint, if it has one."
        ),
        buttons=buttons(run.name, CHOICES),
        silent=False,
    )


WHAT_HAPPENS = "If you do nothing it stays paused: it holds no slot, and nothing is lost."


def what_happened(question: Question) -> str:
    reason = text.sentence(question.reason) or "training came to no good twice"
    return f"⚠️ At step {text.number(question.step)}: {reason}."


def nothing_left(run: Run) -> Message:
    """Somebody chose when there was nothing to choose any more."""
    now = f"{'has' if run.state.is_terminal else 'is'} {look(run).word}"
    return Message(content=f"There is nothing to decide any more: **{run.name}** {now}.")


def over(run: Run) -> Message:
    """What is left of the question: no button, and what became of the run."""
    if run.state.is_terminal:
        return Message(content=content(f"**{run.name}** needed a decision. It has {look(run).word} since."))
    return Message(content=content(f"▶️ **{run.name}** needed a decision, and is {look(run).word} again."))
