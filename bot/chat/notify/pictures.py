"""Which edits of a live card bring a new picture: drawing is dear, and most edits change a curve by less than a dot."""

from __future__ import annotations

import time
from collections.abc import Callable

from bot.chat.outgoing import Outgoing, compose
from bot.chat.plot import Plotter
from bot.chat.render.curve import PlotRequest
from bot.chat.render.message import Message

_VISIBLE = 0.02
"""Of the picture's width: what a curve grows by before it is drawn again."""
_LINE = 2
"""So many pictures may wait to be drawn before a message goes without its own, or keeps the one it has."""
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

    async def compose(self, message: Message, letter_id: int, *, is_card: bool, is_edit: bool) -> Outgoing:
        """The message with its picture. A card has a new one if nobody else wants any; other messages wait in line."""
        plot = message.plot
        if plot is None:
            return Outgoing(message)
        if not (self._may_draw_card(letter_id, plot) if is_card else self._plotter.line <= _LINE):
            return Outgoing(message, keeps=is_edit)
        if is_card:
            self._next_card = self._steady() + _CARD_PAUSE
        outgoing = await compose(message, self._plotter)
        if outgoing.png is None:
            return Outgoing(message, keeps=is_edit)
        if is_card:
            self._shown[letter_id] = PlotRequest(plot.title, plot.train[-1:], plot.validation, plot.steps_total)
        return outgoing

    def _may_draw_card(self, letter_id: int, plot: PlotRequest) -> bool:
        free = not self._plotter.line and self._steady() >= self._next_card
        return free and looks_new(self._shown.get(letter_id), plot)

    def forget(self, letter_id: int) -> None:
        """The message never changes again."""
        self._shown.pop(letter_id, None)
