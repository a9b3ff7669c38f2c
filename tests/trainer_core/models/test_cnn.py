from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from trainer_core.models.cnn import ImageCNN, build_cnn
from trainer_core.models.data import PictureData
from trainer_core.models.picture_sizes import picture_parameters, picture_shape
from trainer_core.models.specs import ImageCNNSpec


def made(size: str = "depth=2", classes: int = 3, channels: int = 3, side: int = 16, dropout: float = 0.0) -> ImageCNN:
    torch.manual_seed(0)
    names = tuple(map(str, range(classes)))
    return build_cnn(ImageCNNSpec(size=size, dropout=dropout), PictureData(names, channels, side))


def some(pictures: int, channels: int = 3, side: int = 16) -> Tensor:
    return torch.rand((pictures, channels, side, side), generator=torch.Generator().manual_seed(1)) * 2 - 1


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 70), st.integers(2, 40), st.sampled_from([1, 3]), st.sampled_from(["depth=1", "depth=3", "tiny"]))
def test_any_side_and_any_number_of_classes(side: int, classes: int, channels: int, size: str) -> None:
    logits = made(size, classes, channels, side)(some(2, channels, side))
    assert logits.shape == (2, classes) and bool(logits.isfinite().all())


@pytest.mark.parametrize(("size", "channels", "side"), [("tiny", 1, 28), ("mini", 3, 64), ("depth=7", 3, 128)])
def test_its_parameters_are_counted_without_making_it(size: str, channels: int, side: int) -> None:
    counted = picture_parameters(size, 10, channels, side)
    assert counted == sum(p.numel() for p in made(size, 10, channels, side).parameters())


def test_the_dial_goes_from_small_to_large() -> None:
    sizes = ["depth=1", "tiny", "mini", "small", "medium", "depth=24"]
    counts = [picture_parameters(size, 10) for size in sizes]
    rates = [picture_shape(size).recipe.learning_rate for size in sizes]
    assert counts == sorted(counts) and rates == sorted(rates, reverse=True)


def test_fresh_weights_take_every_class_for_about_as_likely_and_all_of_them_learn() -> None:
    model = made("tiny", classes=10)
    loss = torch.nn.functional.cross_entropy(model(some(8)), torch.arange(8))
    loss.backward()  # type: ignore[no-untyped-call]  # unannotated in torch
    assert loss.item() == pytest.approx(math.log(10), abs=0.1)
    assert [name for name, weight in model.named_parameters() if weight.grad is None or not weight.grad.any()] == []


def test_signals_neither_vanish_nor_explode_in_a_deep_one() -> None:
    model = made("depth=7")
    seen: list[float] = []
    for block in model.blocks:
        block.register_forward_hook(lambda _module, _inputs, output: seen.append(float(output.detach().var())))
    model(some(4))
    assert len(seen) == 7 and min(seen) > 0.005 and max(seen) < 5


def test_what_a_picture_comes_to_does_not_depend_on_those_beside_it() -> None:
    model, pictures = made(), some(6)
    together = model(pictures)
    apart = torch.cat([model(pictures[at : at + 1]) for at in range(6)])
    torch.testing.assert_close(together, apart, rtol=1e-4, atol=1e-6)


def test_dropout_is_for_training_only() -> None:
    model, pictures = made(dropout=0.5), some(2)
    assert not torch.equal(model(pictures), model(pictures))
    model.eval()
    assert torch.equal(model(pictures), model(pictures))
