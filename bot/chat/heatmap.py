"""The picture of a confusion matrix. Only the plotting process imports it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.chat.palette import FAINT, PANEL, TEXT, TRAIN
from bot.chat.render.confusion import Confusion

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COUNTED = 17
"""Most rows whose cells have room for a number."""
_LONG = 3
"""Characters of a name beyond which names below the columns would run into each other."""


def draw_matrix(axes: Axes, request: Confusion) -> None:
    """Rows are what pictures are, columns what they were taken for; the lighter, the larger the share of the row."""
    from matplotlib.colors import LinearSegmentedColormap

    size = range(len(request.classes))
    shares = [[count / max(1, sum(row)) for count in row] for row in request.matrix]
    colours = LinearSegmentedColormap.from_list("shares", [PANEL, TRAIN])
    axes.imshow(shares, cmap=colours, vmin=0, vmax=1, aspect="auto")
    axes.grid(visible=False)
    slanted = sum(max(len(name), _LONG) for name in request.classes) > 40
    axes.set_xticks(size, request.classes, rotation=40 if slanted else 0, ha="right" if slanted else "center")
    axes.set_yticks(size, request.classes)
    for label in (*axes.get_xticklabels(), *axes.get_yticklabels()):
        label.set_parse_math(False)
        label.set_color(TEXT)
        label.set_fontsize(_font(len(size)))
    axes.set_xticks([at - 0.5 for at in size[1:]], minor=True)
    axes.set_yticks([at - 0.5 for at in size[1:]], minor=True)
    axes.grid(which="minor", color=PANEL, linewidth=2)
    axes.tick_params(which="minor", length=0)
    if len(size) > _COUNTED:
        return
    for right, row in enumerate(request.matrix):
        for told, count in enumerate(row):
            if count:
                is_light = shares[right][told] > 0.6
                colour = PANEL if is_light else TEXT if right != told else FAINT
                weight = "bold" if right == told else "normal"
                axes.text(
                    told, right, _plain(count), color=colour, ha="center", va="center", fontweight=weight,
                    fontsize=_font(len(size)),
                )  # fmt: skip


def _font(classes: int) -> float:
    return 9 if classes <= 8 else 7 if classes <= 12 else 6


def _plain(count: int) -> str:
    return f"{count:,}" if count < 10_000 else f"{count / 1000:.0f}k"
