from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from safetensors.torch import load_file

from tests.trainer_core.conftest import small_spec, weights
from tests.trainer_core.export.conftest import manifest_of
from trainer_core.checkpoints.checkpoint import Checkpoints
from trainer_core.data.card import DatasetCard
from trainer_core.errors import Code, SpotterError
from trainer_core.export.finishing import finish, outcome
from trainer_core.export.model_folder import verify
from trainer_core.files.layout import Home, RunDirectory
from trainer_core.files.sums import read_sums
from trainer_core.manifest import Manifest
from trainer_core.spec import RunSpec
from trainer_core.steering import Steer
from trainer_core.training import Training

Make = Callable[[RunSpec], Training]


@pytest.fixture
def directory(home: Home) -> RunDirectory:
    directory = home.run("brisk-otter-42")
    directory.path.mkdir(parents=True)
    return directory


def about(training: Training, card: DatasetCard, directory: RunDirectory) -> Manifest:
    return manifest_of(
        training.spec, card, outcome(training, Checkpoints(directory.checkpoints, training.spec.checkpoint))
    )


def test_the_averaged_weights_are_exported_and_the_manifest_says_so(
    training: Make, directory: RunDirectory, card: DatasetCard
) -> None:
    making = training(small_spec(optimizer={"average": 0.9}))
    for cursor in (0, 2, 4):
        making.forward_backward(cursor, making.batching.sequences)
        making.step(0.01)
    making.state = making.state.steered(Steer(step=0, verb="rate", value=0.01))
    finish(making, directory, about(making, card, directory), lambda: None)
    exported, averages = load_file(directory.export / "model.safetensors"), making.learnt()
    assert all(torch.equal(weight, averages[name]) for name, weight in exported.items())
    assert not any(torch.equal(weight, weights(making)[name]) for name, weight in exported.items())
    assert verify(directory.export) == []
    manifest = Manifest.model_validate_json(directory.manifest.read_bytes())
    assert (manifest.mode, manifest.averaged, manifest.wiring) == (making.mode, True, None)
    assert manifest.sums == read_sums(directory.export)
    assert manifest.steering == making.state.steering
    assert "a moving average" in directory.card.read_text()


def test_an_attempt_that_was_replaced_finishes_nothing(
    training: Make, directory: RunDirectory, card: DatasetCard
) -> None:
    def fence() -> None:
        raise SpotterError(Code.WORKER_LOST)

    making = training(small_spec())
    with pytest.raises(SpotterError):
        finish(making, directory, about(making, card, directory), fence)
    assert list(directory.path.iterdir()) == []
