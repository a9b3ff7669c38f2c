"""The report of a run that failed: what it died of by name, where it crashed, and what to do. Pure."""

from __future__ import annotations

from bot.chat.render import text
from bot.chat.render.card import curve
from bot.chat.render.embeds import Colour, Field, content, embed
from bot.chat.render.message import Message, buttons
from bot.chat.render.progress import recipe, steps
from bot.chat.render.steering import acts, undone
from bot.runs.model import RunError, RunStatus
from trainer_core.errors import Code

TRACEBACK, TRACEBACK_LINES = 1000, 12
"""Characters of the traceback, fences counted, and its lines: its end, where the error is."""

_NAMES = {
    Code.TRAINING_OOM: "out of memory",
    Code.CUDA_OOM: "out of GPU memory",
    Code.TRAINING_NAN_LOSS: "the loss is not a number",
    Code.TRAINING_DIVERGED: "the loss ran away",
    Code.TRAINING_STALLED: "stalled",
    Code.WORKER_CRASHED: "crashed",
    Code.WORKER_KILLED: "killed",
    Code.WORKER_LOST: "lost",
    Code.DISK_FULL: "disk full",
    Code.CHECKPOINT_CORRUPT: "no good checkpoint",
}


def failed(status: RunStatus) -> Message:
    """The run failed: the code, what happened, what to do, and how far it had come."""
    run = status.run
    error = run.error or RunError(Code.WORKER_LOST, Code.WORKER_LOST.sentence, Code.WORKER_LOST.next_step)
    said = text.sentence(error.message)
    ending = f"failed: {_NAMES[error.code]}" if error.code in _NAMES else "failed"
    return Message(
        content=content("\n".join([f"❌ **{run.name}** failed: {said}", *undone(run)])),
        embed=embed(
            title=f"❌ {run.name} · {ending}",
            colour=Colour.FAILED,
            description=f"`{error.code}`\n{said}",
            fields=_facts(status, error),
            footer=recipe(status),
        ),
        plot=curve(status),
        buttons=buttons(run.name, acts(run)),
        silent=False,
    )


def _facts(status: RunStatus, error: RunError) -> list[Field]:
    fields = [Field("What to do", text.sentence(error.next_step), inline=False)]
    if error.traceback.strip():
        end = text.last_lines(error.traceback, TRACEBACK - 8, TRACEBACK_LINES)
        block = text.code_block(end, TRACEBACK, TRACEBACK_LINES)
        fields.append(Field("Where it crashed", block, inline=False))
    if status.progress:
        fields.append(Field("Got to", steps(status)))
    if status.last_eval:
        fields.append(Field("Last validation", text.number(status.last_eval.loss, 3)))
    if status.run.attempt > 1:
        fields.append(Field("Attempts", text.number(status.run.attempt)))
    return fields
