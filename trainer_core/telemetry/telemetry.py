"""How well a run uses its machine: what stands beside the loss of a step."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from statistics import fmean
from typing import TypedDict

import psutil
import torch

from trainer_core.failures import is_out_of_memory
from trainer_core.telemetry.energy import Energy
from trainer_core.telemetry.nvml import Gpu, find
from trainer_core.telemetry.peak import flops, matmul_peak
from trainer_core.training import Training

_SMOOTHING = 0.1
"""Weight of the newest step in the mean that the speed is told from."""
_LOOKS_EVERY = 2.0
"""Seconds between two looks at the system; each takes less than a thousandth of that."""
_PEAK_AFTER, _PEAK_EVERY = 100.0, 600.0
"""Seconds of training before the machine's peak is measured, in some tenths of a second, and between two times."""
_PEAK_SECONDS = 0.03


class _Seen(TypedDict):
    data_wait: float | None
    memory: int | None
    busy: float | None
    joules: float | None


class Measured(_Seen):
    """Fields of `MetricsProgress`; None for what is not known here, or not yet."""

    tokens_per_second: float
    peak_share: float | None


@dataclass(frozen=True, slots=True)
class _Look:
    """Seconds at one moment, each counted from some beginning."""

    clock: float
    waited: float
    """By steps, for their data."""
    processor: float
    """Of processor time, by all processes of the run."""
    machine: float
    """Of processor time, by anybody."""


class Telemetry:
    """Watches one attempt at a run. The system is asked only once in a while: a step pays some microseconds."""

    def __init__(self, training: Training, peak_after: float = _PEAK_AFTER) -> None:
        """The machine's peak is measured for the first time after `peak_after` seconds."""
        self._training = training
        self._gpus = _gpus(training)
        self._energy = Energy(self._gpus)
        self._last = self._look()
        self._step_seconds = 0.0
        self._seen: _Seen | None = None
        self._work: float | None = None
        """FLOP for each token (or picture), once they have been counted; 0 if they cannot be."""
        self._peak = 0.0
        """FLOP/s: the best that was measured, for others may use the machine, too."""
        self._peak_due = self._last.clock + peak_after

    def measured(self, seconds: float) -> Measured:
        """What is known after one more step, which took `seconds`."""
        self._step_seconds += _SMOOTHING * (seconds - self._step_seconds) if self._step_seconds else seconds
        now = time.monotonic()
        if self._seen is None or now - self._last.clock >= _LOOKS_EVERY:
            self._seen = self._since_last()
        if now >= self._peak_due:
            self._peak_due = now + _PEAK_EVERY
            self._measure_peak()
        speed = self._training.batching.tokens_per_step / self._step_seconds
        return Measured(tokens_per_second=speed, peak_share=self._share(speed), **self._seen)

    def _share(self, speed: float) -> float | None:
        """Of the peak; None while others have left too little of the machine to measure it."""
        share = speed * self._work / self._peak if self._work and self._peak else None
        return share if share is not None and share <= 1 else None

    def _since_last(self) -> _Seen:
        """What happened since the last look."""
        before, now = self._last, self._look()
        self._last = now
        gone = max(now.clock - before.clock, 1e-6)
        processor = max(0.0, now.processor - before.processor)
        device, group = self._training.device, self._training.group
        return _Seen(
            data_wait=min(1.0, (now.waited - before.waited) / gone),
            memory=self._memory(),
            busy=self._gpu_busy() if device.kind == "cuda" else processor / gone / (device.threads * group.size),
            joules=self._energy.joules(processor, now.machine - before.machine),
        )

    def _measure_peak(self) -> None:
        training = self._training
        if self._work is None:
            example = training.objective.batch(training.state.cursor, 1)
            self._work = (flops(training.model, example.inputs) or 0) / training.batching.length
        if not self._work:
            return
        try:
            peak = matmul_peak(training.device.kind, training.mode.precision, _PEAK_SECONDS)
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
        else:
            self._peak = max(self._peak, peak * training.group.size)

    def _look(self) -> _Look:
        anybody = psutil.cpu_times()
        return _Look(
            clock=time.monotonic(),
            waited=self._training.waited,
            processor=self._of_all(lambda process: sum(process.cpu_times()[:2])),
            machine=sum(anybody) - anybody.idle - getattr(anybody, "iowait", 0.0),
        )

    def _memory(self) -> int:
        if self._training.device.kind == "cuda":
            return torch.cuda.memory_reserved()
        if self._training.device.kind == "mps":
            return torch.mps.driver_allocated_memory()
        return int(self._of_all(lambda process: process.memory_info().rss))

    def _gpu_busy(self) -> float | None:
        told = [share for gpu in self._gpus if (share := gpu.busy()) is not None]
        return fmean(told) if told else None

    def _of_all(self, ask: Callable[[psutil.Process], float]) -> float:
        """Added up over the processes of the run. One that has just gone is not counted: the next step tells of it."""
        total = 0.0
        for pid in (os.getpid(), *self._training.group.others):
            with suppress(psutil.NoSuchProcess):
                total += ask(psutil.Process(pid))
        return total


def _gpus(training: Training) -> Sequence[Gpu]:
    """Those that the processes of the run compute on, one each."""
    if training.device.kind != "cuda":
        return ()
    uuids = [str(torch.cuda.get_device_properties(place).uuid) for place in range(training.group.size)]
    return [gpu for uuid in uuids if (gpu := find(uuid))]
