"""The unit under which systemd keeps the bot: valid, and one that leaves trainings alone."""

from __future__ import annotations

import shutil
import subprocess
import sys
from configparser import RawConfigParser
from pathlib import Path

import pytest

from bot import shutdown

UNIT = Path(__file__).parents[1] / "deploy" / "spotter.service"


@pytest.fixture
def service() -> dict[str, str]:
    parser = RawConfigParser()
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # keys as they are written
    parser.read(UNIT)
    return dict(parser["Service"])


def test_systemd_takes_it(tmp_path: Path) -> None:
    """Where Spotter is and who runs it is adapted, as whoever installs it does."""
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not installed here")
    text = (
        UNIT.read_text().replace("/opt/spotter/.venv/bin/spotter", sys.executable).replace("User=spotter", "User=root")
    )
    adapted = tmp_path / UNIT.name
    adapted.write_text(text)
    done = subprocess.run([analyze, "verify", adapted], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_only_the_bot_ends_with_the_service(service: dict[str, str]) -> None:
    assert service["KillMode"] == "process"
    assert service["OOMPolicy"] == "continue"
    assert service["Restart"] == "on-failure"
    assert (
        not {"PrivateTmp", "PrivateDevices", "RuntimeDirectory", "MemoryDenyWriteExecute", "ProtectHome"}
        & service.keys()
    )


def test_the_bot_is_given_the_time_it_needs_to_end(service: dict[str, str]) -> None:
    assert float(service["TimeoutStopSec"]) > shutdown.LIMIT
