"""Pictures are drawn in a process of their own, which may fail, hang or go, but never takes a message with it."""

from __future__ import annotations

import asyncio
import os
import signal
import struct
import subprocess
import sys
from collections.abc import AsyncIterator

import pytest

from bot.chat.notify.kinds import Kind
from bot.chat.outgoing import compose
from bot.chat.picture import draw
from bot.chat.plot import PlotError, Plotter
from bot.chat.render.confusion import Confusion
from bot.chat.render.curve import PlotRequest
from bot.chat.render.histogram import Histogram
from bot.chat.render.plots import Plot
from bot.chat.render.reports import render
from bot.runs.model import RunState
from tests.bot.chat import stories

CURVE = PlotRequest("brisk-otter-42", ((1, 8.0), (2, 7.0), (3, 6.5)), ((0, 8.3), (3, 6.4)), 10)


LENGTHS = Histogram("talks", (1, 10, 100, 1000), (3, 9, 1), 42)


@pytest.fixture
async def plotter() -> AsyncIterator[Plotter]:
    plotter = Plotter()
    yield plotter
    await plotter.close()


def size(png: bytes) -> tuple[int, int]:
    """(width, height) as the PNG's header tells."""
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", png[16:24])
    return width, height


async def test_pictures_of_every_kind_come_one_after_the_other_from_one_process(plotter: Plotter) -> None:
    first, second = await asyncio.gather(plotter.draw(CURVE), plotter.draw(LENGTHS))
    assert size(first) == size(second) == (1280, 660)
    assert (first, second) == (draw(CURVE), draw(LENGTHS))
    assert plotter.process_id is not None


async def test_the_line_is_who_waits_for_a_picture(plotter: Plotter) -> None:
    drawing = [asyncio.create_task(plotter.draw(CURVE)) for _ in range(2)]
    await asyncio.sleep(0)
    assert plotter.line == 2
    drawing[1].cancel()
    await asyncio.wait(drawing)
    assert plotter.line == 0


@pytest.mark.parametrize(
    "request_",
    [
        PlotRequest("nothing", (), ()),
        PlotRequest("a $title_ with {math}", ((1, 3.0),), ()),
        PlotRequest("flat", ((1, 3.0), (2, 3.0)), ((1, 3.0),), 5),
        PlotRequest("wide", tuple((step, 1e-3 * step) for step in range(1, 600)), (), 100),
        Histogram("one $bar_", (7, 9), (2,), 8),
        Histogram("even", (10, 20, 30, 40), (1, 0, 2), 35),
        Histogram("from nothing", (0, 1, 10, 10**9), (1, 0, 10**9), 0),
        Histogram("no round length within", (21, 23, 29), (5, 1), 22),
    ],
)
def test_any_numbers_make_a_picture(request_: Plot) -> None:
    assert size(draw(request_)) == (1280, 660)


@pytest.mark.parametrize("classes", [1, 2, 16])
def test_any_matrix_makes_a_picture(classes: int) -> None:
    names = tuple(f"a $class_ {{of}} some {number}" for number in range(classes))
    none_held_out = (0,) * classes
    counts = (tuple(10**number for number in range(classes)),) * (classes - 1)
    assert size(draw(Confusion("a $title_", names, (*counts, none_held_out)))) == (1280, 1040)


async def test_a_killed_process_is_replaced(plotter: Plotter) -> None:
    await plotter.draw(CURVE)
    assert plotter.process_id is not None
    os.kill(plotter.process_id, signal.SIGKILL)
    with pytest.raises(PlotError):
        await plotter.draw(CURVE)
    assert size(await plotter.draw(CURVE)) == (1280, 660)


async def test_a_picture_that_takes_too_long_is_given_up(plotter: Plotter) -> None:
    hasty = Plotter(timeout=0.0)
    with pytest.raises(PlotError):
        await hasty.draw(CURVE)
    assert hasty.process_id is None


async def test_a_cancelled_picture_leaves_no_half_answer_to_the_next(plotter: Plotter) -> None:
    drawing = asyncio.create_task(plotter.draw(CURVE))
    while plotter.process_id is None:
        await asyncio.sleep(0)
    drawing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await drawing
    assert size(await plotter.draw(CURVE)) == (1280, 660)


async def test_closing_waits_for_no_picture(plotter: Plotter) -> None:
    """The process is frozen, so that the picture would take for ever; one more waits its turn."""
    await plotter.draw(CURVE)
    assert plotter.process_id is not None
    os.kill(plotter.process_id, signal.SIGSTOP)
    drawing = [asyncio.create_task(plotter.draw(CURVE)) for _ in range(2)]
    await asyncio.sleep(0)
    async with asyncio.timeout(20):
        await plotter.close()
        outcomes = await asyncio.gather(*drawing, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [PlotError, PlotError]
    assert plotter.process_id is None


async def test_an_idle_process_is_let_go_and_started_again() -> None:
    plotter = Plotter(idle_seconds=0.0)
    await plotter.draw(CURVE)
    while plotter.process_id is not None:
        await asyncio.sleep(0)
    assert size(await plotter.draw(CURVE)) == (1280, 660)
    await plotter.close()
    assert plotter.process_id is None


async def test_a_message_goes_out_without_the_picture_that_failed(caplog: pytest.LogCaptureFixture) -> None:
    message = render(Kind.LIVE, stories.status(RunState.RUNNING, 100), stories.START)
    outgoing = await compose(message, Plotter(timeout=0.0))
    sent = outgoing.for_send("nonce")
    assert "files" not in sent and sent["nonce"] == "nonce"
    assert sent["embed"].image.url is None
    assert "no picture for brisk-otter-42" in caplog.text


async def test_a_message_with_its_picture_can_be_sent_twice(plotter: Plotter) -> None:
    outgoing = await compose(render(Kind.LIVE, stories.status(RunState.RUNNING, 100), stories.START), plotter)
    for _ in range(2):
        sent, edited = outgoing.for_send(), outgoing.for_edit()
        assert sent["embed"].image.url == "attachment://loss.png"
        assert [file.fp.read() for file in (*sent["files"], *edited["attachments"])] == [outgoing.png] * 2
        assert sent["allowed_mentions"].to_dict()["parse"] == []
        assert sent["silent"]


async def test_an_edit_takes_away_what_the_new_message_has_not(plotter: Plotter) -> None:
    edited = (
        await compose(render(Kind.SUMMARY, stories.status(RunState.RUNNING, 100), stories.START), plotter)
    ).for_edit()
    assert edited["embed"] is None and edited["view"] is None and edited["attachments"] == []
    assert plotter.process_id is None


def test_the_bot_does_not_load_matplotlib() -> None:
    heavy = ("matplotlib", "numpy", "torch", "transformers", "tokenizers")
    code = f"import sys, bot.chat.client, bot.chat.picture; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
