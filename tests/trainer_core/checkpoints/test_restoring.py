from __future__ import annotations

import json
import os
import pickle
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
import torch
from torch import nn

from tests.trainer_core.conftest import small_spec, weights
from trainer_core.checkpoints.checkpoint import Checkpoints
from trainer_core.checkpoints.restoring import restore
from trainer_core.checkpoints.snapshot import snapshot
from trainer_core.errors import Code, SpotterError
from trainer_core.models.origin import Origin
from trainer_core.spec import CheckpointSpec, RunSpec
from trainer_core.training import Training

Make = Callable[[RunSpec], Training]


@pytest.fixture
def making(training: Make) -> Training:
    return training(small_spec())


def stepped(training: Training, cursors: Iterable[int]) -> Training:
    for cursor in cursors:
        training.forward_backward(cursor, training.batching.sequences)
        training.clip()
        training.step(0.01)
    return training


@pytest.fixture
def saved(making: Training, tmp_path: Path) -> Path:
    """Its checkpoint after one step."""
    Checkpoints(tmp_path, CheckpointSpec()).save(snapshot(stepped(making, [0])))
    return tmp_path / "step-00000000"


def refused(training: Training, checkpoint: Path) -> SpotterError:
    with pytest.raises(SpotterError) as caught:
        restore(training, checkpoint)
    assert "step-00000000" in caught.value.next_step
    return caught.value


@pytest.mark.parametrize("optimizer", [{}, {"average": 0.9}, {"name": "muon"}], ids=str)
def test_a_checkpoint_brings_everything_back(optimizer: dict[str, object], training: Make, tmp_path: Path) -> None:
    making, restored = (training(small_spec(optimizer=optimizer)) for _ in range(2))
    Checkpoints(tmp_path, CheckpointSpec()).save(snapshot(stepped(making, [0, 2])))
    restore(stepped(restored, [7]), tmp_path / "step-00000000")
    assert restored.state == making.state
    for each in (making, restored):
        stepped(each, [4, 6])
    assert all(torch.equal(value, weights(restored)[name]) for name, value in weights(making).items())
    assert all(torch.equal(value, restored.learnt()[name]) for name, value in making.learnt().items())


def test_a_checkpoint_that_was_written_wrong_is_refused(making: Training, saved: Path) -> None:
    for name in ("model.safetensors", "optim.pt", "state.json"):
        whole = (saved / name).read_bytes()
        for content in (b"", b"{}", b"\x80\x02]q\x00.", b"\xff" * 64, whole[: len(whole) // 2]):
            (saved / name).write_bytes(content)
            error = refused(making, saved)
            assert error.code is Code.CHECKPOINT_CORRUPT
            assert error.message.endswith(f"cannot be restored: its {name} is not of this model.")
        (saved / name).unlink()
        assert refused(making, saved).code is Code.CHECKPOINT_CORRUPT
        (saved / name).write_bytes(whole)
    restore(making, saved)


class Malicious:
    def __init__(self, target: Path) -> None:
        self._target = target

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self._target),)


def test_code_in_the_optimizer_s_file_is_not_run(making: Training, saved: Path, tmp_path: Path) -> None:
    traces = tmp_path / "it ran", tmp_path / "it ran, too"
    torch.save({"state": Malicious(traces[0])}, saved / "optim.pt")
    assert refused(making, saved).code is Code.CHECKPOINT_CORRUPT
    (saved / "optim.pt").write_bytes(pickle.dumps(Malicious(traces[1]), protocol=2))
    assert refused(making, saved).code is Code.CHECKPOINT_CORRUPT
    assert not any(trace.exists() for trace in traces)


def test_an_optimizer_of_another_model_is_refused(making: Training, saved: Path, training: Make) -> None:
    """It has as many tensors, of other shapes; and one with fewer."""
    state = torch.load(saved / "optim.pt", weights_only=True)
    torch.save({}, saved / "optim.pt")
    assert refused(making, saved).code is Code.CHECKPOINT_CORRUPT
    other = training(small_spec(tokenizer={"vocabulary": 320}))
    torch.save(snapshot(stepped(other, [0])).moments, saved / "optim.pt")
    assert refused(making, saved).code is Code.CHECKPOINT_CORRUPT
    torch.save(state, saved / "optim.pt")
    restore(making, saved)


def test_weights_of_another_model_are_told_from_spoilt_ones(saved: Path, training: Make) -> None:
    before = weights(vocabulary := training(small_spec(tokenizer={"vocabulary": 320})))
    error = refused(vocabulary, saved)
    assert error.code is Code.MODEL_INCOMPATIBLE
    assert error.message == (
        "The checkpoint of step 0 is of another model: it tells 300 answers apart (tokens, or classes), "
        "and this run's model 320."
    )
    assert all(torch.equal(value, weights(vocabulary)[name]) for name, value in before.items()), "nothing was changed"
    deeper = refused(training(small_spec(model={"size": "mini"})), saved)
    assert deeper.code is Code.MODEL_INCOMPATIBLE
    assert deeper.message.endswith(" has the shape 384 there, and 768 in this run's model.")
    llama = refused(training(small_spec(model={"family": "llama"})), saved)
    assert llama.code is Code.MODEL_INCOMPATIBLE
    assert "it has transformer." in llama.message and llama.message.endswith(" which this run's model has not.")


@pytest.mark.parametrize(
    ("began", "now", "told"),
    [
        (Origin(base="a"), Origin(base="b"), "base in the run's folder, the model that it began with, is not"),
        (Origin(module="a"), Origin(module="b"), "module.py in the run's folder, its own module, is not"),
    ],
)
def test_a_checkpoint_of_a_model_that_was_made_from_other_files_is_refused(
    training: Make, tmp_path: Path, began: Origin, now: Origin, told: str
) -> None:
    making, restored = training(small_spec()), training(small_spec())
    making.origin = began
    Checkpoints(tmp_path, CheckpointSpec()).save(snapshot(making))
    saved, restored.origin = tmp_path / "step-00000000", now
    with pytest.raises(SpotterError) as caught:
        restore(restored, saved)
    assert caught.value.code is Code.MODEL_INCOMPATIBLE
    assert told in caught.value.message and told.split(maxsplit=1)[0] in caught.value.next_step
    restored.origin = began
    restore(restored, saved)


def test_a_checkpoint_that_was_written_before_there_were_origins_is_gone_on_from(making: Training, saved: Path) -> None:
    state = json.loads((saved / "state.json").read_bytes())
    del state["origin"]
    (saved / "state.json").write_text(json.dumps(state))
    making.origin = Origin(module="a")
    restore(making, saved)


def test_a_checkpoint_of_another_version_is_named_so(making: Training, saved: Path) -> None:
    state = json.loads((saved / "state.json").read_bytes())
    (saved / "state.json").write_text(json.dumps({**state, "version": 1, "cpu_random": "00"}))
    error = refused(making, saved)
    assert error.code is Code.CHECKPOINT_CORRUPT
    assert error.message == "The checkpoint of step 0 was written by another version of Spotter."


@pytest.mark.parametrize(
    "error",
    [torch.OutOfMemoryError("no memory"), RuntimeError("DefaultCPUAllocator: no memory"), MemoryError()],
    ids=lambda error: type(error).__name__,
)
def test_a_checkpoint_for_which_there_is_no_memory_is_not_corrupt(
    making: Training, saved: Path, error: Exception
) -> None:
    def run_out(module: nn.Module, *_: object) -> None:
        raise error

    making.model.register_state_dict_pre_hook(run_out)  # type: ignore[no-untyped-call]  # unannotated in torch
    with pytest.raises(type(error)):
        restore(making, saved)
