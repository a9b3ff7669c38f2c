"""Whole runs of the classifier, in this process."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file

from tests.trainer_core.conftest import run_attempt
from tests.trainer_core.data.adding import add_file
from tests.trainer_core.data.album import PATTERNS, add_pictures
from trainer_core.errors import Code, SpotterError
from trainer_core.evals.classes import ClassReport
from trainer_core.events import JobCompleted, JobPaused, MetricsConfig, MetricsEval
from trainer_core.files.layout import Home, RunDirectory
from trainer_core.models.build import open_model
from trainer_core.spec import RunSpec, parse_spec


def spec_for(dataset: str, **settings: object) -> RunSpec:
    base: dict[str, object] = {
        "data": {"dataset": dataset, "validation_fraction": 0.25},
        "model": {"family": "image-cnn", "size": "depth=2", "dropout": 0.2},
        "batch": {"tokens_per_step": 16, "micro_batch": 6},
        "budget": "12 steps",
        "evaluation": {"times": 2},
    }
    return parse_spec({**base, **settings})


def exported(run: RunDirectory) -> dict[str, torch.Tensor]:
    return load_file(run.export / "model.safetensors")


def test_a_run_that_is_paused_comes_to_the_same_classifier_as_one_that_is_not(home: Home) -> None:
    """With dropout and a step in uneven parts; what it comes to opens again and is told class by class."""
    spec = spec_for(add_pictures(home).name)
    whole, parts = home.run("whole"), home.run("parts")
    events = run_attempt(whole, spec)
    assert isinstance(run_attempt(parts, spec, pause_after=5)[-1], JobPaused)
    resumed = run_attempt(parts, spec, attempt=2)

    first, second = exported(whole), exported(parts)
    assert first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)
    (config,) = [event for event in events if isinstance(event, MetricsConfig)]
    assert (config.unit, config.vocabulary, config.tokens_per_step, config.accumulation) == ("pictures", 3, 16, 3)
    done, again = events[-1], resumed[-1]
    assert isinstance(done, JobCompleted) and isinstance(again, JobCompleted)
    assert (done.summary.accuracy, done.summary.f1) == (again.summary.accuracy, again.summary.f1)
    looked = [event for event in events if isinstance(event, MetricsEval)]
    assert [event.report for event in looked] == [f"eval/step-{step:08d}.json" for step in (0, 6, 12)]
    best = max(looked[1:], key=lambda event: (event.accuracy or 0, event.step))
    assert (done.summary.evaluation, done.summary.accuracy) == (best.report, best.accuracy)
    report = ClassReport.model_validate_json((whole.path / best.report).read_bytes())
    assert report.classes == PATTERNS and report.accuracy == best.accuracy
    assert done.summary.loss is not None and done.summary.first_loss is not None
    assert done.summary.loss < done.summary.first_loss
    model = open_model(whole.export)
    assert model(pixel_values=torch.zeros(1, 3, 12, 12)).shape == (1, 3)


def test_how_a_step_is_cut_changes_nothing_but_the_last_digits(home: Home) -> None:
    name = add_pictures(home).name
    losses = []
    for micro_batch in (16, 4):
        batch = {"tokens_per_step": 16, "micro_batch": micro_batch}
        model = {"family": "image-cnn", "size": "depth=2"}
        done = run_attempt(home.run(f"by-{micro_batch}"), spec_for(name, batch=batch, model=model, budget="4 steps"))[
            -1
        ]
        assert isinstance(done, JobCompleted)
        losses.append(done.summary.loss)
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_the_classifier_does_not_read_text(home: Home) -> None:
    card = add_file(home, "gym.txt", b"Someone counts every breath aloud.\n" * 40)
    with pytest.raises(SpotterError, match="image-cnn learns from pictures") as caught:
        run_attempt(home.run("a-run"), spec_for(card.name))
    assert caught.value.code is Code.MODEL_INCOMPATIBLE
