from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from tests.trainer_core.conftest import small_spec, weights
from trainer_core.compute.network import Network
from trainer_core.compute.tuning import settle
from trainer_core.errors import Code, SpotterError
from trainer_core.files.layout import Home
from trainer_core.models.specs import ModuleSpec
from trainer_core.optim.optimizer import Optimizer
from trainer_core.preflight import preflight
from trainer_core.spec import RunSpec
from trainer_core.training import Training

Make = Callable[[RunSpec], Training]


@pytest.fixture
def making(training: Make) -> Training:
    return training(small_spec(model={"size": "depth=1", "dropout": 0.1}))


def parameter(training: Training, name: str) -> nn.Parameter:
    return training.model.get_parameter(f"transformer.{name}")


def refused(training: Training, why: str) -> Code:
    with pytest.raises(SpotterError, match=why) as caught:
        preflight(training)
    return caught.value.code


def with_model(training: Training, model: nn.Module) -> Training:
    """The same, with a model of somebody's own."""
    return replace(
        training,
        model=model,
        network=Network(model, training.mode, training.device),
        optimizer=Optimizer(model, training.spec.optimizer),
    )


def of_somebodys_own(training: Training, model: nn.Module) -> Training:
    made = with_model(training, model)
    made.spec = made.spec.model_copy(update={"model": ModuleSpec(family="module", file="nets/own.py")})
    return made


class Own(nn.Module):
    """A model that predicts from the mean of what it sees: of what came before, or of everything."""

    def __init__(self, answers: int, *, leaks: bool = False) -> None:
        super().__init__()
        self.tokens = nn.Embedding(answers, 32)
        self.head = nn.Linear(32, answers)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)
        self._leaks = leaks

    def forward(self, input_ids: Tensor) -> Tensor:
        seen = self.tokens(input_ids)
        before = seen.cumsum(1) / torch.arange(1, seen.shape[1] + 1)[:, None]
        return self.head(seen.mean(1, keepdim=True).expand_as(seen) if self._leaks else before)  # type: ignore[no-any-return]  # torch leaves calls of modules unannotated


class Counting(Own):
    """Remembers what its forward passes saw, which one example is too few for; one of its experts is seldom asked."""

    steps: Tensor

    def __init__(self, answers: int) -> None:
        super().__init__(answers)
        self.norm = nn.BatchNorm1d(32)
        self.experts = nn.ModuleList(nn.Linear(32, 32) for _ in range(2))
        self.register_buffer("steps", torch.zeros(()))

    def forward(self, input_ids: Tensor) -> Tensor:
        self.steps = self.steps + 1  # replaced, not written to
        firsts = self.norm(self.experts[0](self.tokens(input_ids)[:, 0]))
        return super().forward(input_ids) + self.head(firsts)[:, None]  # type: ignore[no-any-return]  # as above


def test_it_measures_and_leaves_no_trace(making: Training) -> None:
    chance, before = torch.get_rng_state(), weights(making)
    found = preflight(making)
    assert found.loss == pytest.approx(math.log(300), abs=0.3)
    assert found.seconds_per_step > 0 and not found.doubts
    assert "every parameter learns" in str(found)
    assert torch.equal(torch.get_rng_state(), chance)
    assert making.model.training
    assert all(torch.equal(value, before[name]) for name, value in weights(making).items())
    assert all(parameter.grad is None for parameter in making.model.parameters())
    assert not making.optimizer.state()["adamw"]["state"], "the first step is still to be taken"


def test_parameters_that_do_not_learn_are_named(making: Training) -> None:
    making.model.register_parameter("unused", nn.Parameter(torch.zeros(3)))
    assert refused(making, "the parameter unused does not learn") is Code.MODEL_INCOMPATIBLE
    making.model.register_parameter("another", nn.Parameter(torch.zeros(3)))
    refused(making, "2 parameters do not learn, among them another")


