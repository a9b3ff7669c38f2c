"""The management library as its manual describes it: answers go where a pointer says, and 0 means that there is one."""

from __future__ import annotations

import ctypes
from typing import Any

import pytest

from trainer_core.telemetry.energy import Energy, Packages
from trainer_core.telemetry.nvml import find

NOT_SUPPORTED, NOT_FOUND = 3, 6


class Driver:
    """NVIDIA's, with one GPU."""

    def __init__(self, *, old: bool = False) -> None:
        self.millijoules = 5_000
        self._old = old

    def nvmlInit_v2(self) -> int:  # noqa: N802  # the names are NVIDIA's
        return 0

    def nvmlDeviceGetHandleByUUID(self, uuid: bytes, handle: Any) -> int:  # noqa: N802
        handle._obj.value = 7
        return 0 if uuid == b"GPU-1b2c" else NOT_FOUND

    def nvmlDeviceGetUtilizationRates(self, handle: ctypes.c_void_p, rates: Any) -> int:  # noqa: N802
        assert handle.value == 7
        rates._obj.gpu = 85
        return NOT_SUPPORTED if self._old else 0

    def nvmlDeviceGetTotalEnergyConsumption(self, handle: ctypes.c_void_p, millijoules: Any) -> int:  # noqa: N802
        assert handle.value == 7
        millijoules._obj.value = self.millijoules
        return NOT_SUPPORTED if self._old else 0


def test_a_gpu_tells_how_busy_it_is_and_what_it_took() -> None:
    driver = Driver()
    gpu = find("1b2c", driver)
    assert gpu is not None
    assert (gpu.busy(), gpu.joules()) == (0.85, 5.0)
    energy = Energy([gpu], Packages())
    driver.millijoules = 45_000
    assert energy.joules(0.0, 0.0) == pytest.approx(40)


def test_an_old_gpu_tells_nothing() -> None:
    gpu = find("1b2c", Driver(old=True))
    assert gpu is not None
    assert (gpu.busy(), gpu.joules()) == (None, None)
    assert Energy([gpu], Packages()).joules(0.0, 0.0) == 0


def test_a_gpu_that_the_driver_does_not_know_is_nobody() -> None:
    assert find("other", Driver()) is None
