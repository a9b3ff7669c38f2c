"""A run whose steps are shared by several processes, as `run` asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from torch import distributed

from trainer_core.distributed.group import ALONE
from trainer_core.distributed.meeting import PATIENCE, meet
from trainer_core.distributed.ranks import Ranks
from trainer_core.distributed.shared import Shared
from trainer_core.distributed.words import Begin
from trainer_core.models.build import Places
from trainer_core.training import Training


@contextmanager
def joined(training: Training, places: Places, attempt: int, checkpoint: Path | None) -> Iterator[None]:
    """As many processes as the spec asks for share each step of `training` in the block.

    This one is rank 0. The others make the same parts ready from the caches that are there by now, and take over the
    weights and the optimizer from here. Raises SpotterError when one of them cannot, and in the block when one is gone.
    """
    size = training.spec.compute.workers
    if size == 1:
        yield
        return
    meeting = places.run.attempt(attempt).path / "meeting"
    begins = [
        Begin(
            rank=rank,
            size=size,
            meeting=meeting,
            run=places.run.path,
            attempt=attempt,
            spec=training.spec,
            approved=places.approved,
            checkpoint=checkpoint,
            threads=training.device.threads,
            mode=training.mode,
        )
        for rank in range(1, size)
    ]
    ranks = Ranks(begins)
    try:
        ranks.wait_until_ready(PATIENCE.total_seconds())
        group = meet(meeting, 0, size, training.device.kind)
        training.group = Shared(group, ranks)
        training.synchronize()
        yield
    finally:
        training.group = ALONE
        if distributed.is_initialized():
            distributed.destroy_process_group()
        ranks.close()
        meeting.unlink(missing_ok=True)
