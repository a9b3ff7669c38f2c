"""Any exception as a `SpotterError`: what a person may read of it, with no path and no text of the corpus."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path

import torch

from trainer_core.errors import GOES_ON, Code, SpotterError
from trainer_core.files import disk
from trainer_core.models.sizes import what_fits
from trainer_core.models.specs import ModelSpec

_MOST_FRAMES = 20


@contextmanager
def explained(model: ModelSpec, micro_batch: Callable[[], int]) -> Iterator[None]:
    """Out-of-memory errors of the block become a `SpotterError` that says what would fit instead of these two, with the
    micro-batch of then.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if is_out_of_memory(error):
            raise SpotterError(classify(error).code, next_step=what_fits(model, micro_batch())) from error
        raise


def classify(error: BaseException) -> SpotterError:
    """The failure a person is told of.

    The traceback belongs in the log; of an unknown exception only the class is told.
    """
    if isinstance(error, SpotterError):
        return error
    if is_out_of_memory(error):
        return SpotterError(Code.CUDA_OOM if _is_of_gpu(error) else Code.TRAINING_OOM)
    if (refused := disk.refusal(error)) and disk.takes_nothing(refused):
        mend = "Free some space" if disk.is_full(refused) else "Make it writable"
        complaint = f"{disk.complaint(refused).capitalize()}."
        return SpotterError(Code.DISK_FULL, complaint, next_step=f"{mend}, then {GOES_ON}.")
    return SpotterError(Code.WORKER_CRASHED, f"Training stopped on an unexpected {type(error).__name__}.")


def origin(error: BaseException) -> str:
    """Where `error` came from, a frame a line, and its class: no values, no paths, nothing of its message.

    Frames of one package of others in a row are one line; of very many, the last ones are told.
    """
    frames = traceback.extract_tb(error.__traceback__)
    lines: list[str] = []
    for package, some in groupby(frames, lambda frame: _foreign_package(frame.filename)):
        told = [f"{Path(frame.filename).name}:{frame.lineno} in {frame.name}" for frame in some]
        lines += [f"{package}: {told[-1]}" + (f" ({len(told)} frames)" if len(told) > 1 else "")] if package else told
    return "\n".join([*lines[-_MOST_FRAMES:], type(error).__name__])


def _foreign_package(filename: str) -> str:
    """The installed package that a file belongs to; empty for this program's own and for Python's."""
    parts = Path(filename).parts
    return parts[parts.index("site-packages") + 1] if "site-packages" in parts[:-1] else ""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a device or this machine had no memory left."""
    if isinstance(error, MemoryError) or _is_of_gpu(error):
        return True
    # torch has no class of its own for these allocators.
    return isinstance(error, RuntimeError) and any(
        words in str(error) for words in ("DefaultCPUAllocator", "MPS backend out of memory")
    )


def _is_of_gpu(error: BaseException) -> bool:
    """Whether it was a CUDA device, or one of its libraries, that had no memory."""
    return isinstance(error, torch.OutOfMemoryError) or (
        isinstance(error, RuntimeError)
        and any(words in str(error) for words in ("CUDA error: out of memory", "STATUS_ALLOC_FAILED"))
    )
