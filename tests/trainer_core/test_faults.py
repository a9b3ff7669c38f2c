"""Faults asked for in the environment come true where and when they were asked for, and nowhere else."""

from __future__ import annotations

import errno
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from trainer_core.faults import ONCE, POINTS, VARIABLE, Faults, InjectedError, Rule

ROOT = Path(__file__).parents[2]


def reaching(rules: str, times: int = 1, once: Path | None = None) -> subprocess.CompletedProcess[str]:
    """A process that reaches a point so many times."""
    code = f"from trainer_core.faults import reach\nfor _ in range({times}): reach('worker.step')\nprint('through')"
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, VARIABLE: rules, **({ONCE: str(once)} if once else {})},
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )


def test_a_process_is_killed_the_time_it_was_asked_for() -> None:
    assert reaching("worker.step:3:kill", times=2).stdout == "through\n"
    killed = reaching("worker.step:3:kill", times=3)
    assert killed.returncode == -signal.SIGKILL and not killed.stdout


def test_a_rule_comes_true_once_over_all_processes(tmp_path: Path) -> None:
    first, second = (reaching("worker.step:1:kill", once=tmp_path) for _ in range(2))
    assert first.returncode == -signal.SIGKILL
    assert second.returncode == 0


def test_errors_are_raised_and_the_next_time_all_is_well() -> None:
    faults = Faults([Rule.parse("store.commit:1:raise"), Rule.parse("store.commit:2:enospc")])
    with pytest.raises(InjectedError, match=re.escape("store.commit")):
        faults.reach("store.commit")
    with pytest.raises(OSError, match="space") as full:
        faults.reach("store.commit")
    assert full.value.errno == errno.ENOSPC
    faults.reach("store.commit")


def test_a_delay_holds_up() -> None:
    held = reaching("worker.step:1:delay=0.01")
    assert held.stdout == "through\n"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("worker.stpe:1:kill", "no point"),
        ("worker.step:0:kill", "which time"),
        ("worker.step:kill", "which time"),
        ("worker.step:1:explode", "no action"),
        ("worker.step:1:delay", "no action"),
    ],
)
def test_a_slip_is_refused(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Rule.parse(text)
    assert says in reaching(text).stderr


def test_every_point_is_in_the_code_and_no_other() -> None:
    source = "\n".join(
        path.read_text() for folder in ("bot", "trainer_core") for path in sorted((ROOT / folder).rglob("*.py"))
    )
    assert set(re.findall(r'\breach\("([a-z.]+)"\)', source)) == POINTS
