"""Which messages bring a picture: notices if they can, cards when it would look different and nobody else waits."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator

import pytest

from bot.chat.notify.pictures import Pictures, looks_new
from bot.chat.outgoing import Outgoing
from bot.chat.plot import Plotter
from bot.chat.render.curve import PlotRequest
from bot.chat.render.message import Message
from bot.chat.render.reports import live
from bot.runs.model import RunState
from tests.bot.chat import stories


def curve(steps: int, evals: int = 1, total: int | None = 1000) -> PlotRequest:
    train = tuple((step, 3.0) for step in range(1, steps + 1))
    return PlotRequest("swans", train, tuple((step, 3.1) for step in range(evals)), total)


def test_a_picture_is_new_when_one_would_see_it() -> None:
    shown = curve(100)
    assert looks_new(None, shown)
    assert not looks_new(shown, curve(119)) and looks_new(shown, curve(120))
    assert looks_new(shown, curve(100, evals=2)), "another dot"
    assert looks_new(shown, curve(100, total=None)), "the run has ended"
    assert looks_new(curve(300, total=None), curve(310, total=None)) is True
    assert looks_new(curve(100, total=None), curve(101, total=None)) is False
    assert looks_new(curve(300), curve(200)), "it went back to a checkpoint"


@pytest.fixture
async def plotter() -> AsyncIterator[Plotter]:
    plotter = Plotter()
    yield plotter
    await plotter.close()


class Time:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def card(step: int) -> Message:
    return live(stories.status(RunState.RUNNING, step), stories.START)


async def test_a_card_keeps_its_picture_until_it_would_look_different(plotter: Plotter) -> None:
    time = Time()
    pictures = Pictures(plotter, steady=time)

    async def edit(step: int, letter_id: int = 1) -> Outgoing:
        time.now += 5
        return await pictures.for_card(card(step), letter_id, is_edit=True)

    assert (await edit(200)).png is not None
    assert (kept := await edit(210)).png is None and "attachments" not in kept.for_edit()
    assert kept.for_edit()["embed"].image.url == "attachment://loss.png", "else Discord shows it outside of the embed"  # type: ignore[union-attr]  # a card has an embed
    assert (await edit(300)).png is not None
    time.now -= 4.5
    assert (await edit(300, letter_id=2)).png is None, "somebody else's card was drawn just now"
    assert (await edit(300, letter_id=2)).png is not None


async def test_a_card_has_no_new_picture_while_others_wait_for_theirs(plotter: Plotter) -> None:
    pictures = Pictures(plotter)
    drawing = asyncio.create_task(plotter.draw(curve(9)))
    await asyncio.sleep(0)
    edited = await pictures.for_card(card(200), 1, is_edit=True)
    sent = await pictures.for_card(card(200), 2, is_edit=False)
    assert edited.png is None and edited.keeps
    assert sent.png is None and not sent.keeps and "files" not in sent.for_send()
    await drawing


async def test_a_notice_does_not_wait_long_and_its_picture_follows(plotter: Plotter) -> None:
    """The process is frozen until the message has gone without."""
    await plotter.draw(curve(9))
    assert plotter.process_id is not None
    os.kill(plotter.process_id, signal.SIGSTOP)
    pictures = Pictures(plotter)
    sent, late = await pictures.for_last(card(200))
    assert sent.png is None and late
    os.kill(plotter.process_id, signal.SIGCONT)
    while late:
        sent, late = await pictures.for_last(card(200))
    assert sent.png is not None


async def test_the_same_picture_is_drawn_once(plotter: Plotter) -> None:
    pictures = Pictures(plotter)
    late = True
    while late:
        first, late = await pictures.for_last(card(200))
    await plotter.close()
    assert (await pictures.for_last(card(200)))[0].png == first.png is not None
    assert (await pictures.for_last(card(300))) == (Outgoing(card(300)), False), "without, as it cannot be drawn"
