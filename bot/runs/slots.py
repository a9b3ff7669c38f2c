"""What runs can be given to run on: shares of the processor, and graphics cards. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from trainer_core.spec import DeviceChoice


class SlotKind(StrEnum):
    CPU = "cpu"
    GPU = "gpu"


@dataclass(frozen=True, slots=True)
class Slot:
    """Room for one attempt."""

    id: str
    """`cpu-0`, or a graphics card's UUID, which stays the same when others come and go."""
    kind: SlotKind
    threads: int
    """Processor threads an attempt here may keep busy."""


def share(count: int, threads: int, gpus: Iterable[str]) -> tuple[Slot, ...]:
    """`count` CPU slots that share `threads` between them, and one for each GPU's UUID.

    An attempt on a GPU needs little of the processor: it gets as much as a CPU slot and waits with it most of the time.
    """
    each = max(threads // count, 1)
    cpus = tuple(Slot(f"cpu-{number}", SlotKind.CPU, each) for number in range(count))
    return cpus + tuple(Slot(uuid, SlotKind.GPU, each) for uuid in gpus)


def fits(slot: Slot, device: DeviceChoice, there_are: Iterable[Slot]) -> bool:
    """Whether a run that asks for `device` may take `slot`: `auto` takes a GPU where there is one."""
    match device:
        case "cuda":
            return slot.kind is SlotKind.GPU
        case "cpu" | "mps":
            return slot.kind is SlotKind.CPU
        case "auto":
            gpus = any(each.kind is SlotKind.GPU for each in there_are)
            return slot.kind is (SlotKind.GPU if gpus else SlotKind.CPU)


def choose(device: DeviceChoice, free: Sequence[Slot], there_are: Sequence[Slot]) -> Slot | None:
    """The first free slot that fits; None if none does."""
    return next((slot for slot in free if fits(slot, device, there_are)), None)
