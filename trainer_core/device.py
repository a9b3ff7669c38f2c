"""Where to train and in which precision, with the reason. `python -m trainer_core.device` prints it as JSON."""

from __future__ import annotations

import json
import os
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from typing import Literal

import torch

from trainer_core.errors import Code, SpotterError

Kind = Literal["cpu", "cuda", "mps"]
Precision = Literal["fp32", "bf16"]


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

    def autocast(self) -> AbstractContextManager[None]:
        """The context of a forward pass."""
        return torch.autocast(self.kind, dtype=torch.bfloat16, enabled=self.precision == "bf16")


def choose(wanted: Literal["auto", "cpu", "cuda", "mps"]) -> Device:
    """The device for `wanted`. Raises CUDA_NOT_AVAILABLE or CONFIG_INVALID if it is not there."""
    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    if wanted == "cuda" and not cuda:
        raise SpotterError(Code.CUDA_NOT_AVAILABLE, field="device")
    if wanted == "mps" and not mps:
        raise SpotterError(Code.CONFIG_INVALID, "this machine has no Apple GPU; use `auto` or `cpu`", field="device")
    if wanted == "cuda" or (wanted == "auto" and cuda):
        return _cuda()
    if wanted == "mps" or (wanted == "auto" and mps):
        return Device("mps", "Apple GPU", _threads(), "fp32", "Apple GPUs train in fp32")
    return _cpu()


def prepare(device: Device) -> None:
    """Set up this process for `device`."""
    torch.set_num_threads(device.threads)
    if device.kind == "cuda":
        torch.set_float32_matmul_precision("high")  # TF32 for what is left in fp32


def _cuda() -> Device:
    name = torch.cuda.get_device_name()
    major, minor = torch.cuda.get_device_capability()
    if major >= 8:
        return Device("cuda", name, _threads(), "bf16", f"compute capability {major}.{minor} multiplies in bf16")
    return Device("cuda", name, _threads(), "fp32", f"compute capability {major}.{minor} has no bf16")


def _cpu() -> Device:
    threads = _threads()
    name = f"CPU ({threads} thread{'s' if threads > 1 else ''})"
    if torch.cpu.get_capabilities().get("amx_bf16"):
        return Device("cpu", name, threads, "bf16", "the CPU multiplies in bf16 (AMX)")
    return Device("cpu", name, threads, "fp32", "the CPU has no AMX; without it bf16 is slower than fp32")


def _threads() -> int:
    """Threads for the arithmetic: one a core, of the cores this process may use."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(torch.get_num_threads(), allowed))


if __name__ == "__main__":
    print(json.dumps({"torch": torch.__version__, **asdict(choose("auto"))}))
