"""Any exception as a `SpotterError`: what a person may read of it, with no path and no text of the corpus."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from trainer_core.errors import Code, SpotterError
from trainer_core.models.sizes import what_fits
from trainer_core.spec import Size


@contextmanager
def explained(size: Size, micro_batch: int) -> Iterator[None]:
    """Out-of-memory errors of the block become a `SpotterError` that says what would fit instead of these two."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if is_out_of_memory(error):
            raise SpotterError(classify(error).code, next_step=what_fits(size, micro_batch)) from error
        raise


def classify(error: BaseException) -> SpotterError:
    """The failure a person is told of.

    The traceback belongs in the log; of an unknown exception only the class is told.
    """
    if isinstance(error, SpotterError):
        return error
    if is_out_of_memory(error):
        return SpotterError(Code.CUDA_OOM if isinstance(error, torch.OutOfMemoryError) else Code.TRAINING_OOM)
    if _is_full_disk(error):
        return SpotterError(Code.DISK_FULL)
    return SpotterError(Code.WORKER_CRASHED, f"Training stopped on an unexpected {type(error).__name__}.")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a device or this machine had no memory left."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    # torch has no class of its own for the CPU's allocator.
    return isinstance(error, RuntimeError) and "DefaultCPUAllocator" in str(error)


def _is_full_disk(error: BaseException) -> bool:
    """safetensors and torch tell it in words only."""
    return (
        isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    ) or "No space left on device" in str(error)
