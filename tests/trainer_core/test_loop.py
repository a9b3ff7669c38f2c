from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch

from tests.trainer_core.conftest import small_spec, weights
from trainer_core.checkpoints.checkpoint import Checkpoints, step_of
from trainer_core.checkpoints.restoring import restore
from trainer_core.control import ControlReader, Verb, write_control
from trainer_core.errors import Code, SpotterError
from trainer_core.events import (
    Event,
    JobCompleted,
    JobPaused,
    JobStopped,
    MetricsCheckpoint,
    MetricsEval,
    MetricsGuard,
    MetricsProgress,
    MetricsSample,
)
from trainer_core.loop import train
from trainer_core.models.specs import ModuleSpec
from trainer_core.spec import RunSpec
from trainer_core.steering import SteeringLog
from trainer_core.training import Training

Make = Callable[[RunSpec], Training]


class Run:
    """A run in a folder of its own, through as many attempts as it takes."""

    def __init__(self, folder: Path, make: Make, spec: RunSpec) -> None:
        folder.mkdir()
        self.control = folder / "control.json"
        self.checkpoints = Checkpoints(folder / "checkpoints", spec.checkpoint)
        self._steering = folder / "steering.jsonl"
        self.make: Callable[[], Training] = partial(make, spec)
        self.training = self.make()
        self.events: list[Event] = []

    @property
    def steering(self) -> SteeringLog:
        return SteeringLog(self._steering, fence=lambda: None)

    def go(self) -> Iterator[Event]:
        """One attempt, from where the training is."""
        for event in train(self.training, self.checkpoints, ControlReader(self.control), self.steering):
            self.events.append(event)
            yield event

    def go_until(self, step: int, verb: Verb, value: float | None = None) -> list[Event]:
        """One attempt, in which something is asked for after `step`."""
        for event in self.go():
            if isinstance(event, MetricsProgress) and event.step == step:
                write_control(self.control, verb, value)
        return self.events

    def resume(self) -> None:
        """As another worker would: from the newest checkpoint, or from nothing."""
        self.training = self.make()
        torch.manual_seed(99)
        checkpoint = self.checkpoints.newest_good()
        if checkpoint:
            restore(self.training, checkpoint)
        self.control.unlink(missing_ok=True)


@pytest.fixture
def run(tmp_path: Path, training: Make) -> Callable[[RunSpec], Run]:
    count = iter(range(9))
    return lambda spec: Run(tmp_path / f"run-{next(count)}", training, spec)


Start = Callable[[RunSpec], Run]


def steps(events: list[Event]) -> list[int]:
    return [event.step for event in events if isinstance(event, MetricsProgress)]


def told(events: list[Event]) -> list[tuple[int, str]]:
    return [(event.step, event.action) for event in events if isinstance(event, MetricsGuard)]


def same(one: Training, other: Training) -> bool:
    """Bit for bit, but for the time it took, and the steps that are lost."""
    ours, theirs = weights(one), weights(other)
    return replace(one.state, elapsed=0, done=0) == replace(other.state, elapsed=0, done=0) and all(
        torch.equal(ours[name], theirs[name]) for name in ours
    )


def test_a_run_steps_evaluates_samples_and_saves(run: Start) -> None:
    going = run(small_spec())
    events = list(going.go())
    making = going.training
    assert steps(events) == [1, 2, 3, 4, 5, 6]
    assert [event.step for event in events if isinstance(event, MetricsEval)] == [0, 3, 6]
    assert [event.step for event in events if isinstance(event, MetricsSample)] == [3, 6], (
        "there is nothing to read at first"
    )
    assert [event.step for event in events if isinstance(event, MetricsCheckpoint)] == [3, 6], "the best, and the last"
    first, *_, last = (event.loss for event in events if isinstance(event, MetricsEval))
    assert last < first
    assert making.state.tokens == 6 * making.batching.tokens_per_step
    assert making.state.cursor == 6 * making.batching.sequences


def test_stop_saves_and_sums_up(run: Start) -> None:
    going = run(small_spec(budget="1000 steps"))
    events = going.go_until(2, "stop")
    assert isinstance(events[-2], MetricsCheckpoint)
    last = events[-1]
    assert isinstance(last, JobStopped)
    assert last.summary.steps == 2
    assert last.summary.first_loss != last.summary.loss, "what it learned by then is measured"


def test_a_pause_before_the_first_step_is_heard(run: Start) -> None:
    going = run(small_spec())
    asked = write_control(going.control, "pause")
    assert list(going.go())[-1] == JobPaused(control_seq=asked.seq, step=0)
    assert step_of(going.checkpoints.newest_good()) == 0