def test_what_forward_passes_change_is_left_alone_and_a_seldom_asked_expert_is_only_doubted(
    training: Make, home: Home
) -> None:
    spec = small_spec(model={"size": "depth=1"}, batch={"tokens_per_step": 1024, "micro_batch": 2})
    counting = of_somebodys_own(training(spec), Counting(300))
    before = copy.deepcopy(counting.model.state_dict())
    settle(counting, home)
    [doubt] = preflight(counting).doubts
    assert doubt.startswith("no gradient reached experts.1.bias and 1 more")
    counting.forward_backward(0, 2)
    assert int(counting.model.get_buffer("steps")) == 1
    counting.discard()
    assert all(torch.equal(before[name], value) for name, value in counting.model.state_dict().items())


@pytest.mark.parametrize(("sequences", "at_once", "fits"), [(9, 4, 3), (9, 8, 7), (3, 2, 3), (9, 3, None)])
def test_a_model_that_one_example_is_too_few_for_is_to_be_left_none(
    training: Make, sequences: int, at_once: int, fits: int | None
) -> None:
    counting = of_somebodys_own(training(small_spec(model={"size": "depth=1"})), Counting(300))
    counting.batching = replace(counting.batching, sequences=sequences, micro_batch=at_once)
    if fits is None:
        assert preflight(counting).loss > 0
        return
    with pytest.raises(SpotterError, match=f"a step of {sequences} leaves one, {at_once} a pass") as caught:
        preflight(counting)
    assert str(caught.value).startswith("batch.micro_batch: ")
    assert caught.value.next_step == f"Set batch.micro_batch to {fits}."


class Failing(Own):
    def forward(self, input_ids: Tensor) -> Tensor:
        raise ValueError("no such thing")


def test_what_a_module_of_somebodys_own_raises_is_told_of_its_file(making: Training, home: Home) -> None:
    failing = of_somebodys_own(making, Failing(300))
    refused(failing, r"nets/own\.py raises ValueError \(no such thing\) while its first steps are tried")
    with pytest.raises(SpotterError, match="no such thing") as caught:
        settle(failing, home)
    assert caught.value.code is Code.MODEL_INCOMPATIBLE


def test_a_parameter_that_learns_after_the_first_step_only_is_alive(making: Training) -> None:
    """Behind a head of zeros, as behind an adapter's, nothing learns at first."""
    assert not preflight(with_model(making, Own(300))).doubts


def test_a_frozen_parameter_is_let_be(making: Training) -> None:
    parameter(making, "wpe.weight").requires_grad_(False)
    assert preflight(making).loss > 0


def test_a_model_that_sees_what_comes_later_is_refused(making: Training) -> None:
    assert refused(with_model(making, Own(300, leaks=True)), "tokens that come later") is Code.MODEL_INCOMPATIBLE


def test_a_loss_that_cannot_be_is_refused(making: Training) -> None:
    with torch.no_grad():
        parameter(making, "wte.weight").mul_(100)
    refused(making, "even guessing")
    with torch.no_grad():
        parameter(making, "wte.weight").fill_(math.nan)
    assert refused(making, "not a number") is Code.TRAINING_NAN_LOSS


class Steep(Own):
    """Its loss is a number, and its gradient is none."""

    def __init__(self, answers: int) -> None:
        super().__init__(answers)
        self.edge = nn.Parameter(torch.zeros(1))

    def forward(self, input_ids: Tensor) -> Tensor:
        return super().forward(input_ids) + self.edge.sqrt()


def test_a_gradient_that_cannot_be_is_refused(making: Training) -> None:
    assert refused(with_model(making, Steep(300)), "gradient of edge is not finite") is Code.TRAINING_NAN_LOSS


def test_an_output_of_another_shape_is_refused(making: Training) -> None:
    making.model.lm_head = nn.Linear(64, 7)
    refused(making, "shape")


def test_a_learning_rate_that_explodes_is_told_with_one_that_works(training: Make) -> None:
    making = training(small_spec(model={"size": "depth=1"}, optimizer={"learning_rate": 1.0}))
    [doubt] = preflight(making).doubts
    assert doubt.startswith("a learning rate of 1 makes the loss of a single batch grow, and 0.")


def test_a_model_that_has_learnt_is_only_looked_at(making: Training) -> None:
    making.state = replace(making.state, step=5)
    with torch.no_grad():
        parameter(making, "wte.weight").mul_(3)  # its loss is another one by now
    assert preflight(making).loss > 0
