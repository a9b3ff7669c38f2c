"""How memory is counted, in folders that look like cgroups."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from trainer_core.memory import KillWatch, out_of_memory_kills, peak_of_children

EVENTS = "low 0\nhigh 0\nmax 31\noom 2\noom_kill {}\noom_group_kill 0\n"
CONTROL = "oom_kill_disable 0\nunder_oom 0\noom_kill {}\n"


@pytest.fixture
def membership(tmp_path: Path) -> Path:
    return tmp_path / "membership"


def put(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def test_version_2_counts_in_the_group_s_events(membership: Path, tmp_path: Path) -> None:
    put(membership, "0::/user.slice/spotter.service\n")
    put(tmp_path / "mount/user.slice/spotter.service/memory.events", EVENTS.format(3))
    put(tmp_path / "mount/memory.events", EVENTS.format(7))
    assert out_of_memory_kills(membership, tmp_path / "mount") == 3


def test_a_group_s_own_count_goes_before_that_of_the_groups_below_it(membership: Path, tmp_path: Path) -> None:
    put(membership, "0::/spotter.service\n")
    put(tmp_path / "mount/spotter.service/memory.events", EVENTS.format(3))
    put(tmp_path / "mount/spotter.service/memory.events.local", EVENTS.format(1))
    assert out_of_memory_kills(membership, tmp_path / "mount") == 1


def test_version_1_counts_in_the_memory_controller(membership: Path, tmp_path: Path) -> None:
    put(membership, "5:cpu,cpuacct:/other\n4:memory:/docker/abc\n0::/\n")
    put(tmp_path / "mount/memory/docker/abc/memory.oom_control", CONTROL.format(1))
    assert out_of_memory_kills(membership, tmp_path / "mount") == 1


def test_a_container_finds_its_group_at_the_root(membership: Path, tmp_path: Path) -> None:
    put(membership, "4:memory:/docker/abc\n")
    put(tmp_path / "mount/memory/memory.oom_control", CONTROL.format(4))
    assert out_of_memory_kills(membership, tmp_path / "mount") == 4


@pytest.mark.parametrize("text", ["", "oom_kill_disable 0\nunder_oom 0\n", "oom_kill many\n", "one word more\n"])
def test_a_system_that_does_not_count_says_nothing(membership: Path, tmp_path: Path, text: str) -> None:
    assert out_of_memory_kills(membership, tmp_path / "mount") is None
    put(membership, "4:memory:/docker/abc\n0::/\n")
    put(tmp_path / "mount/memory/docker/abc/memory.oom_control", text)
    assert out_of_memory_kills(membership, tmp_path / "mount") is None


@pytest.mark.parametrize(
    ("counts", "risen"),
    [
        ([4, 5], True),
        ([4, 4], False),
        ([4, 5, 5], True),
        ([4, 5, 5, 5], False),
        ([4, 5, 5, 6], True),
        ([4, 4, 4, 5, 5], True),
        ([None, None], False),
        ([None, 3], False),
        ([3, None], False),
    ],
)
def test_only_a_kill_of_late_is_seen(counts: list[int | None], risen: bool) -> None:
    """At the beginning, at each renewal, and in the end."""
    each = iter(counts)
    watch = KillWatch(lambda: next(each))
    for _ in counts[1:-1]:
        watch.renew()
    assert watch.has_risen() is risen


def test_the_peak_is_in_bytes() -> None:
    subprocess.run([sys.executable, "-c", "bytearray(300 << 20)"], check=True)
    assert 300 << 20 < peak_of_children() < 16 << 30
