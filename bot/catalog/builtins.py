"""The data sets that ship with Spotter: each made once, when somebody first needs it, for all who wait for it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from trainer_core.data import catalog
from trainer_core.data.card import DatasetCard
from trainer_core.files.layout import Home
from trainer_core.tasks.orders import AddDataset, Added, BuiltinSource, Undecided

_PAUSE = 60.0
"""Seconds after which what could not be made is tried again."""
_LIST_WAITS = 1.0
"""Seconds for which a list waits for what is being made."""

log = logging.getLogger(__name__)


class Builtins:
    def __init__(
        self,
        home: Home,
        add: Callable[[AddDataset], Awaitable[Added | Undecided]],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._home = home
        self._add = add
        self._now = now
        self._making: dict[str, asyncio.Task[DatasetCard]] = {}
        self._failed: dict[str, tuple[float, BaseException]] = {}
        """When, and why."""
        self._stopping = False

    async def begin(self) -> None:
        """Have those made that are not there, without waiting for them."""
        for name in catalog.BUILTINS:
            if await asyncio.to_thread(catalog.find_card, self._home, name) is None:
                self._make(name)

    def stop(self) -> None:
        """What fails from now on does so because it is ended."""
        self._stopping = True

    async def close(self) -> None:
        """Wait for those under way: their tasks have been ended."""
        await asyncio.gather(*self._making.values(), return_exceptions=True)

    async def card(self, name: str) -> DatasetCard:
        """The card of a built-in data set, made first if need be. Raises SpotterError."""
        if name not in self._making:
            card = await asyncio.to_thread(catalog.find_card, self._home, name)
            if card is not None:
                return card
            when, error = self._failed.get(name, (0.0, None))
            if error is not None and self._now() - when < _PAUSE:
                raise error
        # Who waits for it may be cancelled; others need it, too.
        return await asyncio.shield(self._make(name))

    async def cards(self) -> list[DatasetCard]:
        """Those that are there; none is made for a list."""
        if self._making:
            await asyncio.wait(self._making.values(), timeout=_LIST_WAITS)
        found = [await asyncio.to_thread(catalog.find_card, self._home, name) for name in catalog.BUILTINS]
        return [card for card in found if card is not None]

    def _make(self, name: str) -> asyncio.Task[DatasetCard]:
        async def make() -> DatasetCard:
            order = AddDataset(home=self._home.path, source=BuiltinSource(name=name), added_by="", name=name)
            added = await self._add(order)
            assert isinstance(added, Added), "what is built in needs no choice"
            return added.card

        def forget(task: asyncio.Task[DatasetCard]) -> None:
            del self._making[name]
            if not task.cancelled() and (error := task.exception()):
                self._failed[name] = (self._now(), error)
                if not self._stopping:
                    log.error("%s could not be made: %s", name, error)

        if name not in self._making:
            self._making[name] = asyncio.create_task(make(), name=f"make {name}")
            self._making[name].add_done_callback(forget)
        return self._making[name]
