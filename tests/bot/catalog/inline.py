"""Tasks without processes: what a process costs, and how it may end, is tested with processes."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from bot.catalog.tasks import Told
from trainer_core.tasks.__main__ import carry_out
from trainer_core.tasks.orders import AddDataset, Added, Made, MakeTokenizer, Progress, Refused, Undecided


@dataclass
class Inline:
    """Carries orders out in a thread of this process."""

    performed: list[AddDataset | MakeTokenizer] = field(default_factory=list)

    async def perform(self, order: AddDataset | MakeTokenizer, told: Told) -> Added | Undecided | Made:
        self.performed.append(order)
        loop = asyncio.get_running_loop()

        def tell(progress: Progress) -> None:
            loop.call_soon_threadsafe(told, progress)

        result = await asyncio.to_thread(carry_out, order, tell)
        if isinstance(result, Refused):
            raise result.error()
        return result

    async def close(self) -> None: ...
