"""What a model asks of a machine, counted against what paper and pencil say."""

from __future__ import annotations

import threading

import pytest
import torch
from torch import Tensor, nn

from trainer_core.models.causal import build_gpt2
from trainer_core.models.data import TextData
from trainer_core.models.sizes import shape_of
from trainer_core.models.specs import GPT2Spec
from trainer_core.telemetry.peak import flops, matmul_peak

TOKENS = {"input_ids": torch.zeros(1, 32, dtype=torch.long)}


class Reading(nn.Module):
    """Tokens to answers through an LSTM."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(50, 64)
        self.lstm = nn.LSTM(64, 128, 2, batch_first=True)
        self.head = nn.Linear(128, 50)

    def forward(self, input_ids: Tensor) -> Tensor:
        answers: Tensor = self.head(self.lstm(self.embedding(input_ids))[0])
        return answers


class Looking(nn.Module):
    """A picture to what is in it."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 8, 3, padding=1)
        self.norm = nn.BatchNorm2d(8)

    def forward(self, pixel_values: Tensor) -> Tensor:
        answers: Tensor = self.norm(self.convolution(pixel_values))
        return answers.mean((2, 3))


class Deciding(Reading):
    """Its course depends on what it reads."""

    def forward(self, input_ids: Tensor) -> Tensor:
        return super().forward(input_ids if input_ids.sum() > 0 else input_ids[:, :1])


class Turning(nn.Module):
    """It keeps what it reads by as plain attributes, on the device of what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(50, 16)
        self.head = nn.Linear(16, 50)
        self.angles = torch.linspace(0, 1, 64)[:, None]
        self.mask: Tensor | None = None

    def forward(self, input_ids: Tensor) -> Tensor:
        read: Tensor = self.embedding(input_ids)
        self.angles = self.angles.to(read.device)
        if self.mask is None:
            self.mask = torch.ones(64, 64, device=read.device).tril()
        time = input_ids.shape[1]
        answers: Tensor = self.head(self.mask[:time, :time] @ (read * self.angles[:time]))
        return answers


def test_a_transformer_takes_six_for_each_weight_and_its_attention() -> None:
    model = build_gpt2(GPT2Spec(size="tiny"), TextData(300, 128, 0))
    shape, time = shape_of("tiny"), 32
    weights = 12 * shape.layers * shape.width**2 + 300 * shape.width
    attention = 12 * shape.layers * shape.width * time
    assert flops(model, TOKENS) == (6 * weights + attention) * time


def test_recurrent_and_convolutional_networks_are_counted_too() -> None:
    gates = 4 * 128 * (64 + 128) + 4 * 128 * (128 + 128)
    assert flops(Reading(), TOKENS) == 6 * 32 * (gates + 128 * 50)
    assert flops(Looking(), {"pixel_values": torch.zeros(1, 3, 16, 16)}) == 6 * 16 * 16 * (3 * 8 * 9)


def test_weights_that_do_not_learn_have_no_gradients_to_compute() -> None:
    model = nn.Linear(16, 16, bias=False)
    everything = flops(model, {"input": torch.zeros(4, 16)})
    assert everything == 6 * 4 * 16 * 16
    assert flops(model.requires_grad_(False), {"input": torch.zeros(4, 16)}) == everything * 2 / 3


def test_what_cannot_be_counted_without_data_is_not_known() -> None:
    assert flops(Deciding(), TOKENS) is None
    assert flops(nn.Embedding(50, 64), {"input": TOKENS["input_ids"]}) is None


def test_counting_changes_nothing_of_the_model() -> None:
    model = Looking()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    state = torch.random.get_rng_state()
    flops(model, {"pixel_values": torch.zeros(1, 3, 16, 16)})
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert torch.equal(torch.random.get_rng_state(), state)


def test_a_model_that_moves_its_own_tensors_goes_on_as_before() -> None:
    model, untouched = Turning(), Turning()
    untouched.load_state_dict(model.state_dict())
    assert flops(model, TOKENS) == 6 * 32 * (16 * 50 + 32 * 16)
    assert vars(model)["mask"] is None
    assert torch.equal(model(**TOKENS), untouched(**TOKENS))
    assert flops(model, TOKENS) == 6 * 32 * (16 * 50 + 32 * 16), "with the mask it has made by now"
    assert not vars(model)["mask"].is_meta


def test_of_what_there_cannot_be_two_nothing_is_known() -> None:
    model = Reading()
    model.lock = threading.Lock()  # type: ignore[assignment]  # modules may hold anything
    assert flops(model, TOKENS) is None


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_products_of_matrices_have_a_rate(precision: str) -> None:
    assert matmul_peak("cpu", "fp32" if precision == "fp32" else "bf16", seconds=0) > 1e6
