from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.trainer_core.conftest import small_spec, weights
from trainer_core.checkpoint import Checkpoints, restore, step_of
from trainer_core.control import ControlReader, write_control
from trainer_core.errors import Code, SpotterError
from trainer_core.evals.held_out import evaluate
from trainer_core.evals.sample import sample
from trainer_core.events import (
    Event,
    JobPaused,
    JobStopped,
    MetricsCheckpoint,
    MetricsEval,
    MetricsGuard,
    MetricsProgress,
    MetricsSample,
)
from trainer_core.loop import train
from trainer_core.spec import CheckpointSpec, RunSpec
from trainer_core.state import Evaluation
from trainer_core.training import Training

Make = Callable[[RunSpec], Training]


@pytest.fixture
def checkpoints(tmp_path: Path) -> Checkpoints:
    return Checkpoints(tmp_path / "checkpoints", CheckpointSpec())


@pytest.fixture
def control(tmp_path: Path) -> Path:
    return tmp_path / "control.json"


def steps(events: list[Event]) -> list[int]:
    return [event.step for event in events if isinstance(event, MetricsProgress)]


def test_a_run_steps_evaluates_samples_and_saves(training: Make, checkpoints: Checkpoints, control: Path) -> None:
    making = training(small_spec())
    events = list(train(making, checkpoints, ControlReader(control)))
    assert steps(events) == [1, 2, 3, 4, 5, 6]
    assert [event.step for event in events if isinstance(event, MetricsEval)] == [0, 3, 6]
    assert [event.step for event in events if isinstance(event, MetricsSample)] == [0, 3, 6]
    assert [event.step for event in events if isinstance(event, MetricsCheckpoint)] == [6]
    first, *_, last = (event.loss for event in events if isinstance(event, MetricsEval))
    assert last < first
    assert making.state.tokens == 6 * making.batching.tokens_per_step
    assert making.state.cursor == 6 * making.batching.sequences


@pytest.mark.parametrize("after", [1, 4])
def test_a_resumed_run_is_the_run_bit_for_bit(
    training: Make, checkpoints: Checkpoints, control: Path, tmp_path: Path, after: int
) -> None:
    spec = small_spec(model={"dropout": 0.2}, batch={"tokens_per_step": 512, "micro_batch": 3})
    whole = training(spec)
    losses = [
        event.loss for event in train(whole, checkpoints, ControlReader(control)) if isinstance(event, MetricsProgress)
    ]

    interrupted, saved = training(spec), Checkpoints(tmp_path / "saved", CheckpointSpec())
    for event in train(interrupted, saved, ControlReader(control)):
        if isinstance(event, MetricsProgress) and event.step == after:
            write_control(control, "pause")
    checkpoint = saved.newest_good()
    assert checkpoint is not None
    assert step_of(checkpoint) == after

    resumed = training(spec)
    torch.manual_seed(99)
    restore(resumed, checkpoint)
    events = list(train(resumed, saved, ControlReader(tmp_path / "none")))
    assert [event.loss for event in events if isinstance(event, MetricsProgress)] == losses[after:]
    assert all(torch.equal(value, weights(resumed)[name]) for name, value in weights(whole).items())
    assert replace(resumed.state, elapsed=0) == replace(whole.state, elapsed=0)


def test_how_a_step_is_cut_does_not_change_what_is_learnt(training: Make) -> None:
    whole = training(small_spec(batch={"tokens_per_step": 1024, "micro_batch": 8}))
    cut = training(small_spec(batch={"tokens_per_step": 1024, "micro_batch": 3}))
    assert whole.forward_backward(5, 8) == pytest.approx(cut.forward_backward(5, 8), rel=1e-6)
    for one, other in zip(whole.model.parameters(), cut.model.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad, rtol=1e-4, atol=1e-6)


