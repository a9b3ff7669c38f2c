"""Runs that meet what would end them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import fields, replace

import pytest
import torch

from tests.trainer_core.conftest import small_spec, weights
from tests.trainer_core.test_loop import Run, Start, run, same, steps, told
from trainer_core.checkpoints import saving
from trainer_core.checkpoints.saving import saved
from trainer_core.control import write_control
from trainer_core.events import JobPaused, MetricsCheckpoint, MetricsEval, MetricsGuard, MetricsProgress
from trainer_core.failures import is_out_of_memory
from trainer_core.guard import Verdict
from trainer_core.recovery import go_back
from trainer_core.spec import RunSpec
from trainer_core.state import Evaluation
from trainer_core.steering import Steer
from trainer_core.training import Training

__all__ = ["run"]


class Hit(Training):
    """A training in which some examples are bad."""

    bad: Mapping[int, float] = {}
    """What becomes of the loss of a step that has the example of this number."""
    most: int = 1 << 30
    """Largest micro-batch that memory holds."""

    def forward_backward(self, cursor: int, examples: int) -> float:
        loss = super().forward_backward(cursor, examples)
        if self.batching.micro_batch > self.most:
            raise MemoryError
        hits = [what for at, what in self.bad.items() if cursor <= at < cursor + examples]
        return hits[0] if hits else loss


def hit(going: Run, bad: Mapping[int, float] | None = None, most: int = 1 << 30) -> Run:
    """From now on the run meets these."""
    make = going.make

    def made() -> Training:
        plain = make()
        training = Hit(**{field.name: getattr(plain, field.name) for field in fields(plain) if field.init})
        training.bad, training.most = bad or {}, most
        return training

    going.make = made
    going.training = made()
    return going


@pytest.mark.parametrize("what", [math.nan, math.inf], ids=str)
def test_a_loss_that_is_no_number_never_reaches_the_weights(run: Start, what: float) -> None:
    going = hit(run(small_spec(budget="3 steps")), {0: what})
    before = weights(going.training)
    for event in going.go():
        if isinstance(event, MetricsGuard):
            now = weights(going.training)
            assert all(torch.equal(value, now[name]) for name, value in before.items())
    assert told(going.events) == [(1, "skip")]
    assert steps(going.events) == [2, 3]


def test_a_gradient_that_is_no_number_never_reaches_the_weights(run: Start) -> None:
    going = run(small_spec(budget="3 steps"))
    calls = iter(range(100))
    going.training.model.get_parameter("transformer.ln_f.bias").register_hook(  # type: ignore[no-untyped-call]  # unannotated in torch
        lambda gradient: gradient * math.nan if next(calls) == 0 else gradient
    )
    events = list(going.go())
    [guard] = [event for event in events if isinstance(event, MetricsGuard)]
    assert guard.reason == "the gradient norm of step 1 is not a number"
    assert all(bool(value.isfinite().all()) for value in weights(going.training).values())


def test_a_spike_is_skipped_once_enough_steps_are_known(run: Start) -> None:
    going = hit(run(small_spec(budget="3 steps")), {2: 50.0})
    usual = tuple(5.0 + 0.5 * (step % 5) for step in range(64))
    going.training.state = replace(going.training.state, losses=usual, norms=usual)
    events = list(going.go())
    guards = [event for event in events if isinstance(event, MetricsGuard)]
    assert guards and guards[0].action == "skip"
    assert "the loss of step 2 is 50, and no more than" in guards[0].reason


BAD = {10: math.nan, 14: math.nan, 18: math.nan}
"""Two steps are skipped, and the third one sends the run back."""


def everything() -> dict[str, object]:
    """Dropout, accumulation, averaged weights, and checkpoints often enough to go back to one."""
    return {
        "model": {"size": "depth=1", "dropout": 0.2},
        "budget": "14 steps",
        "batch": {"tokens_per_step": 512, "micro_batch": 1},
        "checkpoint": {"every_seconds": 1e-6, "keep": 3, "best": 0},
        "evaluation": {"times": 2, "max_tokens": 100, "sample_tokens": 0},
        "optimizer": {"average": 0.9},
    }


def test_whatever_happens_on_the_way_a_resumed_run_is_the_run_bit_for_bit(run: Start) -> None:
    """With dropout, accumulation, averaged weights, rates that were asked for, skipped steps, a rollback, a landing."""
    whole, parts = (hit(run(small_spec(**everything())), BAD) for _ in range(2))
    for going in (whole, parts):
        for steer in (Steer(step=2, verb="rate", value=2e-3), Steer(step=11, verb="land", value=13)):
            going.steering.append(steer)
    list(whole.go())
    assert [action for _, action in told(whole.events)] == ["skip", "skip", "rollback"]
    assert [steer.verb for steer in whole.training.state.steering] == ["rate", "land", "rollback"]
    assert whole.training.state.step == 13
    assert whole.training.state.cursor > 13 * 2, "what led there was passed over"

    parts.go_until(1, "pause")
    parts.resume()
    parts.go_until(7, "pause")
    parts.resume()
    for event in parts.go():
        if isinstance(event, MetricsGuard) and event.action == "rollback":
            break  # the worker dies with the decision made and nothing done about it
    parts.resume()
    for event in parts.go():
        if isinstance(event, MetricsProgress) and event.step == 11:
            break  # and dies again between two checkpoints
    parts.resume()
    list(parts.go())
    assert same(whole.training, parts.training)
    assert whole.training.average and parts.training.average
    ours, theirs = whole.training.average.weights(), parts.training.average.weights()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_a_run_whose_checkpoints_are_all_corrupt_goes_back_to_the_beginning_and_says_so(run: Start) -> None:
    going = hit(run(small_spec(**everything())), BAD)
    for event in going.go():
        if isinstance(event, MetricsCheckpoint) and event.step == 9 and not going.steering.entries:
            for state in (going.control.parent / "checkpoints").glob("step-*/state.json"):
                state.write_text("{}")
    [back] = [event for event in going.events if isinstance(event, MetricsGuard) and event.action == "rollback"]
    assert back.step == 10 and "of step 10 is not a number" in back.reason
    assert "; the checkpoint of step 9 is corrupt and was set aside; " in back.reason
    assert "; training goes on from the beginning, after" in back.reason
    assert going.training.state.step == 14
    assert going.training.state.done == 9 + 14, "what the abandoned steps took is not the time of the others"


def test_what_became_of_a_checkpoint_is_told_before_the_run_goes_back_behind_it(run: Start) -> None:
    going = run(small_spec())
    training, checkpoints = going.training, going.checkpoints
    training.state = training.state.evaluated(Evaluation(5.0), "")
    written = MetricsCheckpoint(step=4, path="checkpoints/step-00000004", bytes=1, seconds=0.0)
    checkpoints.under_way = Future()
    checkpoints.under_way.set_result((written,))
    first, second = go_back(training, checkpoints, going.steering, Verdict("rollback", "it broke", 5))
    assert first == written
    assert isinstance(second, MetricsGuard) and (second.step, second.action) == (5, "rollback")
    assert list(saved(checkpoints)) == []


def test_what_memory_does_not_hold_is_cut_smaller_and_the_step_stays_the_same(run: Start) -> None:
    def spec(micro_batch: int) -> RunSpec:
        cut = {"tokens_per_step": 1024, "micro_batch": micro_batch}
        return small_spec(model={"size": "depth=1"}, budget="3 steps", batch=cut)

    going, plain = hit(run(spec(4)), most=1), run(spec(1))
    events = list(going.go())
    assert told(events) == [(0, "memory"), (0, "memory")]
    assert going.training.batching.micro_batch == 1
    assert steps(events) == [1, 2, 3]
    list(plain.go())
    ours, theirs = weights(going.training), weights(plain.training)
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_where_nothing_can_be_cut_the_run_ends(run: Start) -> None:
    going = hit(run(small_spec(budget="3 steps")), most=0)
    with pytest.raises(MemoryError) as caught:
        list(going.go())
    assert is_out_of_memory(caught.value)


def test_after_two_rollbacks_a_person_is_asked_and_may_let_the_run_go_on(run: Start) -> None:
    going = hit(run(small_spec(**everything())), dict.fromkeys(range(10, 28), math.nan))
    events = list(going.go())
    assert [action for _, action in told(events) if action != "skip"] == ["rollback", "rollback", "rollback", "ask"]
    last, asking = events[-1], events[-2]
    assert isinstance(last, JobPaused) and isinstance(asking, MetricsGuard)
    assert last.control_seq == 0 and last.reason == asking.reason
    assert "is not a number" in last.reason
    assert f"and it had gone back 2 times before; it could go on from step {last.step} with a peak" in last.reason

    going.resume()
    assert isinstance(list(going.go())[-1], JobPaused), "nobody has answered yet"
    going.resume()
    going.steering.append(Steer(step=last.step, verb="go_on"))
    list(going.go())
    assert going.training.state.step == 14
    assert going.training.state.cursor >= 28 + 2


def test_a_run_that_asks_at_its_beginning_says_so(run: Start) -> None:
    going = run(small_spec())
    for _ in range(3):
        going.steering.append(Steer(step=0, verb="rollback", value=0.5, reason="it broke"))
    asked = list(going.go())[-1]
    assert isinstance(asked, JobPaused) and asked.step == 0
    assert "; it could go on from the beginning with a peak learning rate of " in asked.reason


def test_a_checkpoint_that_is_being_written_when_the_guard_asks_is_told_of(
    run: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saving, "LARGE", 0)
    going = run(small_spec())
    for _ in range(3):
        going.steering.append(Steer(step=0, verb="rollback", value=0.5, reason="it broke"))
    wanted = write_control(going.control, "checkpoint")
    *before, last = going.go()
    assert isinstance(last, JobPaused)
    assert [event.control_seq for event in before if isinstance(event, MetricsCheckpoint)] == [wanted.seq]


def test_weights_that_stop_being_numbers_are_taken_back(run: Start) -> None:
    going = run(small_spec(**everything()))
    for event in going.go():
        if isinstance(event, MetricsProgress) and event.step == 12:
            with torch.no_grad():
                going.training.model.get_parameter("transformer.ln_f.bias").fill_(math.inf)
            break
    list(going.go())
    [back] = [event for event in going.events if isinstance(event, MetricsGuard)]
    assert back.reason.startswith("the weights are no numbers any more after step 12; training goes on from ")
    assert all(bool(value.isfinite().all()) for value in weights(going.training).values())
    assert going.training.state.step == 14


def test_an_evaluation_that_is_no_number_sends_the_run_back(run: Start) -> None:
    going = run(small_spec(**{**everything(), "optimizer": {}}))
    for event in going.go():
        if isinstance(event, MetricsProgress) and event.step == 14 and not told(going.events):
            with torch.no_grad():
                going.training.model.get_parameter("transformer.ln_f.bias").fill_(math.nan)
    assert [action for _, action in told(going.events)] == ["rollback"]
    assert going.training.state.last is not None and math.isfinite(going.training.state.last.loss)


def test_a_learning_rate_far_too_high_is_lowered_until_the_run_learns(run: Start) -> None:
    spec = small_spec(
        model={"size": "depth=1"},
        budget="60 steps",
        optimizer={"learning_rate": 1.0, "decay_fraction": 0},
        evaluation={"times": 3, "max_tokens": 400, "sample_tokens": 0},
    )
    events = list(run(spec).go())
    assert {action for _, action in told(events)} == {"rollback"}
    first, *_, last = (event.loss for event in events if isinstance(event, MetricsEval))
    assert last < first
