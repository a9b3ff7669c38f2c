"""Graphics cards are found through their driver, and chosen by their UUIDs."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.runs.gpus import chosen, list_gpus

FIRST, SECOND = "GPU-0a1b2c3d-0000-1111-2222-333344445555", "GPU-ffffffff-0000-1111-2222-333344445555"


def driver(folder: Path, script: str) -> None:
    """What `nvidia-smi` does on this machine."""
    path = folder / "nvidia-smi"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


async def test_cards_are_those_the_driver_names(path: Path) -> None:
    driver(path, f"echo {FIRST}; echo {SECOND}")
    assert await list_gpus() == [FIRST, SECOND]


@pytest.mark.parametrize("script", ["echo NVIDIA-SMI has failed; exit 9", "echo No devices were found"])
async def test_a_driver_that_fails_names_none(path: Path, script: str) -> None:
    driver(path, script)
    assert await list_gpus() == []


async def test_without_a_driver_there_are_none(path: Path) -> None:
    assert await list_gpus() == []


def test_cards_are_chosen_by_the_setting() -> None:
    there_are = [FIRST, SECOND]
    assert chosen("auto", there_are) == there_are
    assert chosen("none", there_are) == []
    assert chosen(f"{SECOND}, {SECOND}", there_are) == [SECOND]
    with pytest.raises(ValueError, match="GPU-typo"):
        chosen("GPU-typo", there_are)
