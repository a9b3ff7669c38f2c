"""How a run's steps are computed: measured where there is time, remembered, and nothing of the run changed by it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from tests.trainer_core.conftest import small_spec, weights
from trainer_core.compute import fitting, tuning
from trainer_core.compute.mode import Mode
from trainer_core.compute.tuning import settle
from trainer_core.files.layout import Home
from trainer_core.spec import RunSpec
from trainer_core.training import Training

Make = Callable[[RunSpec], Training]
LONG = small_spec(budget="10m")


def test_a_long_run_measures_what_the_next_one_takes_at_once(training: Make, home: Home) -> None:
    making = training(LONG)
    before = weights(making)
    first = settle(making, home)
    assert all(torch.equal(weight, before[name]) for name, weight in making.model.named_parameters())
    assert all(weight.grad is None for weight in making.model.parameters())
    assert (making.mode, making.network.mode, making.waited) == (first.mode, first.mode, 0.0)
    assert first.reasons["precision"].startswith("the quickest of what was measured here")
    assert str(first.mode) in first.reasons["precision"]
    assert "bmm attention" in first.reasons["precision"] and "chunked head" in first.reasons["precision"]
    assert first.seconds < 30

    [file] = home.measured.iterdir()
    again = settle(training(LONG), home)
    assert (again.mode, again.reasons) == (first.mode, first.reasons)
    file.write_text("{}")
    assert settle(training(LONG), home).reasons["precision"].startswith("the quickest")


@pytest.mark.parametrize("budget", ["6 steps", "20s"])
def test_a_short_run_takes_what_is_known(training: Make, home: Home, budget: str) -> None:
    making = training(small_spec(budget=budget))
    decision = settle(making, home)
    assert decision.mode == Mode(attention="bmm", head="chunked")
    assert decision.reasons["precision"].endswith("the run is too short to measure more")
    assert not home.measured.exists()


def test_a_run_goes_on_as_it_began(training: Make, home: Home) -> None:
    making = training(LONG)
    making.compute_in(Mode("bf16-autocast"))
    decision = settle(making, home, began=True)
    assert (decision.mode, making.mode) == (Mode("bf16-autocast"), Mode("bf16-autocast"))
    assert decision.reasons["precision"] == "as when the run began"


def test_what_is_asked_for_is_taken(training: Make, home: Home) -> None:
    making = training(small_spec(budget="6 steps", compute={"precision": "bf16"}))
    assert settle(making, home).mode.precision == "bf16"
    assert {weight.dtype for weight in making.model.parameters()} == {torch.bfloat16}


def test_what_computes_something_else_or_does_not_work_is_not_taken(
    training: Make, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(hidden: torch.Tensor, weight: torch.Tensor, targets: torch.Tensor, _: torch.dtype) -> torch.Tensor:
        return torch.nn.functional.cross_entropy(hidden @ weight.T, targets, reduction="sum") * 1.01

    def broken(*_: object, **__: object) -> torch.Tensor:
        raise NotImplementedError("not on this machine")

    monkeypatch.setattr("trainer_core.compute.network.chunked_loss", wrong)
    monkeypatch.setattr("trainer_core.compute.attention._Blocks.apply", broken)
    decision = settle(training(LONG), home)
    assert decision.mode == Mode()
    assert "chunked head computes something else" in decision.reasons["precision"]
    assert "bmm attention, whole head does not work here (NotImplementedError)" in decision.reasons["precision"]


def test_a_micro_batch_that_does_not_fit_is_cut_and_told(
    training: Make, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = small_spec(batch={"tokens_per_step": 1024})
    making = training(spec)
    making.compute_in(Mode(attention="bmm", head="chunked"))
    each, fixed = fitting.bytes_per_example(making), 12 * making.parameters
    monkeypatch.setattr(fitting, "available", lambda _: int((fixed + 4.2 * each) / 0.8))
    decision = settle(making, home)
    assert (decision.micro_batch, making.batching.micro_batch, making.batching.sequences) == (4, 4, 8)
    assert "there is memory for no more" in decision.reasons["micro_batch"]


def test_an_example_takes_about_what_its_activations_do(training: Make) -> None:
    making = training(LONG)
    each = fitting.bytes_per_example(making)
    length, layers, width, vocabulary = 128, 4, 128, 300
    least = 4 * length * (layers * 12 * width + vocabulary)
    assert least < each < 6 * least
    making.compute_in(Mode(head="chunked"))
    assert fitting.bytes_per_example(making) < each


def test_documents_kept_apart_and_frozen_weights_leave_fewer_choices(training: Make) -> None:
    apart = training(small_spec(data={"dataset": "gym", "attend": "document"}))
    assert tuning._choices(apart).attentions == ("sdpa",)
    dropping = training(small_spec(model={"family": "gpt2", "dropout": 0.1}))
    assert tuning._choices(dropping).attentions == ("sdpa",)
    dropping.device = replace(dropping.device, precisions=("bf16", "fp32"))
    assert tuning._choices(dropping).precisions == ("bf16", "fp32")
    next(dropping.model.parameters()).requires_grad_(False)
    assert tuning._choices(dropping).precisions == ("fp32",)
