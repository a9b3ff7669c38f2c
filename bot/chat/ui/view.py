"""The buttons under a message, and the client's way of knowing them again."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any

import discord

from bot.chat.render.message import AnyButton, Button, ColumnButton, DatasetButton, TrainButton
from bot.chat.ui.buttons import RunButton
from bot.chat.ui.dataset_buttons import ColumnItem, DatasetItem, TrainItem

ITEMS = (RunButton, TrainItem, DatasetItem, ColumnItem)
"""What a press is looked up in."""
MOST = 25
"""Buttons under a message, in rows of five."""


def buttons_view(buttons: Sequence[AnyButton]) -> discord.ui.View | None:
    """The buttons in rows; None if there are none."""
    if not buttons:
        return None
    view = discord.ui.View(timeout=None)
    for button in islice(buttons, MOST):
        view.add_item(_item(button))
    # The library would keep every view that waits for presses; these are found by their `custom_id` instead.
    view.stop()
    return view


def _item(button: AnyButton) -> discord.ui.Item[Any]:  # Any: the library leaves the view's type open
    match button:
        case Button():
            return RunButton(button)
        case TrainButton():
            return TrainItem(button)
        case DatasetButton():
            return DatasetItem(button)
        case ColumnButton():
            return ColumnItem(button)
