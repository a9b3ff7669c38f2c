"""Where to train and in which precision, with the reason. `python -m trainer_core.device` prints it as JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Literal

import torch

from trainer_core.errors import Code, SpotterError
from trainer_core.mode import Precision
from trainer_core.spec import DeviceChoice

Kind = Literal["cpu", "cuda", "mps"]


@dataclass(frozen=True, slots=True)
class Device:
    """A device and how it is used."""

    kind: Kind
    name: str
    """For a person: `CPU (2 threads)`, `NVIDIA H100`."""
    threads: int
    precision: Precision
    reason: str
    """Why this precision."""


def choose(wanted: DeviceChoice) -> Device:
    """The device for `wanted`. Raises CUDA_NOT_AVAILABLE or CONFIG_INVALID if it is not there."""
    kind = pick(wanted, cuda=torch.cuda.is_available(), mps=torch.backends.mps.is_available())
    threads = _threads()
    if kind == "cuda":
        precision, reason = cuda_precision(*torch.cuda.get_device_capability())
        return Device(kind, torch.cuda.get_device_name(), threads, precision, reason)
    if kind == "mps":
        return Device(kind, "Apple GPU", threads, "fp32", "Apple GPUs train in fp32")
    precision, reason = cpu_precision(torch.cpu.get_capabilities())
    return Device(kind, f"CPU ({threads} thread{'s' if threads > 1 else ''})", threads, precision, reason)


def pick(wanted: DeviceChoice, *, cuda: bool, mps: bool) -> Kind:
    """The kind of device for `wanted`, where `cuda` and `mps` say what there is. Raises as `choose` does."""
    if wanted == "auto":
        return "cuda" if cuda else "mps" if mps else "cpu"
    if wanted == "cuda" and not cuda:
        raise SpotterError(Code.CUDA_NOT_AVAILABLE, field="device")
    if wanted == "mps" and not mps:
        raise SpotterError(Code.CONFIG_INVALID, "this machine has no Apple GPU; use `auto` or `cpu`", field="device")
    return wanted


def cuda_precision(major: int, minor: int) -> tuple[Precision, str]:
    """The precision for a GPU of this compute capability, and why."""
    if major >= 8:
        return "bf16-autocast", f"compute capability {major}.{minor} multiplies in bf16"
    return "fp32", f"compute capability {major}.{minor} has no bf16"


def cpu_precision(capabilities: Mapping[str, object]) -> tuple[Precision, str]:
    """The precision for a CPU with these `capabilities`, and why."""
    if capabilities.get("amx_bf16"):
        return "bf16-autocast", "the CPU multiplies in bf16 (AMX)"
    return "fp32", "the CPU has no AMX; without it bf16 is slower than fp32"


def prepare(device: Device) -> None:
    """Set up this process for `device`."""
    torch.set_num_threads(device.threads)
    if device.kind == "cuda":
        torch.set_float32_matmul_precision("high")  # TF32 for what is left in fp32


def gpus() -> int:
    """How many CUDA devices this process may use."""
    return torch.cuda.device_count()


def _threads() -> int:
    """Threads for the arithmetic: one a core, of the cores this process may use."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(torch.get_num_threads(), allowed))


if __name__ == "__main__":
    print(json.dumps({"torch": torch.__version__, **asdict(choose("auto"))}))
