"""Steps of the optimizers, whatever the model computes in; what they remember, and the average of the weights."""

from __future__ import annotations

import copy
import io
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from trainer_core.compute.mode import Precision
from trainer_core.optim.averaging import Average
from trainer_core.optim.muon import hidden_matrices, orthogonal
from trainer_core.optim.optimizer import Optimizer
from trainer_core.optim.scaling import LossScale
from trainer_core.spec import OptimizerSpec

ADAMW = OptimizerSpec()


class Tied(nn.Module):
    """A language model of almost nothing, whose embedding is its output."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.embedding = nn.Embedding(12, 8)
        self.hidden = nn.Linear(8, 8)
        self.output = nn.Linear(8, 12, bias=False)
        self.output.weight = self.embedding.weight
        self.register_buffer("shift", torch.full((8,), 0.1))

    def forward(self, tokens: Tensor) -> Tensor:
        embedded = self.embedding(tokens)
        hidden: Tensor = self.hidden(embedded + self.shift.to(embedded.dtype)).tanh()
        return self.output(hidden).float()  # type: ignore[no-any-return]  # a module's call is untyped


def learn(model: nn.Module, optimizer: Optimizer, steps: int, rate: float = 1e-3, begin: int = 0) -> float:
    """Take some steps on random text, fixed by their numbers. Returns the last loss."""
    loss = torch.zeros(())
    for step in range(begin, begin + steps):
        tokens = torch.randint(12, (4, 9), generator=torch.Generator().manual_seed(step))
        for half in tokens.chunk(2):
            loss = nn.functional.cross_entropy(model(half[:, :-1]).flatten(0, 1), half[:, 1:].flatten())
            optimizer.backward(loss / 2)
        optimizer.clip(1.0)
        optimizer.step(rate)
    return loss.item()


def apart(first: dict[str, Tensor], second: dict[str, Tensor]) -> float:
    return max(float((first[name] - second[name]).abs().max()) for name in first)


def through_a_file(state: dict[str, object]) -> dict[str, object]:
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    loaded: dict[str, object] = torch.load(file, weights_only=True)
    return loaded


@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
@pytest.mark.parametrize("name", ["adamw", "muon"])
def test_going_on_from_what_was_saved_is_going_on(name: str, precision: Precision) -> None:
    spec = OptimizerSpec.model_validate({"name": name, "average": 0.9})
    model = Tied()
    optimizer = Optimizer(model, spec, precision)
    average = Average(model, optimizer, 0.9)
    learn(model, optimizer, 2)
    average.update()
    saved = through_a_file({"w": optimizer.weights(), "o": optimizer.state(), "a": average.state()})
    learn(model, optimizer, 2, begin=2)
    average.update()

    other = Tied()
    again = Optimizer(other, spec, precision)
    mean = Average(other, again, 0.9)
    again.load_weights(saved["w"])  # type: ignore[arg-type]  # as it was saved
    again.load(saved["o"])  # type: ignore[arg-type]
    mean.load(saved["a"])  # type: ignore[arg-type]
    learn(other, again, 2, begin=2)
    mean.update()
    assert apart(again.weights(), optimizer.weights()) == 0
    assert apart(mean.weights(), average.weights()) == 0
    assert again.state()["scale"] == optimizer.state()["scale"]


def test_changes_too_small_for_bf16_add_up() -> None:
    model, exact = Tied(), Tied()
    optimizer, plain = Optimizer(model, ADAMW, "bf16"), Optimizer(exact, ADAMW)
    before = {name: weight.clone() for name, weight in model.named_parameters()}
    assert {weight.dtype for weight in before.values()} == {torch.bfloat16}
    learn(model, optimizer, 12, rate=1e-5)
    learn(exact, plain, 12, rate=1e-5)
    moved = apart(optimizer.weights(), Tied().state_dict())
    assert 5e-5 < moved < 2e-4
    assert apart(optimizer.weights(), plain.weights()) < moved
    for name, parameter in model.named_parameters():
        assert torch.equal(parameter, optimizer.weights()[name].bfloat16())


def test_gradients_of_a_bf16_model_are_added_up_in_fp32() -> None:
    model = Tied()
    optimizer = Optimizer(model, ADAMW, "bf16")
    for factor in (1.0, 2**-10):  # in bf16 the second would be lost
        optimizer.backward(model(torch.tensor([[1]])).sum() * factor)
    gradient = optimizer.gradients()[0]
    assert gradient.dtype is torch.float32
    optimizer.discard()
    optimizer.backward(model(torch.tensor([[1]])).sum())
    assert torch.allclose(gradient, optimizer.gradients()[0] * (1 + 2**-10), rtol=1e-5)
    assert not torch.equal(gradient, optimizer.gradients()[0])


def test_another_optimizer_takes_over_the_exact_weights() -> None:
    model = Tied()
    optimizer = Optimizer(model, ADAMW, "bf16")
    learn(model, optimizer, 2, rate=1e-5)
    exact = {name: weight.clone() for name, weight in optimizer.weights().items()}
    optimizer.release()
    assert apart(model.state_dict(), exact) == 0
    learn(model, Optimizer(model, ADAMW), 1)
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}


def test_restarted_it_is_as_new() -> None:
    fresh = Tied().state_dict()
    model = Tied()
    optimizer = Optimizer(model, ADAMW, "fp16")
    loss = learn(model, optimizer, 3)
    optimizer.restart(fresh)
    assert learn(model, optimizer, 3) == loss


def test_an_overflow_is_told_and_lowers_the_scale() -> None:
    model = Tied()
    optimizer = Optimizer(model, ADAMW, "fp16")
    optimizer.backward(model(torch.tensor([[1]])).sum() * torch.inf)
    assert not torch.tensor(optimizer.clip(1.0)).isfinite()
    assert optimizer.overflowed
    optimizer.discard()
    assert optimizer.state()["scale"]["value"] < LossScale().value
    assert learn(model, optimizer, 1) > 0
    assert not optimizer.overflowed


def test_where_no_smaller_scale_is_left_nothing_is_the_doing_of_the_scale() -> None:
    model = Tied()
    optimizer = Optimizer(model, ADAMW, "fp16")
    overflows = []
    for _ in range(8):
        optimizer.backward(model(torch.tensor([[1]])).sum() * torch.inf)
        optimizer.clip(1.0)
        overflows.append(optimizer.overflowed)
        optimizer.discard()
    assert overflows == [True] * 6 + [False] * 2


@given(st.lists(st.booleans(), max_size=60))
@settings(max_examples=30)
def test_a_scale_is_a_power_of_two_and_never_below_one(overflows: list[bool]) -> None:
    scale = LossScale()
    for overflow in overflows:
        scale = scale.after_overflow() if overflow else scale.after_step()
        assert scale.value >= 1
        assert scale.value.hex().startswith("0x1.0000000000000p")


def test_a_scale_grows_once_nothing_has_overflown_for_long() -> None:
    scale = LossScale()
    for _ in range(1_000):
        scale = scale.after_step()
    assert scale == LossScale(LossScale().value * 2)


@pytest.mark.parametrize("shape", [(8, 8), (6, 20), (20, 6)])
def test_muon_makes_a_matrix_nearly_orthogonal(shape: tuple[int, int]) -> None:
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    made = orthogonal(matrix)
    values = torch.linalg.svdvals(made)
    assert 0.3 < float(values.min()) <= float(values.max()) < 1.3
    left, _, right = torch.linalg.svd(matrix, full_matrices=False)
    assert float(nn.functional.cosine_similarity(made.flatten(), (left @ right).flatten(), 0)) > 0.9


def test_muon_takes_hidden_matrices_only() -> None:
    model = Tied()
    assert [tuple(matrix.shape) for matrix in hidden_matrices(model)] == [(8, 8)]
    optimizer = Optimizer(model, OptimizerSpec(name="muon"))
    assert learn(model, optimizer, 60, rate=3e-3) < learn(Tied(), Optimizer(Tied(), ADAMW), 1)
    sizes = {name: len(part["state"]) for name, part in optimizer.state().items() if name != "scale"}
    assert sizes == {"muon": 1, "adamw": 2}


def test_state_of_another_model_is_refused() -> None:
    model, other = Tied(), nn.Sequential(nn.Linear(3, 4))
    optimizer = Optimizer(model, ADAMW)
    learn(model, optimizer, 1)
    strange = copy.deepcopy(optimizer.state())
    strange["adamw"]["state"][0]["exp_avg"] = torch.zeros(3)
    states: tuple[dict[str, Any], ...] = (strange, {"adamw": {}}, Optimizer(other, ADAMW).state())
    for state in states:
        with pytest.raises((ValueError, KeyError)):
            Optimizer(Tied(), ADAMW).load(state)
    with pytest.raises(ValueError, match="not of this model"):
        optimizer.load_weights(other.state_dict())
    with pytest.raises(ValueError, match="not of this model"):
        Average(model, optimizer, 0.9).load({"means": {}, "steps": 1})


def test_an_average_takes_the_running_statistics_along() -> None:
    torch.manual_seed(0)
    norm = nn.BatchNorm1d(3)
    model = nn.Sequential(nn.Linear(4, 3), norm, nn.BatchNorm1d(3, track_running_stats=False))
    optimizer = Optimizer(model, ADAMW)
    average = Average(model, optimizer, 0.999)
    seen = [norm.get_buffer("running_mean").clone()]
    for _ in range(3):
        model(torch.rand(8, 4) + 5)
        average.update()
        seen.append(norm.get_buffer("running_mean").clone())
    expected = seen[0]
    for step, mean in enumerate(seen[1:], start=1):
        expected = torch.lerp(expected, mean, 1 - (1 + step) / (10 + step))
    assert not torch.allclose(expected, seen[-1])
    assert torch.allclose(average.weights()["1.running_mean"], expected)
    with average.applied():
        assert torch.allclose(norm.get_buffer("running_mean"), expected)
    assert torch.equal(norm.get_buffer("running_mean"), seen[-1])


def test_an_average_follows_slowly_and_is_lent_to_the_model() -> None:
    model = Tied()
    optimizer = Optimizer(model, ADAMW)
    average = Average(model, optimizer, 0.999)
    seen = [optimizer.weights()["hidden.weight"].clone()]
    for step in range(3):
        learn(model, optimizer, 1, rate=0.1, begin=step)
        average.update()
        seen.append(optimizer.weights()["hidden.weight"].clone())
    expected = seen[0]
    for step, weight in enumerate(seen[1:], start=1):
        decay = (1 + step) / (10 + step)
        expected = decay * expected + (1 - decay) * weight
    assert torch.allclose(average.weights()["hidden.weight"], expected)
    assert torch.equal(average.weights()["output.weight"], average.weights()["embedding.weight"])
    assert torch.equal(average.weights()["shift"], torch.full((8,), 0.1))

    with average.applied():
        assert torch.equal(model.hidden.weight, average.weights()["hidden.weight"])
    assert torch.equal(model.hidden.weight, seen[-1])
    average.restart()
    assert torch.equal(average.weights()["hidden.weight"], seen[-1])
