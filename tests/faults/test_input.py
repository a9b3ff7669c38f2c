"""What people do with their fingers: clicks that come twice, and a stop that meets the finish."""

from __future__ import annotations

import asyncio

from playground.people import Person
from playground.reply import Reply
from playground.server import Playground
from playground.world import Event, InteractionCreated
from tests.faults.invariants import broken
from tests.faults.stage import Stage
from tests.faults.store import ask


async def twice_delivered(playground: Playground, person: Person) -> Reply:
    """A command whose interaction Discord delivers a second time."""
    delivered: list[InteractionCreated] = []

    def keep(event: Event) -> None:
        if isinstance(event, InteractionCreated):
            delivered.append(event)

    stop_listening = playground.world.listen(keep)
    asked = asyncio.ensure_future(person.slash("trainer train", data="python-docs", budget="1h"))
    while not delivered:
        await asyncio.sleep(0)
    stop_listening()
    playground.world.emit(delivered[0])
    return await asked


async def test_whatever_is_clicked_twice_happens_once(stage: Stage, undisturbed: bytes) -> None:
    """Behind a run that has the only slot: a command delivered twice, one sent twice, and buttons pressed twice."""
    owner = stage.owner
    await stage.submit()
    async with stage.bot() as bot:
        await stage.connected()
        first = await twice_delivered(stage.playground, owner)
        replies = await asyncio.gather(*(owner.slash("trainer train", data="python-docs") for _ in range(2)))
        for label in ("Pause", "Resume", "Stop"):
            presses = await asyncio.gather(*(owner.click(replies[0], label) for _ in range(2)))
            assert presses[0].text == presses[1].text
            card = await owner.slash("trainer status", run=_name(first))
            replies = [card, card]
        await stage.rest(bot)
    assert broken(stage, undisturbed) == []
