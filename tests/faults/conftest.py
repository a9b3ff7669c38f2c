"""Fixtures for what goes wrong. `Stage` is in `stage.py`, what has to hold afterwards in `invariants.py`."""

from __future__ import annotations

import asyncio
import fcntl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from playground.server import Playground
from tests.faults.stage import Stage
from tests.faults.undisturbed import undisturbed_weights


@pytest.fixture
async def playground() -> AsyncIterator[Playground]:
    async with Playground() as playground:
        yield playground


@pytest.fixture
def stage(playground: Playground, tmp_path: Path) -> Stage:
    return Stage(tmp_path, playground)


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> bytes:
    """The weights of a small run that nothing happened to; computed once for all of xdist's processes."""
    folder = tmp_path_factory.getbasetemp()
    folder = folder if worker_id == "master" else folder.parent
    kept = folder / "undisturbed.safetensors"
    with (folder / "undisturbed.lock").open("w") as lock:
        fcntl.lockf(lock, fcntl.LOCK_EX)
        if not kept.exists():
            kept.write_bytes(asyncio.run(undisturbed_weights(folder)))
    return kept.read_bytes()