def test_a_budget_of_time_ends_with_it(run: Start) -> None:
    events = list(run(small_spec(budget="1s")).go())
    fractions = [event.fraction for event in events if isinstance(event, MetricsProgress)]
    assert fractions[-1] == 1
    assert fractions == sorted(fractions)


def test_checkpoints_follow_the_clock_and_the_newest_stay(run: Start) -> None:
    going = run(small_spec(budget="4 steps", checkpoint={"every_seconds": 1e-6, "best": 0}))
    events = list(going.go())
    assert [event.step for event in events if isinstance(event, MetricsCheckpoint)] == [1, 2, 3, 4]
    kept = sorted(step_of(path) for path in (going.control.parent / "checkpoints").iterdir())
    assert kept == [3, 4]


def test_a_held_out_loss_that_is_no_number_before_the_first_step_ends_the_run(run: Start) -> None:
    going = run(small_spec())
    with torch.no_grad():
        going.training.model.get_parameter("transformer.ln_f.bias").fill_(math.nan)
    with pytest.raises(SpotterError, match="held-out") as caught:
        list(going.go())
    assert caught.value.code is Code.TRAINING_NAN_LOSS


def test_a_checkpoint_that_was_asked_for_is_kept_and_the_run_goes_on(run: Start) -> None:
    going = run(small_spec(checkpoint={"keep": 1, "best": 0}))
    events = going.go_until(2, "checkpoint")
    [pinned] = [event for event in events if isinstance(event, MetricsCheckpoint) and event.pinned]
    assert pinned.step == 2 and pinned.control_seq
    assert steps(events)[-1] == 6
    assert {step_of(path) for path in (going.control.parent / "checkpoints").iterdir()} == {2, 6}


def test_a_rate_that_was_asked_for_holds_from_the_next_step(run: Start) -> None:
    going = run(small_spec(optimizer={"warmup_fraction": 0, "decay_fraction": 0}))
    events = going.go_until(2, "rate", 1e-4)
    [steered] = [event for event in events if isinstance(event, MetricsGuard)]
    assert (steered.step, steered.action) == (2, "steer") and steered.control_seq
    assert steered.reason == "the peak learning rate is 0.0001 from step 3 on, not 0.003"
    rates = [event.learning_rate for event in events if isinstance(event, MetricsProgress)]
    assert rates == [3e-3] * 2 + [1e-4] * 4


def test_a_run_that_is_to_land_ends_early_and_softly(run: Start) -> None:
    going = run(small_spec(budget="1000 steps", evaluation={"times": 1, "max_tokens": 100, "sample_tokens": 0}))
    events = going.go_until(7, "land")
    rates = [event.learning_rate for event in events if isinstance(event, MetricsProgress)]
    assert len(rates) == 10, "three tenths of a run are its decay"
    assert rates[:7] == sorted(rates[:7]) and rates[6:] == sorted(rates[6:], reverse=True)
    assert [event.step for event in events if isinstance(event, MetricsEval)] == [0, 10]
    [steered] = [event for event in events if isinstance(event, MetricsGuard)]
    assert steered.reason == "the learning rate falls from step 8 on, and the run ends with step 10"


def test_a_run_that_gets_no_better_ends_early(run: Start) -> None:
    never = {"checkpoint": {"best": 0}, "optimizer": {"learning_rate": 1e-12}}
    going = run(small_spec(**{**patient(6, 2), **never}))
    *events, last = going.go()
    assert steps(events)[-1] < 6
    assert isinstance(last, JobCompleted)
    assert last.summary.early == "none of the last 2 evaluations was better than the best before"
    assert isinstance(events[-1], MetricsCheckpoint)


def patient(times: int, patience: int | None) -> dict[str, object]:
    """Settings under which learning makes a run worse."""
    return {
        "evaluation": {"times": times, "max_tokens": 200, "sample_tokens": 4, "patience": patience},
        "checkpoint": {"metric": "loss", "direction": "max"},
    }


