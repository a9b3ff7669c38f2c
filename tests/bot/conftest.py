"""What Spotter logs, for the tests of its rooms."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator

import pytest


class Log(logging.Handler):
    """What Spotter logs, to be waited for."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self._said: list[str] = []
        self._more = asyncio.Event()

    def emit(self, record: logging.LogRecord) -> None:
        self._said.append(record.getMessage())
        self._more.set()

    async def until(self, part: str) -> None:
        """Return once `part` has been logged. Raises TimeoutError."""
        async with asyncio.timeout(20):
            while not any(part in line for line in self._said):
                self._more.clear()
                await self._more.wait()


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Iterator[Log]:
    handler, logger = Log(), logging.getLogger("bot")
    caplog.set_level(logging.INFO, "bot")
    logger.addHandler(handler)
    yield handler
    logger.removeHandler(handler)
