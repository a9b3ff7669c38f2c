"""Memory that is freed stays with the process, where the C library can be told so."""

from __future__ import annotations

import subprocess
import sys

import pytest

from trainer_core.compute.allocator import is_glibc

_SCRIPT = """
import resource, sys
from trainer_core.compute.allocator import keep_memory
if sys.argv[1] == "kept":
    assert keep_memory()
for _ in range(50):
    block = bytearray(b"x") * 2**25  # 32 MiB, every page written
    del block
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def faults_and_peak(how: str) -> tuple[int, int]:
    done = subprocess.run([sys.executable, "-c", _SCRIPT, how], capture_output=True, check=True, text=True)
    faults, peak = map(int, done.stdout.split())
    return faults, peak


@pytest.mark.skipif(not is_glibc(), reason="only glibc can be told")
def test_the_system_is_not_asked_for_the_same_memory_again_and_takes_no_more() -> None:
    faults, peak = faults_and_peak("kept")
    by_default, peak_by_default = faults_and_peak("default")
    assert faults * 10 < by_default
    assert peak < peak_by_default + 2**15  # KiB


def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not is_glibc()
