"""What pictures are drawn from. The plotting process reads it, and needs nothing of Discord for that."""

from __future__ import annotations

from typing import TypeAlias

from bot.chat.render.confusion import Confusion
from bot.chat.render.curve import PlotRequest
from bot.chat.render.histogram import Histogram

Plot: TypeAlias = PlotRequest | Histogram | Confusion
"""Each kind has fields that the others have not, by which JSON tells them apart."""
