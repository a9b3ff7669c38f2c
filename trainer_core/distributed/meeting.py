"""Where the processes of a group find each other: on this machine only, through a file."""

from __future__ import annotations

import os
import sys
from datetime import timedelta
from pathlib import Path

from torch import distributed

from trainer_core.compute.device import Kind

PATIENCE = timedelta(minutes=5)


def meet(file: Path, rank: int, size: int, kind: Kind) -> distributed.ProcessGroup:
    """This process' place among `size`, once all of them have come to `file`.

    What is on the CPU goes through gloo, what is on GPUs through NCCL. Whoever is later than the others by more than
    `PATIENCE`, now or at anything they do together, makes them raise.
    """
    loopback = "lo0" if sys.platform == "darwin" else "lo"
    os.environ |= {"GLOO_SOCKET_IFNAME": loopback, "NCCL_SOCKET_IFNAME": loopback}
    distributed.init_process_group(
        "cpu:gloo,cuda:nccl" if kind == "cuda" else "gloo",
        store=distributed.FileStore(str(file), size),  # type: ignore[attr-defined]  # its stub forgets it
        rank=rank,
        world_size=size,
        timeout=PATIENCE,
    )
    group = distributed.group.WORLD
    assert group is not None, "it was just made"
    return group
