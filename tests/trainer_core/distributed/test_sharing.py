"""What each process gets of the machine and of a step, and who is refused."""

from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from trainer_core.compute.device import Device, Kind
from trainer_core.distributed.sharing import cut, divided
from trainer_core.errors import Code, SpotterError
from trainer_core.plan import Batching


def device(kind: Kind, threads: int) -> Device:
    return Device(kind, "a device", threads, ("fp32",), "")


@settings(max_examples=30)
@given(sequences=st.integers(1, 200), micro_batch=st.integers(1, 200), workers=st.integers(1, 64))
def test_every_process_has_a_forward_pass_in_each_step(sequences: int, micro_batch: int, workers: int) -> None:
    assume(micro_batch <= sequences and workers <= sequences)
    batching = cut(Batching(8, sequences, micro_batch, "measured"), workers)
    assert batching.sequences == sequences
    assert batching.micro_batch <= micro_batch
    assert batching.accumulation >= workers
    assert cut(batching, workers) == batching


@pytest.mark.parametrize(
    ("sequences", "length", "sentence"),
    [
        (3, 128, "a step of 3 sequences of 128 tokens has too few for 4 processes"),
        (1, 128, "a step of 1 sequence of 128 tokens has too few for 4 processes"),
        (3, 1, "a step of 3 pictures has too few for 4 processes"),
    ],
)
def test_a_step_with_fewer_sequences_than_processes_is_refused(sequences: int, length: int, sentence: str) -> None:
    with pytest.raises(SpotterError) as refused:
        cut(Batching(length, sequences, 1, ""), 4)
    assert (refused.value.code, refused.value.field) == (Code.CONFIG_INVALID, "compute.workers")
    assert refused.value.message == sentence
    assert f"{4 * length:,} or more" in refused.value.next_step


def test_processes_share_the_cores() -> None:
    assert divided(device("cpu", 4), 0, 1) == device("cpu", 4)
    assert [divided(device("cpu", 8), 0, workers).threads for workers in (2, 3, 8)] == [4, 2, 1]
    assert divided(device("cpu", 8), 0, 2).name == "a device, 2 processes"


def test_each_process_has_a_gpu_of_its_own() -> None:
    assert divided(device("cuda", 2), 4, 4).threads == 1


@pytest.mark.parametrize(
    ("kind", "gpus", "sentence", "remedy"),
    [
        ("cpu", 0, "4 processes cannot share the 2 cores that the run has", "Set compute.workers to 2 or less."),
        ("cuda", 1, "4 processes cannot share the 1 GPU that the run has", "Set compute.workers to 1."),
        ("mps", 0, "an Apple GPU cannot be shared by 4 processes", "Set compute.workers to 1, or the device to cpu."),
    ],
)
def test_more_processes_than_places_are_refused(kind: Kind, gpus: int, sentence: str, remedy: str) -> None:
    with pytest.raises(SpotterError) as refused:
        divided(device(kind, 2), gpus, 4)
    assert (refused.value.code, refused.value.field) == (Code.CONFIG_INVALID, "compute.workers")
    assert (refused.value.message, refused.value.next_step) == (sentence, remedy)
