"""How many processes can share a step, and what each gets of the machine and of the step. Pure; needs no torch."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from trainer_core.errors import Code, SpotterError
from trainer_core.plan import Batching

if TYPE_CHECKING:
    from trainer_core.compute.device import Device

_FIELD = "compute.workers"


def divided(device: Device, gpus: int, workers: int) -> Device:
    """What each of `workers` processes has of `device`, where there are `gpus`: one of them, or its share of the cores.

    Raises CONFIG_INVALID if there are too few for all.
    """
    if workers == 1:
        return device
    if device.kind == "mps":
        raise SpotterError(
            Code.CONFIG_INVALID,
            f"an Apple GPU cannot be shared by {workers} processes",
            field=_FIELD,
            next_step="Set compute.workers to 1, or the device to cpu.",
        )
    places, place = (gpus, "GPU") if device.kind == "cuda" else (device.threads, "core")
    if workers > places:
        raise SpotterError(
            Code.CONFIG_INVALID,
            f"{workers} processes cannot share the {places} {place}{'s' * (places > 1)} that the run has",
            field=_FIELD,
            next_step=f"Set compute.workers to {places}{' or less' * (places > 1)}.",
        )
    return replace(device, name=f"{device.name}, {workers} processes", threads=max(1, device.threads // workers))


def cut(batching: Batching, workers: int) -> Batching:
    """`batching` with a micro-batch that leaves a forward pass of each step to every process.

    Raises CONFIG_INVALID if a step has fewer sequences than that.
    """
    if workers > batching.sequences:
        plural = "s" * (batching.sequences > 1)
        example = f"picture{plural}" if batching.length == 1 else f"sequence{plural} of {batching.length:,} tokens"
        raise SpotterError(
            Code.CONFIG_INVALID,
            f"a step of {batching.sequences:,} {example} has too few for {workers} processes",
            field=_FIELD,
            next_step=f"Set batch.tokens_per_step to {workers * batching.length:,} or more, or take fewer workers.",
        )
    most = batching.sequences // workers
    if batching.micro_batch <= most:
        return batching
    return replace(batching, micro_batch=most, reason=f"a share of the step for each of {workers} processes")
