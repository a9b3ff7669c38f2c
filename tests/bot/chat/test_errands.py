"""What takes a while: its progress is shown now and then, and what came of it comes last."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import aiohttp
import pytest

from bot.catalog.tasks import Told
from bot.chat.errands import Errands
from bot.chat.render.message import Message
from trainer_core.errors import Code, SpotterError
from trainer_core.tasks.orders import Progress


@dataclass
class Board:
    """A place where what is put replaces what was there; it takes nothing while it is `held`."""

    seen: list[str | None] = field(default_factory=list)
    failure: Exception | None = None
    held: asyncio.Event | None = None
    reached: asyncio.Event = field(default_factory=asyncio.Event)

    async def show(self, message: Message) -> None:
        self.reached.set()
        if self.held:
            await self.held.wait()
        if self.failure:
            raise self.failure
        self.seen.append(message.content)

    async def finish(self, message: Message) -> None:
        if self.failure:
            raise self.failure
        self.seen.append(message.content)

    async def fail(self, message: Message) -> None:
        self.seen.append(f"failed: {message.content}")

    async def interrupt(self) -> None:
        self.seen.append("interrupted")


DONE = Message(content="done")


async def test_the_newest_progress_is_shown_and_the_outcome_takes_its_place() -> None:
    board = Board(held=asyncio.Event())

    async def work(told: Told) -> Message:
        told(Progress(phase="first"))
        await board.reached.wait()
        for phase in ("second", "third"):
            told(Progress(phase=phase))
        assert board.held
        board.held.set()
        while len(board.seen) < 2:
            await asyncio.sleep(0)
        return DONE

    await Errands(pause=0.0).run(board, "Reading…", work)
    assert board.seen == ["Reading…\nfirst", "Reading…\nthird", "done"]


async def test_an_edit_under_way_does_not_come_after_the_outcome() -> None:
    board = Board(held=asyncio.Event())

    async def work(told: Told) -> Message:
        told(Progress(phase="first"))
        await board.reached.wait()
        asyncio.get_running_loop().call_soon(board.held.set)  # type: ignore[union-attr]  # it is held
        return DONE

    await Errands().run(board, "Reading…", work)
    assert board.seen == ["Reading…\nfirst", "done"]


async def test_a_failure_is_told_with_its_next_step() -> None:
    board = Board()

    async def work(told: Told) -> Message:
        raise SpotterError(Code.CORPUS_EMPTY, field="file")

    await Errands().run(board, "Reading…", work)
    assert board.seen == ["failed: ⚠️ **file**: There is too little text to train on.\n➡️ Give a file with more text."]


async def test_what_nobody_foresaw_is_told_too(caplog: pytest.LogCaptureFixture) -> None:
    board = Board()

    async def work(told: Told) -> Message:
        raise ZeroDivisionError

    await Errands().run(board, "Reading…", work)
    [said] = board.seen
    assert said and said.startswith("failed: 💥 Something went wrong on my side.")
    assert "ZeroDivisionError" in caplog.text


async def test_trouble_with_the_place_ends_nothing() -> None:
    board = Board(failure=aiohttp.ServerDisconnectedError())
    done = asyncio.Event()

    async def work(told: Told) -> Message:
        told(Progress(phase="first"))
        await board.reached.wait()
        done.set()
        return DONE

    assert not await Errands(pause=0.0).run(board, "Reading…", work), "nobody was told"
    assert done.is_set() and board.seen == []


async def test_closing_gives_up_what_is_under_way_and_says_so() -> None:
    board, errands, begun = Board(), Errands(), asyncio.Event()

    async def work(told: Told) -> Message:
        begun.set()
        await asyncio.Event().wait()
        return DONE

    under_way = asyncio.create_task(errands.run(board, "Reading…", work))
    await begun.wait()
    await errands.close()
    assert under_way.done() and not under_way.result(), "it is not over"
    assert not await errands.run(board, "Reading…", work), "nothing more is begun"
    assert board.seen == ["interrupted", "interrupted"]


async def test_what_nothing_is_heard_of_is_shown_again() -> None:
    """Where it stands may by then be no place for the outcome."""
    board = Board()

    async def work(told: Told) -> Message:
        while len(board.seen) < 2:
            await asyncio.sleep(0)
        return DONE

    assert await Errands(pause=0.0, silence=0.0).run(board, "Reading…", work)
    assert board.seen[:2] == ["Reading…", "Reading…"] and board.seen[-1] == "done"


async def test_who_is_cancelled_says_nothing_more() -> None:
    board, begun = Board(), asyncio.Event()

    async def work(told: Told) -> Message:
        begun.set()
        await asyncio.Event().wait()
        return DONE

    under_way = asyncio.create_task(Errands().run(board, "Reading…", work))
    await begun.wait()
    under_way.cancel()
    with pytest.raises(asyncio.CancelledError):
        await under_way
    assert board.seen == []
