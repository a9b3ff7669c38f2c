"""The plotting process: JSON lines in, PNGs out. `bot.chat.plot` runs it as `python -m bot.chat.picture`."""

from __future__ import annotations

import io
import os
import sys
from typing import TYPE_CHECKING

from bot.chat.plot import LENGTH, REQUEST
from bot.chat.render.curve import PlotRequest, trend

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_PANEL, _GRID, _TEXT, _FAINT = "#1e1f22", "#313338", "#f2f3f5", "#949ba4"
_TRAIN, _VALIDATION = "#7289ff", "#f0b232"
_SIZE, _DPI = (6.4, 3.3), 200
_TOLD_FROM = 0.15
"""The planned steps are the axis' end once this share of them is done; before, the curve would be a dot in a corner."""

_LEAST_SPAN = 0.5
"""Nats from the bottom to the top at least: noise is not to look like a landslide."""


def draw(request: PlotRequest) -> bytes:
    """The loss curve as a PNG of 1280 by 660 pixels."""
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    figure = Figure(figsize=_SIZE, dpi=_DPI, facecolor=_PANEL, layout=ConstrainedLayoutEngine(w_pad=0.14, h_pad=0.12))
    axes = figure.add_subplot(facecolor=_PANEL)
    _frame(axes, request.title)
    if request.train or request.validation:
        _curves(axes, request)
    else:
        axes.set(xlim=(0, 1), ylim=(0, 1), xticks=[], yticks=[])
        axes.text(0.5, 0.5, "nothing measured yet", color=_FAINT, ha="center", va="center")
    image = io.BytesIO()
    figure.savefig(image, format="png", facecolor=_PANEL)
    return image.getvalue()


def _frame(axes: Axes, title: str) -> None:
    axes.set_title(title, color=_TEXT, loc="left", fontsize=11, fontweight="bold", pad=10, parse_math=False)
    axes.set_xlabel("step", color=_FAINT, fontsize=9)
    axes.set_ylabel("loss, nats per token", color=_FAINT, fontsize=9)
    axes.tick_params(colors=_FAINT, length=0, labelsize=9)
    axes.grid(axis="y", color=_GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _curves(axes: Axes, request: PlotRequest) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    if request.train:
        steps, losses = zip(*request.train, strict=True)
        dot = "o" if len(steps) == 1 else ""
        axes.plot(steps, losses, color=_TRAIN, linewidth=0.8, alpha=0.3)
        axes.plot(steps, trend(request.train), color=_TRAIN, linewidth=2, marker=dot, markersize=4, label="training")
    if request.validation:
        steps, losses = zip(*request.validation, strict=True)
        axes.plot(steps, losses, color=_VALIDATION, linewidth=1.4, marker="o", markersize=4.5, label="validation")
        axes.annotate(
            f"{losses[-1]:.2f}",
            (steps[-1], losses[-1]),
            xytext=(0, 8),
            textcoords="offset points",
            color=_VALIDATION,
            ha="center",
            fontsize=9,
            fontweight="bold",
        )
    axes.margins(y=0.12)
    low, high = axes.get_ylim()
    if high - low < _LEAST_SPAN:
        axes.set_ylim((low + high - _LEAST_SPAN) / 2, (low + high + _LEAST_SPAN) / 2)
    end = max(1, *(points[-1][0] for points in (request.train, request.validation) if points))
    if request.steps_total and end >= _TOLD_FROM * request.steps_total:
        end = max(request.steps_total, end)
    axes.set_xlim(-0.03 * end, 1.03 * end)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=7, integer=True))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda step, _: f"{step:,.0f}"))
    axes.legend(
        loc="lower right",
        bbox_to_anchor=(1, 1),
        ncols=2,
        frameon=False,
        labelcolor=_FAINT,
        fontsize=9,
        borderaxespad=0.3,
    )


def main() -> None:
    os.nice(10)
    for line in sys.stdin.buffer:
        png = draw(REQUEST.validate_json(line))
        sys.stdout.buffer.write(len(png).to_bytes(LENGTH, "big") + png)
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