def test_stop_saves_and_sums_up(training: Make, checkpoints: Checkpoints, control: Path) -> None:
    making = training(small_spec(budget="1000 steps"))
    events = []
    for event in train(making, checkpoints, ControlReader(control)):
        events.append(event)
        if isinstance(event, MetricsProgress) and event.step == 2:
            asked = write_control(control, "stop")
    assert isinstance(events[-2], MetricsCheckpoint)
    last = events[-1]
    assert isinstance(last, JobStopped)
    assert last.control_seq == asked.seq
    assert last.summary.steps == 2
    assert last.summary.first_loss != last.summary.loss, "what it learned by then is measured"


def test_a_pause_before_the_first_step_is_heard(training: Make, checkpoints: Checkpoints, control: Path) -> None:
    asked = write_control(control, "pause")
    last = list(train(training(small_spec()), checkpoints, ControlReader(control)))[-1]
    assert last == JobPaused(control_seq=asked.seq, step=0)
    assert step_of(checkpoints.newest_good()) == 0


def test_a_budget_of_time_ends_with_it(training: Make, checkpoints: Checkpoints, control: Path) -> None:
    making = training(small_spec(budget="1s"))
    events = list(train(making, checkpoints, ControlReader(control)))
    progress = [event for event in events if isinstance(event, MetricsProgress)]
    assert progress[-1].fraction == 1
    assert [event.fraction for event in progress] == sorted(event.fraction for event in progress)


def test_checkpoints_follow_the_clock_and_the_newest_stay(
    training: Make, checkpoints: Checkpoints, control: Path, tmp_path: Path
) -> None:
    making = training(small_spec(budget="4 steps", checkpoint={"every_seconds": 1e-6}))
    events = list(train(making, checkpoints, ControlReader(control)))
    assert [event.path for event in events if isinstance(event, MetricsCheckpoint)] == [
        f"checkpoints/step-0000000{step}" for step in (1, 2, 3, 4)
    ]
    assert sorted(path.name for path in (tmp_path / "checkpoints").iterdir()) == ["step-00000003", "step-00000004"]


def test_a_gradient_that_is_no_number_never_reaches_the_weights(
    training: Make, checkpoints: Checkpoints, control: Path
) -> None:
    making = training(small_spec(budget="3 steps"))
    calls = iter(range(100))
    making.model.get_parameter("transformer.ln_f.bias").register_hook(  # type: ignore[no-untyped-call]  # unannotated in torch
        lambda gradient: gradient * math.nan if next(calls) == 0 else gradient
    )
    before = weights(making)
    events = []
    for event in train(making, checkpoints, ControlReader(control)):
        events.append(event)
        if isinstance(event, MetricsGuard):
            assert all(torch.equal(value, weights(making)[name]) for name, value in before.items())
    guards = [event for event in events if isinstance(event, MetricsGuard)]
    assert [(event.step, event.action) for event in guards] == [(1, "skip")]
    assert "not a number" in guards[0].reason
    assert steps(events) == [2, 3]
    assert all(bool(value.isfinite().all()) for value in weights(making).values())


def test_a_loss_that_stays_no_number_ends_the_run(training: Make, checkpoints: Checkpoints, control: Path) -> None:
    making = training(small_spec(budget="50 steps"))
    making.state = replace(making.state, first=Evaluation(1.0, 1.0))
    with torch.no_grad():
        making.model.get_parameter("transformer.ln_f.bias").fill_(math.nan)
    with pytest.raises(SpotterError, match="not a number") as caught:
        list(train(making, checkpoints, ControlReader(control)))
    assert caught.value.code is Code.TRAINING_NAN_LOSS
    assert making.state.step == 3


def test_a_held_out_loss_that_is_no_number_ends_the_run(
    training: Make, checkpoints: Checkpoints, control: Path
) -> None:
    making = training(small_spec())
    with torch.no_grad():
        making.model.get_parameter("transformer.ln_f.bias").fill_(math.nan)
    with pytest.raises(SpotterError, match="held-out") as caught:
        list(train(making, checkpoints, ControlReader(control)))
    assert caught.value.code is Code.TRAINING_NAN_LOSS


