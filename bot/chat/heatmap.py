"""The picture of a confusion matrix. Only the plotting process imports it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bot.chat.palette import PANEL, TEXT, TRAIN, VALIDATION
from bot.chat.render.confusion import Confusion

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SHORT, _ROOM = 3, 44
"""Characters that a short name takes at least below its column, and that all names may take beside each other."""
_EMPTY = "#26272b"
_LIGHT = 0.55
"""Share of a row from which a cell is too light for light numbers."""


def draw_matrix(axes: Axes, request: Confusion) -> None:
    """Rows are what pictures are, columns what they were taken for: what is right in one colour, mistakes in another,
    the stronger, the larger their share of the row.
    """
    from matplotlib.colors import LinearSegmentedColormap

    size = range(len(request.classes))
    hit, miss = (LinearSegmentedColormap.from_list(ink, [_EMPTY, ink]) for ink in (TRAIN, VALIDATION))
    shares = [[count / max(1, sum(row)) for count in row] for row in request.matrix]
    axes.imshow(
        [[(hit if row == column else miss)(shares[row][column]) for column in size] for row in size], aspect="auto"
    )
    _name_axes(axes, request.classes)
    for row, counts in enumerate(request.matrix):
        for column, count in enumerate(counts):
            if count:
                axes.text(
                    column,
                    row,
                    _plain(count),
                    color=PANEL if shares[row][column] > _LIGHT else TEXT,
                    ha="center",
                    va="center",
                    fontsize=_font(len(size)),
                    fontweight="bold" if row == column else "normal",
                )


def _name_axes(axes: Axes, classes: Sequence[str]) -> None:
    size = range(len(classes))
    slanted = sum(max(len(name), _SHORT) for name in classes) > _ROOM
    axes.grid(visible=False)
    axes.set_xticks(size, classes, rotation=40 if slanted else 0, ha="right" if slanted else "center")
    axes.set_yticks(size, classes)
    for label in (*axes.get_xticklabels(), *axes.get_yticklabels()):
        label.set_parse_math(False)
        label.set_color(TEXT)
        label.set_fontsize(_font(len(size)))
    between = [at - 0.5 for at in size[1:]]
    axes.set_xticks(between, minor=True)
    axes.set_yticks(between, minor=True)
    axes.grid(which="minor", color=PANEL, linewidth=2)
    axes.tick_params(which="minor", length=0)


def _font(classes: int) -> float:
    return 9 if classes <= 8 else 7 if classes <= 12 else 6


def _plain(count: int) -> str:
    return f"{count:,}" if count < 10_000 else f"{count / 1000:.0f}k"
