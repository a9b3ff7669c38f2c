"""The report of a run that failed."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.chat.notify.kinds import Kind
from bot.chat.render.message import Act, Message
from bot.chat.render.reports import render
from bot.runs.model import RunError, RunState
from tests.bot.chat import stories
from tests.bot.chat.render.budgets import check
from trainer_core.errors import Code

NOW = stories.START + 60


def report(error: RunError, **changes: object) -> Message:
    message = render(Kind.FAILED, stories.status(RunState.FAILED, 200, error=error, **changes), NOW)
    check(message)
    return message


def fields(message: Message) -> dict[str, str]:
    assert message.embed
    return {str(field.name): str(field.value) for field in message.embed.fields}


def test_running_out_of_memory_is_named_with_the_peak_and_what_would_fit() -> None:
    said = "The system ended the training process because memory ran out. It held 3.2 GiB."
    fits = "Choose the size tiny; a micro-batch of about 8 would fit."
    message = report(RunError(Code.TRAINING_OOM, said, fits))
    assert message.content == f"❌ **brisk-otter-42** failed: {said}"
    assert message.embed and message.embed.title == "❌ brisk-otter-42 · failed: out of memory"
    assert message.embed.description == f"`TRAINING_OOM`\n{said}"
    shown = fields(message)
    assert shown["What to do"] == fits
    assert shown["Got to"] == "step 200 of 1,000"
    assert "Attempts" not in shown and "Where it crashed" not in shown
    assert not message.silent and stories.offered(message) == [Act.RETRY]


def test_a_run_that_was_tried_again_and_again_says_how_often() -> None:
    tried = "The training process was killed (signal 9). It was tried 4 times and got no further."
    message = report(RunError(Code.WORKER_KILLED, tried, "Choose a smaller size."), attempt=6)
    assert message.content and message.content.endswith(tried)
    assert fields(message)["Attempts"] == "6"


def test_a_poison_run_shows_the_end_of_its_traceback() -> None:
    frames = "\n".join(f"loop.py:{number} in frame_{number}" for number in range(40)) + "\nIndexError"
    crash = RunError(Code.WORKER_CRASHED, "Training stopped on an IndexError.", "See worker.log.", frames)
    block = fields(report(crash))["Where it crashed"]
    assert block.startswith("```\n") and block.endswith("IndexError\n```")
    assert "frame_39" in block and "frame_0\n" not in block


@given(st.text(), st.integers(0, 400))
def test_any_traceback_fits_and_cannot_break_out_of_its_block(line: str, times: int) -> None:
    message = report(RunError(Code.WORKER_CRASHED, "It crashed.", "Look.", "\n".join([line] * times)))
    block = fields(message).get("Where it crashed", "```\n```")
    assert "`" not in block[3:-3]


@pytest.mark.parametrize("code", Code)
def test_every_failure_is_a_failure_by_name(code: Code) -> None:
    message = report(RunError(code, code.sentence, code.next_step))
    assert message.embed and str(message.embed.title).startswith("❌ brisk-otter-42 · failed")


def test_a_failure_nobody_explained_is_a_lost_process() -> None:
    status = stories.status(RunState.FAILED, 200)
    message = render(Kind.FAILED, replace(status, run=replace(status.run, error=None)), NOW)
    assert message.embed and message.embed.title == "❌ brisk-otter-42 · failed: lost"
