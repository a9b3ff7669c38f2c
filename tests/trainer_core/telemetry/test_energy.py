"""Energy from counters like those of the hardware, and what is assumed without them."""

from __future__ import annotations

from pathlib import Path

import pytest

from trainer_core.telemetry.energy import WATTS_PER_CORE, Energy, Packages


def powercap(folder: Path, *microjoules: int) -> Packages:
    for number, count in enumerate(microjoules):
        write(folder, number, count)
        (folder / f"intel-rapl:{number}" / "name").write_text(f"package-{number}\n")
    # The cores, which the package counts already, and the whole system, which counts the packages.
    for zone, name in (("intel-rapl:0:0", "core\n"), (f"intel-rapl:{len(microjoules)}", "psys\n")):
        (folder / zone).mkdir()
        (folder / zone / "name").write_text(name)
        (folder / zone / "energy_uj").write_text("5")
        (folder / zone / "max_energy_range_uj").write_text("99999999\n")
    (folder / f"intel-rapl:{len(microjoules) + 1}").mkdir()  # one that does not say what it counts
    return Packages(folder)


def write(folder: Path, number: int, microjoules: int) -> None:
    zone = folder / f"intel-rapl:{number}"
    zone.mkdir(exist_ok=True)
    (zone / "energy_uj").write_text(f"{microjoules}\n")
    (zone / "max_energy_range_uj").write_text("99999999\n")


def test_the_run_has_its_share_of_what_the_processors_took(tmp_path: Path) -> None:
    energy = Energy(packages=powercap(tmp_path, 1_000_000, 0))
    write(tmp_path, 0, 31_000_000)
    write(tmp_path, 1, 10_000_000)
    write(tmp_path, 2, 70_000_000)
    assert energy.joules(seconds=3.0, machine_seconds=4.0) == pytest.approx(30)
    write(tmp_path, 0, 32_000_000)
    assert energy.joules(seconds=3.0, machine_seconds=2.0) == pytest.approx(31)
    assert energy.joules(seconds=0.0, machine_seconds=0.0) == pytest.approx(31)


def test_a_counter_that_was_full_goes_on_from_zero(tmp_path: Path) -> None:
    packages = powercap(tmp_path, 99_000_000)
    write(tmp_path, 0, 1_000_000)
    assert packages.since_last() == pytest.approx(2)


def test_without_counters_a_busy_core_is_assumed_to_take_as_much_as_others(tmp_path: Path) -> None:
    energy = Energy(packages=Packages(tmp_path / "nothing"))
    assert [energy.joules(2.0, 2.0), energy.joules(1.0, 5.0)] == [2 * WATTS_PER_CORE, 3 * WATTS_PER_CORE]


def test_a_counter_that_cannot_be_read_any_more_is_done_without(tmp_path: Path) -> None:
    energy = Energy(packages=powercap(tmp_path, 1_000_000))
    (tmp_path / "intel-rapl:0" / "energy_uj").unlink()
    assert energy.joules(2.0, 2.0) == 2 * WATTS_PER_CORE