@pytest.mark.parametrize("max_tokens", [1, 127, 128, 900, 10**6])
def test_the_held_out_loss_is_the_mean_over_every_token(training: Make, max_tokens: int) -> None:
    making = training(small_spec())
    tokens, size = making.tokens.held_out(max_tokens)
    scored = tokens.tolist()
    stream = torch.tensor([making.tokenizer.end_of_text, *scored])
    nats = text_nats = 0.0
    with torch.inference_mode():
        for start in range(0, len(scored), making.batching.length):
            window = stream[start : start + making.batching.length + 1]
            logits = making.model(window[None, :-1]).logits[0]
            each = torch.nn.functional.cross_entropy(logits, window[1:], reduction="none")
            nats += float(each.sum())
            text_nats += float(each[window[1:] != making.tokenizer.end_of_text].sum())
    found = evaluate(making, max_tokens)
    assert found.loss == pytest.approx(nats / len(scored), rel=1e-5)
    assert found.bits_per_byte == pytest.approx(text_nats / math.log(2) / size, rel=1e-5)
    assert size == len(making.tokenizer.decode(scored).encode())


def test_looking_at_a_model_changes_nothing(training: Make) -> None:
    making = training(small_spec(model={"dropout": 0.5}))
    before, chance = weights(making), torch.get_rng_state()
    assert evaluate(making, 300) == evaluate(making, 300)
    assert sample(making, 10, seed=1) == sample(making, 10, seed=1)
    assert torch.equal(torch.get_rng_state(), chance)
    assert making.model.training
    assert all(torch.equal(value, weights(making)[name]) for name, value in before.items())


def always_saying(training: Training, token: int) -> Training:
    """A model that finds `token` likelier than anything, whatever came before."""
    with torch.no_grad():
        training.model.get_parameter("transformer.ln_f.weight").zero_()
        training.model.get_parameter("transformer.ln_f.bias").fill_(1.0)
        training.model.get_parameter("transformer.wte.weight")[token] = 1.0
    return training


@pytest.mark.parametrize(("asked", "written"), [(1, 1), (20, 20), (10_000, 128)])
def test_a_sample_is_as_long_as_asked_for_and_the_context_allows(training: Make, asked: int, written: int) -> None:
    making = training(small_spec())
    [letter] = making.tokenizer.encode_batch(["z"]).ids.tolist()
    assert sample(always_saying(making, letter), asked, seed=3) == "z" * written


def test_a_sample_ends_with_the_document_but_not_before_it_is_worth_reading(training: Make) -> None:
    making = always_saying(training(small_spec()), training(small_spec()).tokenizer.end_of_text)
    assert len(sample(making, 10, seed=3)) < len(sample(making, 20, seed=3))
    assert sample(making, 20, seed=3) == sample(making, 128, seed=3)


@pytest.mark.parametrize("blank", ["\n", " ", "\t", "\0"], ids=repr)
def test_a_sample_begins_with_something_to_see(training: Make, blank: str) -> None:
    making = training(small_spec())
    [token] = making.tokenizer.encode_batch([blank]).ids.tolist()
    for seed in range(5):
        text = sample(always_saying(making, token), 20, seed)
        assert any(character.isprintable() and not character.isspace() for character in text)
        assert text.endswith(blank)


def test_a_sample_can_be_read_before_training_and_soon_after(
    training: Make, checkpoints: Checkpoints, control: Path
) -> None:
    making = training(small_spec(data={"dataset": "gym"}, budget="10 steps"))
    for _ in range(2):
        samples = [sample(making, 1, seed) for seed in range(100)]
        assert all(text.strip() for text in samples)
        assert samples == [sample(making, 1, seed) for seed in range(100)]
        list(train(making, checkpoints, ControlReader(control)))