@pytest.mark.parametrize("average", [None, 0.9])
@pytest.mark.parametrize("patience", [2, None])
def test_a_run_that_got_worse_ends_with_its_best_weights(
    run: Start, average: float | None, patience: int | None
) -> None:
    going = run(small_spec(**patient(6, patience), optimizer={"average": average}))
    learnt, looked = {}, {}
    for event in going.go():
        if isinstance(event, MetricsEval):
            looked[event.step] = event.loss
            learnt[event.step] = {name: weight.clone() for name, weight in going.training.learnt().items()}
    last = going.events[-1]
    ended = 3 if patience else 6
    assert isinstance(last, JobCompleted) and list(looked) == list(range(ended + 1))
    assert (last.summary.steps, last.summary.loss, last.summary.best_step) == (ended, looked[1], 1)
    assert last.summary.early.endswith(" was better than the best before") == bool(patience)
    assert all(torch.equal(weight, learnt[1][name]) for name, weight in going.training.learnt().items())

    going.resume()  # had the worker died before the model was written
    assert [event.model_dump(exclude={"seconds"}) for event in list(going.go())[-1:]] == [
        last.model_dump(exclude={"seconds"})
    ]


@pytest.mark.parametrize("step", [2, 3], ids=["evaluated", "not evaluated"])
def test_a_stop_changes_nothing_that_the_run_goes_by(run: Start, step: int) -> None:
    going = run(small_spec(**{**patient(3, 1), "checkpoint": {"keep": 9}}))
    for event in going.go():
        if isinstance(event, MetricsEval if step == 2 else MetricsProgress) and event.step == step:
            counted = going.training.state.without_better
            write_control(going.control, "stop")
    last = going.events[-1]
    assert isinstance(last, JobStopped) and last.summary.steps == step
    assert [event.step for event in going.events if isinstance(event, MetricsEval)] == sorted({0, 2, step})
    assert going.training.state.without_better == counted == 0
    assert (last.summary.early, last.summary.best_step) == ("", None)
    assert going.checkpoints.best_good() is not None

    going.resume()
    assert isinstance(list(going.go())[-1], JobCompleted) and steps(going.events)[-1] == 6


def test_a_run_that_got_worse_and_is_stopped_has_its_best_weights(run: Start) -> None:
    going = run(small_spec(**patient(6, None)))
    going.go_until(3, "stop")
    last = going.events[-1]
    assert isinstance(last, JobStopped)
    assert (last.summary.steps, last.summary.best_step) == (3, 1)
    assert last.summary.loss == next(
        event.loss for event in going.events if isinstance(event, MetricsEval) and event.step == 1
    )


EACH_STEP = {"every_seconds": 1e-9, "keep": 2}


def test_what_was_learnt_since_the_last_evaluation_is_not_lost_where_its_step_was_saved_before(run: Start) -> None:
    going = run(small_spec(checkpoint=EACH_STEP))
    going.go_until(5, "stop")
    last = going.events[-1]
    assert isinstance(last, JobStopped) and last.summary.best_step is None
    looked = {event.step: event.loss for event in going.events if isinstance(event, MetricsEval)}
    assert last.summary.loss == looked[5] < looked[3]


def test_nor_where_it_rested_before_it_was_stopped(run: Start) -> None:
    going = run(small_spec(checkpoint={"keep": 1}))
    going.go_until(5, "pause")
    pinned = going.checkpoints.newest_good()
    assert pinned and step_of(pinned) == 5
    (pinned / "pinned").touch()
    going.resume()
    write_control(going.control, "stop")
    last = list(going.go())[-1]
    assert isinstance(last, JobStopped)
    assert (last.summary.steps, last.summary.best_step) == (5, None)
    best = going.checkpoints.best_good()
    assert best == pinned and (best / "pinned").exists()


def test_a_run_that_keeps_no_best_weights_ends_with_the_last(run: Start) -> None:
    worse = {**patient(6, None), "checkpoint": {"metric": "loss", "direction": "max", "best": 0}}
    going = run(small_spec(**worse))
    going.go_until(5, "pause")
    going.resume()
    last = list(going.go())[-1]
    assert isinstance(last, JobCompleted) and (last.summary.steps, last.summary.best_step) == (6, None)


def test_only_a_model_that_guesses_evenly_is_seen_to_by_a_part_of_the_text(run: Start) -> None:
    evaluation = {"times": 1, "max_tokens": 800, "sample_tokens": 0}
    ours, own = (run(small_spec(budget="1 steps", evaluation=evaluation)) for _ in range(2))
    own.training.spec = own.training.spec.model_copy(update={"model": ModuleSpec(file="nets/net.py")})
    next(ours.go())
    next(own.go())
    part, whole = ours.training.state, own.training.state
    assert part.first is not None and part.first.partial and part.best is None
    assert whole.first is not None and not whole.first.partial and whole.best == whole.first
    assert part.first.bits_per_byte == pytest.approx(whole.first.bits_per_byte, rel=0.02)
