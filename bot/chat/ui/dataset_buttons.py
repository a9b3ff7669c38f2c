"""A data set's buttons. As with runs, all they need to know is in their `custom_id`, of at most 100 characters."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Self, cast

import discord

from bot.chat.render.message import ColumnButton, DatasetAct, DatasetButton, TrainButton
from bot.chat.render.text import clip, visible
from bot.chat.ui.buttons import Look
from trainer_core.models.sizes import SIZES
from trainer_core.models.specs import Size

if TYPE_CHECKING:
    from bot.chat.client import SpotterClient

_LABEL = 80
"""Characters that Discord shows on a button at most."""

_LOOKS = {
    DatasetAct.DELETE: Look("Delete"),
    DatasetAct.DELETE_NOW: Look("Delete it", discord.ButtonStyle.danger),
    DatasetAct.KEEP: Look("Keep"),
}
_NAME = r"[a-z0-9][a-z0-9._-]{0,63}"

_UiButton = discord.ui.Button[discord.ui.View]
_Anyones = discord.Interaction[Any]  # Any: the library leaves the client's type to each call


class TrainItem(
    discord.ui.DynamicItem[_UiButton],
    template=rf"train:(?P<dataset>{_NAME}):(?P<size>{'|'.join(SIZES)}):(?P<budget>[\w. ]{{1,20}})",
):
    """Starts a run on the data set."""

    def __init__(self, button: TrainButton) -> None:
        custom_id = f"train:{button.dataset}:{button.size}:{button.budget}"
        label = f"Train {button.size} · {button.budget}"
        super().__init__(discord.ui.Button(label=label, style=discord.ButtonStyle.success, custom_id=custom_id))
        self.button = button

    @classmethod
    async def from_custom_id(cls, interaction: _Anyones, item: discord.ui.Item[Any], match: re.Match[str], /) -> Self:
        return cls(TrainButton(match["dataset"], cast(Size, match["size"]), match["budget"]))

    async def callback(self, interaction: _Anyones) -> None:
        client: SpotterClient = interaction.client
        await client.pressed(interaction, self.button)


class DatasetItem(
    discord.ui.DynamicItem[_UiButton], template=rf"data:(?P<dataset>{_NAME}):(?P<act>{'|'.join(DatasetAct)})"
):
    """One act on one data set."""

    def __init__(self, button: DatasetButton) -> None:
        look = _LOOKS[button.act]
        custom_id = f"data:{button.dataset}:{button.act}"
        super().__init__(discord.ui.Button(label=look.label, style=look.style, custom_id=custom_id))
        self.button = button

    @classmethod
    async def from_custom_id(cls, interaction: _Anyones, item: discord.ui.Item[Any], match: re.Match[str], /) -> Self:
        return cls(DatasetButton(match["dataset"], DatasetAct(match["act"])))

    async def callback(self, interaction: _Anyones) -> None:
        client: SpotterClient = interaction.client
        await client.pressed(interaction, self.button)


class ColumnItem(
    discord.ui.DynamicItem[_UiButton], template=r"column:(?P<pending>[A-Za-z0-9_-]{1,32}):(?P<index>[0-9]{1,4})"
):
    """Chooses the column that holds the text. Its name is on the label only: it may be of any length."""

    def __init__(self, button: ColumnButton) -> None:
        shown = "".join(filter(str.isprintable, " ".join(visible(button.column).split()))).strip()
        label = clip(shown, _LABEL) or f"choice {button.index + 1}"
        super().__init__(discord.ui.Button(label=label, custom_id=f"column:{button.pending}:{button.index}"))
        self.button = button

    @classmethod
    async def from_custom_id(cls, interaction: _Anyones, item: discord.ui.Item[Any], match: re.Match[str], /) -> Self:
        label = item.label if isinstance(item, discord.ui.Button) else None
        return cls(ColumnButton(match["pending"], int(match["index"]), label or ""))

    async def callback(self, interaction: _Anyones) -> None:
        client: SpotterClient = interaction.client
        await client.pressed(interaction, self.button)
