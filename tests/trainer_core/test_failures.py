from __future__ import annotations

import errno

import pytest
import torch

from trainer_core.errors import Code, SpotterError
from trainer_core.failures import classify, explained, origin
from trainer_core.models.specs import GPT2Spec, Size

SECRET = "/home/someone/diary.txt: my dear diary"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (torch.OutOfMemoryError(SECRET), Code.CUDA_OOM),
        (MemoryError(SECRET), Code.TRAINING_OOM),
        (RuntimeError(f"CUDA error: out of memory {SECRET}"), Code.CUDA_OOM),
        (RuntimeError(f"CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling {SECRET}"), Code.CUDA_OOM),
        (RuntimeError(f"MPS backend out of memory {SECRET}"), Code.TRAINING_OOM),
        (RuntimeError(f"[enforce fail] DefaultCPUAllocator: can't allocate memory {SECRET}"), Code.TRAINING_OOM),
        (OSError(errno.ENOSPC, "No space left on device", SECRET), Code.DISK_FULL),
        (RuntimeError(f"I/O error: No space left on device (os error 28) {SECRET}"), Code.DISK_FULL),
        (OSError(errno.EROFS, "Read-only file system", SECRET), Code.DISK_FULL),
        (OSError(errno.EACCES, "Permission denied", SECRET), Code.WORKER_CRASHED),
        (KeyError(SECRET), Code.WORKER_CRASHED),
        (KeyboardInterrupt(), Code.WORKER_CRASHED),
    ],
)
def test_each_failure_has_a_code_and_gives_nothing_away(error: BaseException, code: Code) -> None:
    failure = classify(error)
    assert failure.code is code
    assert SECRET not in failure.message + failure.next_step


def test_an_unknown_failure_names_its_class() -> None:
    assert "ZeroDivisionError" in classify(ZeroDivisionError()).message


@pytest.mark.parametrize(
    ("number", "says", "mend"),
    [
        (errno.EDQUOT, "The disk is full.", "Free some space"),
        (errno.EROFS, "The disk is read-only.", "Make it writable"),
    ],
)
def test_a_full_disk_is_told_from_a_read_only_one(number: int, says: str, mend: str) -> None:
    failure = classify(OSError(number, "No"))
    assert failure.message == says
    assert failure.next_step == f"{mend}, then `/trainer retry` goes on from the newest checkpoint."


def fail_in_torch() -> None:
    torch.nn.Linear(3, 5)(torch.zeros(2, 4))


def test_an_origin_has_our_frames_and_the_last_of_others() -> None:
    with pytest.raises(RuntimeError) as caught:
        fail_in_torch()
    here, ours, torchs, name = origin(caught.value).splitlines()
    assert here.startswith("test_failures.py:") and here.endswith(
        " in test_an_origin_has_our_frames_and_the_last_of_others"
    )
    assert ours.startswith("test_failures.py:") and ours.endswith(" in fail_in_torch")
    assert torchs.startswith("torch: linear.py:") and " in forward (" in torchs and torchs.endswith(" frames)")
    assert name == "RuntimeError"


def test_an_origin_gives_nothing_away_and_is_short() -> None:
    def deeper(depth: int) -> None:
        if depth == 0:
            raise KeyError(SECRET)
        deeper(depth - 1)

    with pytest.raises(KeyError) as caught:
        deeper(100)
    text = origin(caught.value)
    assert "diary" not in text and "/" not in text
    assert len(text.splitlines()) == 21 and text.endswith("in deeper\nKeyError")


def test_a_failure_that_has_a_code_keeps_it() -> None:
    error = SpotterError(Code.CORPUS_EMPTY)
    assert classify(error) is error


@pytest.mark.parametrize(
    ("size", "micro_batch", "advice"),
    [
        ("small", 8, "Choose the size mini; a micro-batch of about 4 would fit."),
        ("mini", 1, "Choose the size tiny."),
        ("tiny", 2, "Free some memory, or train on a machine with more; a micro-batch of about 1 would fit."),
    ],
)
@pytest.mark.parametrize(
    ("error", "code"), [(MemoryError(SECRET), Code.TRAINING_OOM), (torch.OutOfMemoryError(SECRET), Code.CUDA_OOM)]
)
def test_a_block_that_runs_out_of_memory_says_what_can_be_chosen_instead(
    error: BaseException, code: Code, size: Size, micro_batch: int, advice: str
) -> None:
    with pytest.raises(SpotterError) as caught, explained(GPT2Spec(size=size), lambda: micro_batch):
        raise error
    assert (caught.value.code, caught.value.next_step) == (code, advice)


@pytest.mark.parametrize("error", [ZeroDivisionError(), RuntimeError("shapes do not match")])
def test_a_block_that_fails_otherwise_fails_as_it_does(error: Exception) -> None:
    with pytest.raises(type(error)) as caught, explained(GPT2Spec(), lambda: 4):
        raise error
    assert caught.value is error


def test_a_tensor_that_cannot_be_had_is_out_of_memory() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60, dtype=torch.uint8)
    assert classify(caught.value).code is Code.TRAINING_OOM


def test_the_advice_is_about_the_micro_batch_of_then() -> None:
    micro_batch = 16
    with pytest.raises(SpotterError) as caught, explained(GPT2Spec(), lambda: micro_batch):
        micro_batch = 4
        raise MemoryError
    assert "a micro-batch of about 2 would fit" in caught.value.next_step
