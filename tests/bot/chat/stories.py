"""Runs in every state, made from the events a worker would report."""

from __future__ import annotations

import math

from bot.chat.render.message import Act, Button, Message
from bot.runs.model import Question, Run, RunError, RunState, RunStatus, Stall, status_of
from trainer_core.errors import Code
from trainer_core.events import (
    Event,
    JobProgress,
    JobStarted,
    MetricsConfig,
    MetricsEval,
    MetricsProgress,
    MetricsSample,
    Summary,
)
from trainer_core.spec import RunSpec, parse_spec

START = 1_750_000_000.0
"""When every run here first ran, seconds since the epoch."""
NAME = "brisk-otter-42"
SAMPLE = "The assert statement is a convenient way to insert debugging assertions into a program."

STALL = Stall(since=START + 100, noticed_at=START + 460, step=430, restarts_at=START + 820)
"""No step for six minutes, and six more to choose what to do."""

QUESTION = Question(
    step=400,
    reason=(
        "the loss of step 430 is not a number, and 2 steps were skipped shortly before, and it had gone back 2 times "
        "before; it could go on from step 400 with a peak learning rate of 0.00038"
    ),
    at=START + 460,
)
"""In the words of `trainer_core.recovery.question`, against which `tests/e2e/test_question.py` holds them."""


def spec(name: str = NAME, budget: str = "1000 steps") -> RunSpec:
    return parse_spec({"name": name, "data": {"dataset": "python-docs"}, "budget": budget})


def summary(**changes: object) -> Summary:
    numbers = {
        "steps": 1000,
        "tokens": 2_048_000,
        "seconds": 125.0,
        "parameters": 1_324_000,
        "first_loss": 8.317,
        "first_bits_per_byte": 4.2,
        "loss": 3.412,
        "bits_per_byte": 1.62,
        "sample": SAMPLE,
        "model": "export",
    }
    return Summary.model_validate({**numbers, **changes})


def run(state: RunState, **changes: object) -> Run:
    began = None if state in (RunState.QUEUED, RunState.STARTING) else START
    fields = {
        "name": NAME,
        "owner_id": 7,
        "state": state,
        "attempt": 0 if state is RunState.QUEUED else 1,
        "spec": spec(),
        "created_at": START - 20,
        "queued_at": START - 20,
        "started_at": began,
        "ended_at": START + 130 if state.is_terminal else None,
        "summary": summary() if state is RunState.SUCCEEDED else None,
        "error": RunError(Code.TRAINING_OOM, "Training ran out of memory.", "Try a micro-batch of 4.")
        if state is RunState.FAILED
        else None,
    }
    return Run(**{**fields, **changes})  # type: ignore[arg-type]  # each test knows which fields it changes


def progress(step: int, steps_total: int = 1000) -> MetricsProgress:
    return MetricsProgress(
        step=step,
        steps_total=steps_total,
        fraction=step / steps_total,
        tokens=step * 2048,
        loss=3.2 + 5 * math.exp(-step / 120),
        learning_rate=3e-3,
        gradient_norm=0.8,
        tokens_per_second=16_384.0,
        elapsed=step / 8,
        remaining=(steps_total - step) / 8,
    )


def events(steps: int) -> list[Event]:
    """What a worker reports up to this step."""
    story: list[Event] = [
        JobStarted(pid=41, host="here", device="CPU (2 threads)"),
        JobProgress(phase="tokenizer", message="47,213 tokens in a vocabulary of 1,024"),
        MetricsConfig(
            parameters=1_324_000,
            vocabulary=4096,
            context=128,
            tokens_per_step=2048,
            micro_batch=16,
            accumulation=1,
            learning_rate=3e-3,
            train_tokens=400_000,
            validation_tokens=40_000,
            precision="fp32",
        ),
        JobProgress(phase="training"),
    ]
    for step in range(0, steps + 1, 10):
        if step:
            story.append(progress(step))
        if step % 100 == 0:
            loss = 3.3 + 5 * math.exp(-step / 120)
            story += [
                MetricsEval(step=step, loss=loss, bits_per_byte=loss / 2.1),
                MetricsSample(step=step, text=SAMPLE),
            ]
    return story


def status(state: RunState, steps: int | None = None, **changes: object) -> RunStatus:
    """A run in this state after so many steps; None means that its worker has reported nothing."""
    return status_of(
        run(state, **changes),
        [] if steps is None else events(steps),
        position=2 if state is RunState.QUEUED else None,
        watchers={7: 0.0},
    )


def offered(message: Message) -> list[Act]:
    """What can be done to the run, by the message's buttons."""
    return [button.act for button in message.buttons if isinstance(button, Button)]
