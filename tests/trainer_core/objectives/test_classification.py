from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from tests.trainer_core.data.album import PATTERNS, add_pictures, patterns
from trainer_core.compute import device as devices
from trainer_core.compute.mode import Mode
from trainer_core.compute.network import Network
from trainer_core.data.card import DatasetCard
from trainer_core.errors import Code, SpotterError
from trainer_core.evals.classes import ClassReport
from trainer_core.files.layout import Home, RunDirectory
from trainer_core.models.data import PictureData
from trainer_core.objectives.classification import Classification
from trainer_core.objectives.pictures import pictures
from trainer_core.spec import RunSpec, parse_spec

CNN: Mapping[str, object] = {"family": "image-cnn"}


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    return Home(tmp_path / "home").run("a-run")


@pytest.fixture
def card(run: RunDirectory) -> DatasetCard:
    return add_pictures(run.home)


def spec_for(card: DatasetCard, model: Mapping[str, object] = CNN, **data: object) -> RunSpec:
    named = {"dataset": card.name, "sha256": card.content, "validation_fraction": 0.25, **data}
    return parse_spec({"data": named, "model": dict(model), "budget": "2 steps"})


def network(model: nn.Module) -> Network:
    return Network(model, Mode(), devices.choose("cpu"))


class Brightness(nn.Module):
    """Takes a picture for the class `told`, the surer the lighter it is."""

    def __init__(self, told: int) -> None:
        super().__init__()
        self.told = told

    def forward(self, pixel_values: Tensor) -> Tensor:
        light = pixel_values.mean(dim=(1, 2, 3)) + 2
        return nn.functional.one_hot(torch.tensor(self.told), 3) * light[:, None]


def test_what_a_model_is_made_for(run: RunDirectory, card: DatasetCard) -> None:
    made = pictures(run, card, spec_for(card))
    assert made.data == PictureData(PATTERNS, 3, 12)
    assert (made.training, made.held_out, made.examples) == (27, 9, 27)
    assert (made.unit, made.length, made.answers) == ("pictures", 1, 3)
    assert pictures(run, card, spec_for(card, {**CNN, "side": 20})).data.side == 20


def test_an_epoch_is_every_training_picture_once_in_an_order_of_its_own(run: RunDirectory, card: DatasetCard) -> None:
    made = pictures(run, card, spec_for(card))
    epochs = [made.batch(start, 27) for start in (0, 27)]
    first, second = (batch.inputs["pixel_values"] for batch in epochs)
    assert first.shape == (27, 3, 12, 12) and first.dtype == torch.float32
    assert -1 <= float(first.min()) < -0.3 and 0.3 < float(first.max()) <= 1
    assert not torch.equal(first, second)
    for batch in epochs:
        assert batch.targets.bincount().tolist() == [9, 9, 9]
    by_level = [sorted(pixels.sum(dim=(1, 2, 3)).tolist()) for pixels in (first, second)]
    assert by_level[0] == by_level[1]


def test_how_examples_are_cut_into_batches_does_not_change_them(run: RunDirectory, card: DatasetCard) -> None:
    made = pictures(run, card, spec_for(card))
    whole, parts = made.batch(20, 16), [made.batch(20, 10), made.batch(30, 6)]
    assert torch.equal(whole.inputs["pixel_values"], torch.cat([part.inputs["pixel_values"] for part in parts]))
    assert torch.equal(whole.targets, torch.cat([part.targets for part in parts]))


def test_what_is_moved_by_chance_is_the_same_for_the_same_place_in_the_data(
    run: RunDirectory, card: DatasetCard
) -> None:
    plain, shifted, mirrored = (
        pictures(run, card, spec_for(card, {**CNN, "augment": augment})) for augment in ("none", "shift", "mirror")
    )
    made = [objective.batch(5, 12).inputs["pixel_values"] for objective in (plain, shifted, mirrored)]
    assert not torch.equal(made[0], made[1]) and not torch.equal(made[1], made[2])
    assert torch.equal(made[2][7:], mirrored.batch(12, 5).inputs["pixel_values"])
    assert mirrored.evaluate(network(Brightness(told=0)), 100, 64, 0) == plain.evaluate(
        network(Brightness(told=0)), 100, 64, 0
    ), "held-out pictures stay as they are"


