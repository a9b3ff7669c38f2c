"""Where to train and in which precision, with the reason. `python -m trainer_core.compute.device` prints it as JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Literal

import torch

from trainer_core.compute.mode import Precision
from trainer_core.errors import Code, SpotterError
from trainer_core.spec import DeviceChoice

Kind = Literal["cpu", "cuda", "mps"]


@dataclass(frozen=True, slots=True)
class Device:
    """A device and how it is used."""

    kind: Kind
    name: str
    """For a person: `CPU (2 threads)`, `NVIDIA H100`."""
    threads: int
    precisions: tuple[Precision, ...]
    """Those worth trying; the first is known to be good."""
    reason: str
    """Why they are."""

    @property
    def precision(self) -> Precision:
        """What to compute in without measuring."""
        return self.precisions[0]


def choose(wanted: DeviceChoice) -> Device:
    """The device for `wanted`. Raises CUDA_NOT_AVAILABLE or CONFIG_INVALID if it is not there."""
    kind = pick(wanted, cuda=torch.cuda.is_available(), mps=torch.backends.mps.is_available())
    threads = _threads()
    if kind == "cuda":
        precisions, reason = cuda_precisions(*torch.cuda.get_device_capability())
        return Device(kind, torch.cuda.get_device_name(), threads, precisions, reason)
    if kind == "mps":
        return Device(kind, "Apple GPU", threads, ("fp32",), "Apple GPUs train in fp32")
    precisions, reason = cpu_precisions(torch.cpu.get_capabilities())
    return Device(kind, f"CPU ({threads} thread{'s' if threads > 1 else ''})", threads, precisions, reason)


def pick(wanted: DeviceChoice, *, cuda: bool, mps: bool) -> Kind:
    """The kind of device for `wanted`, where `cuda` and `mps` say what there is. Raises as `choose` does."""
    if wanted == "auto":
        return "cuda" if cuda else "mps" if mps else "cpu"
    if wanted == "cuda" and not cuda:
        raise SpotterError(Code.CUDA_NOT_AVAILABLE, field="device")
    if wanted == "mps" and not mps:
        raise SpotterError(Code.CONFIG_INVALID, "this machine has no Apple GPU; use `auto` or `cpu`", field="device")
    return wanted


def cuda_precisions(major: int, minor: int) -> tuple[tuple[Precision, ...], str]:
    """Precisions for a GPU of this compute capability, and why."""
    capability = f"compute capability {major}.{minor}"
    if major >= 8:
        return ("bf16-autocast", "bf16", "fp32"), f"{capability} multiplies in bf16"
    if major == 7:
        return ("fp16", "fp32"), f"{capability} has no bf16, and multiplies in fp16"
    return ("fp32",), f"{capability} is no quicker in fewer bits"


def cpu_precisions(capabilities: Mapping[str, object]) -> tuple[tuple[Precision, ...], str]:
    """Precisions for a CPU with these `capabilities`, and why."""
    if capabilities.get("amx_bf16"):
        return ("bf16-autocast", "bf16", "fp32"), "the CPU multiplies in bf16 (AMX)"
    if capabilities.get("avx512_bf16"):
        return ("fp32", "bf16-autocast", "bf16"), "the CPU has some bf16 (AVX-512), and is not always quicker with it"
    return ("fp32",), "the CPU has no bf16 units; without them bf16 is slower than fp32"


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
    device = choose("auto")
    print(json.dumps({"torch": torch.__version__, **asdict(device), "precision": device.precision}))
