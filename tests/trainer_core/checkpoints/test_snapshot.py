from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from tests.trainer_core.conftest import small_spec
from trainer_core.checkpoints.snapshot import Snapshot, record_in, snapshot, tensors
from trainer_core.files.sums import problems_with_sums
from trainer_core.spec import RunSpec
from trainer_core.training import Training

Make = Callable[[RunSpec], Training]


@pytest.fixture
def making(training: Make) -> Training:
    """It has taken a step, so that the optimizer has something to remember."""
    making = training(small_spec())
    step(making)
    return making


def step(training: Training) -> None:
    training.forward_backward(training.state.cursor, training.batching.sequences)
    training.clip()
    training.step(0.01)


def written(snapshot: Snapshot, folder: Path) -> tuple[dict[str, Tensor], list[Tensor], bytes]:
    """Weights, what the optimizer remembers, and the state, as they are in a checkpoint's files."""
    folder.mkdir()
    snapshot.write(folder)
    assert problems_with_sums(folder) == []
    optimizer = torch.load(folder / "optim.pt", weights_only=True)
    return load_file(folder / "model.safetensors"), list(tensors(optimizer)), (folder / "state.json").read_bytes()


def test_a_copy_is_written_as_it_was_whatever_training_does_meanwhile(making: Training, tmp_path: Path) -> None:
    live = snapshot(making)
    copy = live.copied()
    weights, optimizer, state = written(live, tmp_path / "before")
    step(making)
    copied = written(copy, tmp_path / "copy")
    after = written(live, tmp_path / "after")
    assert copied[2] == after[2] == state
    assert copied[0].keys() == weights.keys() and len(copied[1]) == len(optimizer) > 0
    assert all(torch.equal(copied[0][name], weights[name]) for name in weights)
    assert all(torch.equal(one, other) for one, other in zip(copied[1], optimizer, strict=True))
    assert not any(torch.equal(after[0][name], weights[name]) for name in weights)
    assert not any(torch.equal(one, other) for one, other in zip(after[1], optimizer, strict=True))


def test_weights_under_two_names_are_counted_and_copied_once(making: Training) -> None:
    taken = snapshot(making)
    assert taken.weights["lm_head.weight"].data_ptr() == taken.weights["transformer.wte.weight"].data_ptr()
    copy = taken.copied()
    assert copy.weights["lm_head.weight"] is copy.weights["transformer.wte.weight"]
    numbers = sum(parameter.numel() for parameter in making.model.parameters())
    assert copy.bytes == taken.bytes
    assert 3 * 4 * numbers <= taken.bytes < 3 * 4 * numbers * 1.01, "weights, and two moments of each, in fp32"


def test_what_was_decided_for_the_run_goes_with_it(making: Training, tmp_path: Path) -> None:
    snapshot(making, evaluated=True).write(tmp_path)
    record = record_in(tmp_path)
    assert record is not None
    assert (record.mode, record.micro_batch, record.evaluated) == (making.mode, making.batching.micro_batch, True)
    assert record.tokenizer == making.objective.chosen
    assert record.loop == making.state
    (tmp_path / "state.json").write_text("{}")
    assert record_in(tmp_path) is None


def test_the_optimizer_s_file_holds_nothing_but_tensors_and_numbers(making: Training, tmp_path: Path) -> None:
    snapshot(making).copied().write(tmp_path)
    assert isinstance(torch.load(tmp_path / "optim.pt", weights_only=True), dict)
