"""What went wrong, for the one who asked: the field, what is wrong with it, and what to do. Pure."""

from __future__ import annotations

from bot.chat.render import text
from bot.chat.render.embeds import content
from bot.chat.render.message import Message
from trainer_core.errors import Code, FieldProblem, SpotterError

_OPTIONS = {
    "data.dataset": "data",
    "model.size": "size",
    "model.family": "model",
    "model.source": "from",
    "model.lora.rank": "lora",
    "model.file": "module",
    "model.name": "module",
    "model.wiring": "wiring",
    "batch.tokens_per_step": "batch",
    "optimizer.learning_rate": "learning_rate",
    "compute.workers": "workers",
    "tokenizer.kind": "tokenizer",
    "tokenizer.name": "tokenizer",
    "tokenizer.vocabulary": "vocabulary",
    "text_column": "column",
}
"""Fields of a spec, or of an order, that have another name as options."""


def problem(error: SpotterError) -> Message:
    """Every wrong field in a line of its own, then the next step."""
    problems = error.problems or (FieldProblem(error.field or "", error.message),)
    lines = [f"⚠️ {_line(each)}" for each in problems]
    if not (error.code is Code.CONFIG_INVALID and error.next_step == error.code.next_step):
        lines.append(f"➡️ {text.sentence(error.next_step)}")
    return Message(content=content("\n".join(lines)))


def _line(problem: FieldProblem) -> str:
    said = text.sentence(problem.problem)
    said = said if said.endswith((".", "?", "!")) else f"{said}."
    field = _OPTIONS.get(problem.field, problem.field)
    return f"**{text.literal(field)}**: {said}" if field else said[:1].upper() + said[1:]


def mishap(reference: str) -> Message:
    """Something nobody foresaw; `reference` finds it in the log."""
    return Message(
        content=f"💥 Something went wrong on my side. Try again; if it stays, look in the log for `{reference}`."
    )


def outdated() -> Message:
    """A command this version does not have, or has with other options."""
    return Message(content="♻️ This command has changed. Restart Discord to see it as it is now, then try again.")


def refusal() -> Message:
    """For somebody who is not served. It tells nothing about any run."""
    return Message(content=f"🔒 {Code.UNAUTHORIZED.sentence} {Code.UNAUTHORIZED.next_step}")