def test_an_evaluation_is_numbers_and_a_report(run: RunDirectory, card: DatasetCard) -> None:
    model = Brightness(told=1)
    found = pictures(run, card, spec_for(card)).evaluate(network(model), 100, 4, 7)
    assert found.accuracy == pytest.approx(1 / 3) and found.f1 == pytest.approx((2 * 3 / 12) / 3)
    assert found.bits_per_byte is None
    assert found.report == "eval/step-00000007.json"
    report = ClassReport.model_validate_json((run.path / found.report).read_bytes())
    assert report.matrix() == ((0, 3, 0), (0, 3, 0), (0, 3, 0))
    assert (report.step, report.loss, report.classes) == (7, found.loss, PATTERNS)
    assert model.training, "it goes on to train"


def test_how_many_are_scored_at_once_changes_nothing(run: RunDirectory, card: DatasetCard) -> None:
    made = pictures(run, card, spec_for(card))
    one, all_of_them = (made.evaluate(network(Brightness(told=0)), 100, at_once, 0) for at_once in (1, 64))
    assert one.loss == pytest.approx(all_of_them.loss, rel=1e-6)
    assert made.evaluate(network(Brightness(told=0)), 4, 64, 0).loss != pytest.approx(one.loss, rel=1e-6)


def test_a_loss_that_is_no_number_is_told_without_a_report(run: RunDirectory, card: DatasetCard) -> None:
    class Broken(Brightness):
        def forward(self, pixel_values: Tensor) -> Tensor:
            return super().forward(pixel_values) * torch.nan

    found = pictures(run, card, spec_for(card)).evaluate(network(Broken(told=0)), 100, 64, 0)
    assert found.loss != found.loss and found.report == ""


def test_a_report_that_cannot_be_written_costs_the_report_only(run: RunDirectory, card: DatasetCard) -> None:
    run.path.mkdir(parents=True)
    run.evaluations.write_text("a file is in the way")
    found = pictures(run, card, spec_for(card)).evaluate(network(Brightness(told=0)), 100, 64, 0)
    assert found.accuracy == pytest.approx(1 / 3) and found.report == ""


def test_a_class_with_one_picture_is_trained_on_and_never_held_out(run: RunDirectory) -> None:
    card = add_pictures(run.home, patterns({"bars": 12, "checks": 12, "rows": 1}))
    made: Classification = pictures(run, card, spec_for(card))
    assert 2 in made.batch(0, made.examples).targets
    found = made.evaluate(network(Brightness(told=2)), 100, 64, 0)
    (_, _, rows) = ClassReport.model_validate_json((run.path / found.report).read_bytes()).scores()
    assert rows.pictures == 0 and found.f1 == 0.0


def test_no_two_different_pictures_of_a_class_can_be_held_out(run: RunDirectory) -> None:
    card = add_pictures(run.home, patterns({"bars": 1, "rows": 1}))
    with pytest.raises(SpotterError) as caught:
        pictures(run, card, spec_for(card))
    assert caught.value.code is Code.CORPUS_EMPTY and "two different pictures" in str(caught.value)


def test_a_language_model_and_changed_pictures_are_refused(run: RunDirectory, card: DatasetCard) -> None:
    with pytest.raises(SpotterError, match="gpt2 learns from text") as caught:
        pictures(run, card, spec_for(card, {"family": "gpt2"}))
    assert (caught.value.code, caught.value.field) == (Code.MODEL_INCOMPATIBLE, "model.family")
    with pytest.raises(SpotterError, match="start the run again") as caught:
        pictures(run, card, spec_for(card, sha256="0" * 64))
    assert caught.value.code is Code.CORPUS_UNREADABLE


def test_the_report_holds_no_path(run: RunDirectory, card: DatasetCard) -> None:
    found = pictures(run, card, spec_for(card)).evaluate(network(Brightness(told=0)), 100, 64, 0)
    assert str(run.home.path) not in json.dumps(json.loads((run.path / found.report).read_text()))
