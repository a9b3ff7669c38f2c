"""Any exception as a `SpotterError`: what a person may read of it, with no path and no text of the corpus."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from trainer_core.errors import Code, SpotterError


@contextmanager
def explained(micro_batch: int) -> Iterator[None]:
    """Out-of-memory errors of the block become a `SpotterError` that says which micro-batch would fit."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        raise classify(error, micro_batch) from error


def classify(error: BaseException, micro_batch: int | None = None) -> SpotterError:
    """The failure a person is told of. `micro_batch` is the one in use, if it is known.

    The traceback belongs in the log; of an unknown exception only the class is told.
    """
    if isinstance(error, SpotterError):
        return error
    if isinstance(error, torch.OutOfMemoryError):
        return SpotterError(Code.CUDA_OOM, next_step=_smaller(micro_batch))
    if isinstance(error, MemoryError) or _is_cpu_allocation(error):
        return SpotterError(Code.TRAINING_OOM, next_step=_smaller(micro_batch))
    if _is_full_disk(error):
        return SpotterError(Code.DISK_FULL)
    return SpotterError(Code.WORKER_CRASHED, f"Training stopped on an unexpected {type(error).__name__}.")


def _smaller(micro_batch: int | None) -> str | None:
    """What would fit, as far as halving can tell; None leaves the code's own advice."""
    if micro_batch is None or micro_batch < 2:
        return None
    return f"Train again with a micro-batch of {micro_batch // 2}, or choose a smaller size."


def _is_full_disk(error: BaseException) -> bool:
    """safetensors and torch tell it in words only."""
    return (
        isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    ) or "No space left on device" in str(error)


def _is_cpu_allocation(error: BaseException) -> bool:
    """torch has no class of its own for the CPU's allocator."""
    return isinstance(error, RuntimeError) and "DefaultCPUAllocator" in str(error)
