"""The C library's memory, kept by the process between steps. Linux with glibc; elsewhere nothing happens.

By default glibc gives each large tensor back to the system when it is freed, and asks for fresh pages for the next
one, which the kernel fills with zeros: in training on a CPU that is the same memory thousands of times. Imports no
torch: it has to be done before the first large allocation.
"""

from __future__ import annotations

import ctypes
import os
import sys

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4
"""Of `malloc.h`."""
_KEPT = 2_000_000_000
"""Bytes at the end of the heap that may lie free before they are given back."""
_PAD = 2**28
"""Bytes that the heap grows by at least; they take memory once they are used."""


def keep_memory() -> bool:
    """Have freed memory kept for the next tensor. Returns whether this C library can."""
    if not is_glibc():
        return False
    libc = ctypes.CDLL(None)
    wanted = ((_MMAP_MAX, 0), (_TRIM_THRESHOLD, _KEPT), (_TOP_PAD, _PAD))
    return all(libc.mallopt(option, value) == 1 for option, value in wanted)


def is_glibc() -> bool:
    """Whether this process runs on glibc."""
    if sys.platform != "linux" or "CS_GNU_LIBC_VERSION" not in os.confstr_names:
        return False
    try:
        return (os.confstr("CS_GNU_LIBC_VERSION") or "").startswith("glibc")
    except (OSError, ValueError):
        return False
