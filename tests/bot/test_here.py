"""How the command line ends in between, and what it takes for a source."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from bot.here import ending_signals, source_of, until_signalled
from trainer_core.errors import SpotterError
from trainer_core.tasks.orders import HubSource, LocalSource


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_being_asked_to_end_is_like_a_ctrl_c(number: signal.Signals) -> None:
    cleared: list[str] = []

    async def work() -> None:
        try:
            os.kill(os.getpid(), number)
            await asyncio.Event().wait()
        finally:
            cleared.append("what was half made")

    with pytest.raises(KeyboardInterrupt):
        until_signalled(work())
    assert cleared


def test_what_nohup_ignores_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert ending_signals() == [signal.SIGTERM]
    finally:
        signal.signal(signal.SIGHUP, before)


async def _returned() -> int:
    return 7


def test_what_ends_by_itself_returns() -> None:
    assert until_signalled(_returned()) == 7


def test_a_source_is_what_is_there_before_what_is_approved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    approved = tmp_path / "letters"
    for folder in (approved, tmp_path / "here" / "letters"):
        folder.mkdir(parents=True)
        (folder / "a.txt").touch()
    (approved / "b.txt").touch()
    monkeypatch.chdir(tmp_path / "here")
    near, far = source_of("letters/a.txt", [approved]), source_of("letters/b.txt", [approved])
    assert isinstance(near, LocalSource) and near.path == tmp_path / "here" / "letters" / "a.txt"
    assert far == LocalSource(path=approved / "b.txt", root=approved)
    assert source_of("letters/c.txt", [approved]) is None is source_of(" ", [approved])
    assert source_of("hub:someone/songs", [], split="test") == HubSource(name="someone/songs", split="test")
    with pytest.raises(SpotterError, match="cannot be read"):
        source_of("a\0b", [])
