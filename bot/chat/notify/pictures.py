"""Which edits of a live card bring a new picture: drawing is dear, and most edits change a curve by less than a dot."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable

from bot.chat.outgoing import Outgoing, picture
from bot.chat.plot import Plotter
from bot.chat.render.curve import PlotRequest
from bot.chat.render.message import Message
from bot.chat.render.plots import Plot

_VISIBLE = 0.02
"""Of the picture's width: what a curve grows by before it is drawn again."""
_PATIENCE = 0.5
"""Seconds that word of an end waits for its picture. What is drawn later comes with an edit."""
_KEPT = 8
"""Pictures kept: how a run ended is drawn once for the notices to all who watch it, and for their cards."""
_CARD_PAUSE = 1.0
"""Seconds between two pictures of cards, whoever's: the processor is for training, and notices need pictures, too."""


def looks_new(shown: PlotRequest | None, now: PlotRequest) -> bool:
    """Whether somebody who sees the picture of `shown` would see a difference: it is much longer, or has a dot more."""
    if shown is None or len(now.validation) != len(shown.validation) or now.steps_total != shown.steps_total:
        return True
    width = max(now.steps_total or 0, _end(now), 1)
    return abs(_end(now) - _end(shown)) >= _VISIBLE * width


def _end(request: PlotRequest) -> int:
    return max((points[-1][0] for points in (request.train, request.validation) if points), default=0)


class Pictures:
    """Draws what messages show, and remembers what each live card shows by now."""

    def __init__(self, plotter: Plotter, *, steady: Callable[[], float] = time.monotonic) -> None:
        self._plotter = plotter
        self._steady = steady
        self._next_card = 0.0
        self._shown: dict[int, PlotRequest] = {}
        """By letter: the newest picture, its training curve only to its end."""
        self._drawn: OrderedDict[Plot, asyncio.Task[bytes | None]] = OrderedDict()

    async def for_card(self, message: Message, letter_id: int, *, is_edit: bool) -> Outgoing:
        """A card that will change again. It has a new picture if nobody else waits for any."""
        plot = message.plot
        if not isinstance(plot, PlotRequest):
            return Outgoing(message)
        if not self._may_draw_card(letter_id, plot):
            return Outgoing(message, keeps=is_edit)
        self._next_card = self._steady() + _CARD_PAUSE
        png = await picture(plot, self._plotter)
        if png is None:
            return Outgoing(message, keeps=is_edit)
        self._shown[letter_id] = PlotRequest(plot.title, plot.train[-1:], plot.validation, plot.steps_total)
        return Outgoing(message, png)

    async def for_last(self, message: Message) -> tuple[Outgoing, bool]:
        """A message in its last state, and whether its picture is still being drawn: ask again for the same then."""
        if message.plot is None:
            return Outgoing(message), False
        drawing = self._drawing(message.plot)
        done, _ = await asyncio.wait({drawing}, timeout=_PATIENCE)
        return (Outgoing(message, drawing.result()), False) if done else (Outgoing(message), True)

    def forget(self, letter_id: int) -> None:
        """The message never changes again."""
        self._shown.pop(letter_id, None)

    def _may_draw_card(self, letter_id: int, plot: PlotRequest) -> bool:
        free = not self._plotter.line and self._steady() >= self._next_card
        return free and looks_new(self._shown.get(letter_id), plot)

    def _drawing(self, plot: Plot) -> asyncio.Task[bytes | None]:
        if plot not in self._drawn:
            self._drawn[plot] = asyncio.create_task(picture(plot, self._plotter), name=f"picture of {plot.title}")
            for old in [known for known, task in self._drawn.items() if task.done()][:-_KEPT]:
                del self._drawn[old]
        return self._drawn[plot]
