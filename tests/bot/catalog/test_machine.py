"""How fast the machine is, as the fastest measurement tells it."""

from __future__ import annotations

from pathlib import Path

from bot.catalog.machine import UNKNOWN, keep_gflops, read_gflops
from trainer_core.files.layout import Home


def test_a_slower_measurement_is_not_kept(tmp_path: Path) -> None:
    home = Home(tmp_path)
    assert read_gflops(home) == UNKNOWN
    for measured, kept in ((80.0, 80.0), (20.0, 80.0), (0.0, 80.0), (90.0, 90.0)):
        keep_gflops(home, measured)
        assert read_gflops(home) == kept
