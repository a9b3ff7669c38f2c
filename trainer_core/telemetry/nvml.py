"""What NVIDIA's management library says of a GPU. It comes with the driver; without it nothing is known."""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Protocol

_LIBRARY = "libnvidia-ml.so.1"
_DONE = 0


class Library(Protocol):
    """The functions in use; each returns 0 if it did what it says."""

    def nvmlInit_v2(self) -> int: ...  # noqa: N802 the names are NVIDIA's
    def nvmlDeviceGetHandleByUUID(self, uuid: bytes, handle: object) -> int: ...  # noqa: N802
    def nvmlDeviceGetUtilizationRates(self, handle: ctypes.c_void_p, rates: object) -> int: ...  # noqa: N802
    def nvmlDeviceGetTotalEnergyConsumption(self, handle: ctypes.c_void_p, millijoules: object) -> int: ...  # noqa: N802


class _Rates(ctypes.Structure):
    _fields_ = (("gpu", ctypes.c_uint), ("memory", ctypes.c_uint))


class Gpu:
    """One GPU."""

    def __init__(self, library: Library, handle: ctypes.c_void_p) -> None:
        self._library = library
        self._handle = handle

    def busy(self) -> float | None:
        """Share of the last moments in which it computed; None if it does not say."""
        rates = _Rates()
        if self._library.nvmlDeviceGetUtilizationRates(self._handle, ctypes.byref(rates)) != _DONE:
            return None
        return float(rates.gpu) / 100

    def joules(self) -> float | None:
        """Energy since the driver was loaded; None if it does not say (before Volta)."""
        millijoules = ctypes.c_ulonglong()
        if self._library.nvmlDeviceGetTotalEnergyConsumption(self._handle, ctypes.byref(millijoules)) != _DONE:
            return None
        return millijoules.value / 1000


def find(uuid: str, library: Library | None = None) -> Gpu | None:
    """The GPU of that UUID, as CUDA writes it (without `GPU-`); None if nothing is known of it."""
    library = library or _driver()
    handle = ctypes.c_void_p()
    if library is None or library.nvmlDeviceGetHandleByUUID(f"GPU-{uuid}".encode(), ctypes.byref(handle)) != _DONE:
        return None
    return Gpu(library, handle)


@cache
def _driver() -> Library | None:
    try:
        library = ctypes.CDLL(_LIBRARY)
    except OSError:
        return None
    return library if library.nvmlInit_v2() == _DONE else None
