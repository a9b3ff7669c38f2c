"""From a `Message` to what discord.py sends: the picture drawn, files attached, buttons made, mentions off."""

from __future__ import annotations

import io
import logging
from dataclasses import dataclass
from typing import NotRequired, TypedDict

import discord

from bot.chat.plot import PlotError, Plotter
from bot.chat.render.message import Message
from bot.chat.render.plots import Plot
from bot.chat.ui.view import buttons_view

_log = logging.getLogger(__name__)


class Send(TypedDict):
    """Keyword arguments of `Messageable.send`. What there is nothing of is left out."""

    content: NotRequired[str]
    embed: NotRequired[discord.Embed]
    files: NotRequired[list[discord.File]]
    view: NotRequired[discord.ui.View]
    allowed_mentions: discord.AllowedMentions
    silent: bool
    nonce: NotRequired[str]


class Edit(TypedDict):
    """Keyword arguments of `PartialMessage.edit` and `Interaction.edit_original_response`: they replace everything.

    Without `attachments` the picture that is there stays.
    """

    content: str | None
    embed: discord.Embed | None
    attachments: NotRequired[list[discord.File]]
    view: discord.ui.View | None
    allowed_mentions: discord.AllowedMentions


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message with its picture. Each call makes fresh files and views, so that a retry can send them again."""

    message: Message
    png: bytes | None = None
    keeps: bool = False
    """Whether an edit leaves the picture that the message shows."""

    def for_send(self, nonce: str | None = None) -> Send:
        """`nonce`: at most 25 characters; Discord takes a second message with the same one for the first."""
        arguments = Send(allowed_mentions=discord.AllowedMentions.none(), silent=self.message.silent)
        if self.message.content is not None:
            arguments["content"] = self.message.content
        if (embed := self._embed()) is not None:
            arguments["embed"] = embed
        if files := self._files():
            arguments["files"] = files
        if (view := buttons_view(self.message.buttons)) is not None:
            arguments["view"] = view
        if nonce is not None:
            arguments["nonce"] = nonce
        return arguments

    def for_edit(self) -> Edit:
        arguments = Edit(
            content=self.message.content,
            embed=self._embed(),
            view=buttons_view(self.message.buttons),
            allowed_mentions=discord.AllowedMentions.none(),
        )
        if not self.keeps:
            arguments["attachments"] = self._files()
        return arguments

    def _embed(self) -> discord.Embed | None:
        embed, plot = self.message.embed, self.message.plot
        if embed is None or plot is None or not (self.png or self.keeps):
            return embed
        return embed.copy().set_image(url=f"attachment://{plot.filename}")

    def _files(self) -> list[discord.File]:
        plot = self.message.plot
        return [] if plot is None or self.png is None else [discord.File(io.BytesIO(self.png), filename=plot.filename)]


async def compose(message: Message, plotter: Plotter) -> Outgoing:
    """Draw what is to be drawn. Without its picture, if that fails, the message goes all the same."""
    return Outgoing(message, await picture(message.plot, plotter) if message.plot else None)


async def picture(plot: Plot, plotter: Plotter) -> bytes | None:
    """The PNG. One that fails is logged, and None."""
    try:
        return await plotter.draw(plot)
    except PlotError as error:
        _log.warning("no picture for %s: %s", plot.title, error)
        return None
