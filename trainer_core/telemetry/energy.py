"""How much energy a run uses. An estimate: from the counters of the hardware where they can be read, else assumed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from trainer_core.telemetry.nvml import Gpu

WATTS_PER_CORE = 8.0
"""Assumed of a busy core where the processor's counter cannot be read: between a laptop's and a desktop's."""

_POWERCAP = Path("/sys/class/powercap")


class Packages:
    """The energy counters of the machine's processors (RAPL). Most systems let only root read them."""

    def __init__(self, folder: Path = _POWERCAP) -> None:
        # Other zones, like `psys`, count what a package has counted already.
        self._zones = sorted(zone for zone in folder.glob("intel-rapl:*") if _name(zone).startswith("package-"))
        self._last = self._read()

    def since_last(self) -> float | None:
        """Joules of all of them since the last call, or since this was made; None if that cannot be known."""
        before, self._last = self._last, self._read()
        if not before or not self._last:
            return None
        # A counter starts again from zero once it is full, within an hour or so.
        return sum((now - then) % span for (now, span), (then, _) in zip(self._last, before, strict=True)) / 1e6

    def _read(self) -> list[tuple[int, int]]:
        """Microjoules of each, and at how many it starts again."""
        try:
            return [(_number(zone / "energy_uj"), _number(zone / "max_energy_range_uj") + 1) for zone in self._zones]
        except (OSError, ValueError):
            return []


class Energy:
    """Of one run, from the moment this is made."""

    def __init__(self, gpus: Sequence[Gpu] = (), packages: Packages | None = None) -> None:
        self._gpus = gpus
        self._packages = packages or Packages()
        self._gpu_began = [gpu.joules() for gpu in gpus]
        self._of_processors = 0.0

    def joules(self, seconds: float, machine_seconds: float) -> float:
        """So far. Since the last call the run took `seconds` of processor time, and the machine `machine_seconds`."""
        measured = self._packages.since_last()
        if measured is None:
            self._of_processors += seconds * WATTS_PER_CORE
        elif machine_seconds > 0:
            self._of_processors += measured * min(1.0, seconds / machine_seconds)
        readings = zip(self._gpus, self._gpu_began, strict=True)
        pairs = [(gpu.joules(), began) for gpu, began in readings]
        return self._of_processors + sum(now - began for now, began in pairs if now is not None and began is not None)


def _name(zone: Path) -> str:
    """What the hardware calls it; empty if it does not say."""
    try:
        return (zone / "name").read_text()
    except (OSError, ValueError):
        return ""


def _number(file: Path) -> int:
    return int(file.read_text())
