"""What people do with their fingers: clicks that come twice, and a stop that meets the finish."""

from __future__ import annotations

import asyncio
import signal

from playground.people import Person
from playground.reply import Reply
from playground.server import Playground
from playground.world import Event, InteractionCreated
from tests.faults.invariants import broken
from tests.faults.stage import Stage
from tests.faults.store import ask

_FINISH = "folder.rename:19"
"""The finished model's: before it come a tokenizer, the tokens, and sixteen checkpoints."""


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


async def test_what_is_clicked_twice_happens_once(stage: Stage, undisturbed: bytes) -> None:
    """Behind a run that has the only slot: a command delivered twice, one sent twice, and buttons pressed twice."""
    owner = stage.owner
    await stage.submit(budget="1h")
    async with stage.bot() as bot:
        await stage.connected()
        await twice_delivered(stage.playground, owner)
        replies = await asyncio.gather(
            *(owner.slash("trainer train", data="python-docs", name="swans") for _ in range(2))
        )
        assert all(reply.text.startswith("🏋️ **swans** is place ") for reply in replies)
        names = [row["name"] for row in ask(stage.home, "SELECT name FROM runs ORDER BY created_at")]
        assert len(names) == 3 and {names[0], names[2]} == {"song", "swans"}

        pauses = await asyncio.gather(*(owner.click(replies[0], "Pause") for _ in range(2)))
        await asyncio.gather(*(owner.click(pauses[0], "Resume") for _ in range(2)))
        question = await owner.click(replies[0], "Stop")
        await asyncio.gather(*(owner.click(question, "Stop it") for _ in range(2)))
        for name in names[:2]:
            await owner.slash("trainer stop", run=name)
        await stage.rest(bot)
    moves = ask(stage.home, "SELECT from_state, to_state FROM transitions WHERE run = 'swans' ORDER BY id")
    assert [tuple(move.values()) for move in moves] == [
        ("queued", "paused"),
        ("paused", "queued"),
        ("queued", "stopped"),
    ]
    assert broken(stage, undisturbed) == []


async def test_a_stop_just_before_the_finish_leaves_one_ending(stage: Stage, undisturbed: bytes) -> None:
    """The worker stands before the rename of its finished model, and will not look again whether it is to stop."""
    await stage.submit()
    async with stage.bot(f"{_FINISH}:stop") as bot:
        await stage.connected()
        await stage.eventually(lambda: stage.stands("worker"), "the worker is about to finish")
        replies = await stop_twice(stage.owner)
        assert all("saves what it has learned and stops" in reply for reply in replies)
        assert stage.kill_worker(number=signal.SIGCONT)
        await stage.rest(bot)
    moves = [row["to_state"] for row in ask(stage.home, "SELECT to_state FROM transitions ORDER BY id")]
    assert moves == ["starting", "running", "stopping", "succeeded"]
    assert len(stage.owner.notifications()) == 1
    assert broken(stage, undisturbed) == []


async def test_a_stop_just_after_the_finish_leaves_one_ending(stage: Stage, undisturbed: bytes) -> None:
    """The run has told that it is complete, and its shim stands before it records how the worker ended."""
    await stage.submit()
    async with stage.bot("shim.exit:1:stop") as bot:
        await stage.connected()
        assert await stage.ended() == "succeeded"
        replies = await stop_twice(stage.owner)
        assert all("already" in reply for reply in replies)
        await stage.eventually(lambda: stage.stands("shim"), "the worker has ended")
        assert ask(stage.home, "SELECT 1 FROM attempts WHERE ended_at IS NULL")
        assert stage.kill_shim(number=signal.SIGCONT)
        await stage.rest(bot)
    assert len(stage.owner.notifications()) == 1
    assert broken(stage, undisturbed) == []


async def stop_twice(person: Person) -> list[str]:
    """What is answered to two stops at once."""
    replies = await asyncio.gather(*(person.slash("trainer stop", run="song") for _ in range(2)))
    return [str(reply.message.to_dict()) if reply.message else "" for reply in replies]
