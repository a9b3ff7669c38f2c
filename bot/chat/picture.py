"""The plotting process: JSON lines in, PNGs out. `bot.chat.plot` runs it as `python -m bot.chat.picture`."""

from __future__ import annotations

import io
import math
import os
import sys
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from bot.chat.heatmap import draw_matrix
from bot.chat.palette import FAINT, GRID, PANEL, TEXT, TRAIN, VALIDATION
from bot.chat.plot import LENGTH, REQUEST
from bot.chat.render.confusion import Confusion
from bot.chat.render.curve import PlotRequest, trend
from bot.chat.render.histogram import Histogram
from bot.chat.render.plots import Plot

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SIZE, _SQUARER, _DPI = (6.4, 3.3), (6.4, 5.2), 200
_TOLD_FROM = 0.15
"""The planned steps are the axis' end once this share of them is done; before, the curve would be a dot in a corner."""

_LEAST_SPAN = 0.5
"""Nats from the bottom to the top at least: noise is not to look like a landslide."""

_BAR = 0.92
"""Of the room between two edges."""
_GROWS = 3
"""Times the first bar's width from which the last one's tells of a logarithmic scale."""
_TICKS = 8


def draw(request: Plot) -> bytes:
    """A PNG of 1280 by 660 pixels; a matrix is as wide and 1040 high."""
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    shape = _SQUARER if isinstance(request, Confusion) else _SIZE
    figure = Figure(figsize=shape, dpi=_DPI, facecolor=PANEL, layout=ConstrainedLayoutEngine(w_pad=0.14, h_pad=0.12))
    axes = figure.add_subplot(facecolor=PANEL)
    match request:
        case Confusion():
            _frame(axes, request.title, "what it is taken for", "what it is")
            draw_matrix(axes, request)
        case Histogram():
            _frame(axes, request.title, "characters in a document", "documents")
            _bars(axes, request)
        case PlotRequest():
            _frame(axes, request.title, "step", "loss, nats per token")
            _curves(axes, request)
    image = io.BytesIO()
    figure.savefig(image, format="png", facecolor=PANEL)
    return image.getvalue()


def _frame(axes: Axes, title: str, x: str, y: str) -> None:
    axes.set_title(title, color=TEXT, loc="left", fontsize=11, fontweight="bold", pad=10, parse_math=False)
    axes.set_xlabel(x, color=FAINT, fontsize=9)
    axes.set_ylabel(y, color=FAINT, fontsize=9)
    axes.tick_params(colors=FAINT, length=0, labelsize=9)
    axes.grid(axis="y", color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _curves(axes: Axes, request: PlotRequest) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    if not (request.train or request.validation):
        axes.set(xlim=(0, 1), ylim=(0, 1), xticks=[], yticks=[])
        axes.text(0.5, 0.5, "nothing measured yet", color=FAINT, ha="center", va="center")
        return
    if request.train:
        steps, losses = zip(*request.train, strict=True)
        dot = "o" if len(steps) == 1 else ""
        axes.plot(steps, losses, color=TRAIN, linewidth=0.8, alpha=0.3)
        axes.plot(steps, trend(request.train), color=TRAIN, linewidth=2, marker=dot, markersize=4, label="training")
    if request.validation:
        steps, losses = zip(*request.validation, strict=True)
        axes.plot(steps, losses, color=VALIDATION, linewidth=1.4, marker="o", markersize=4.5, label="validation")
        axes.annotate(
            f"{losses[-1]:.2f}",
            (steps[-1], losses[-1]),
            xytext=(0, 8),
            textcoords="offset points",
            color=VALIDATION,
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
        labelcolor=FAINT,
        fontsize=9,
        borderaxespad=0.3,
    )


def _bars(axes: Axes, request: Histogram) -> None:
    """Edges that grow by a factor stand on a logarithmic scale, so that the bars are about equally wide."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator

    first, last = request.edges[1] - request.edges[0], request.edges[-1] - request.edges[-2]
    scaled = last > _GROWS * first
    place = _on_log_scale if scaled else float
    edges = [place(edge) for edge in request.edges]
    widths = [(right - left) * _BAR for left, right in pairwise(edges)]
    middles = [(left + right) / 2 for left, right in pairwise(edges)]
    axes.bar(middles, request.counts, width=widths, color=TRAIN, linewidth=0)
    median = min(max(place(request.median), edges[0]), edges[-1])
    axes.axvline(median, ymax=0.9, color=VALIDATION, linewidth=1.6, linestyle=(0, (3, 2)))
    is_right = median > (edges[0] + edges[-1]) / 2
    axes.annotate(
        f"median {_plain(request.median)}",
        (median, 0.9),
        xycoords=("data", "axes fraction"),
        xytext=(-5 if is_right else 5, 0),
        textcoords="offset points",
        color=VALIDATION,
        ha="right" if is_right else "left",
        va="center",
        fontsize=9,
        fontweight="bold",
    )
    margin = 0.02 * (edges[-1] - edges[0])
    axes.set_xlim(edges[0] - margin, edges[-1] + margin)
    axes.set_ylim(0, 1.25 * max(request.counts))
    if scaled:
        axes.xaxis.set_major_locator(FixedLocator([math.log10(tick) for tick in _round_ticks(request.edges)]))
    else:
        axes.xaxis.set_major_locator(MaxNLocator(nbins=7, integer=True))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda at, _: _plain(10**at if scaled else at)))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda count, _: _plain(count)))


def _on_log_scale(length: int) -> float:
    return math.log10(max(length, 1))


def _round_ticks(edges: Sequence[int]) -> list[int]:
    """Round lengths from the first edge to the last, as many as can be read; the edges themselves if none is round."""
    powers = range(int(_on_log_scale(edges[-1])) + 1)
    for leading in ((1, 2, 5), (1, 3), (1,)):
        ticks = [figure * 10**power for power in powers for figure in leading]
        ticks = [tick for tick in ticks if max(edges[0], 1) <= tick <= edges[-1]]
        if len(ticks) <= _TICKS:
            break
    return ticks or [max(edges[0], 1), edges[-1]]


def _plain(value: float) -> str:
    """`750`, `1.5k`, `20M`: a tick's number without needless noughts."""
    for scale, suffix in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if value >= scale:
            return f"{value / scale:.3g}{suffix}"
    return f"{value:.3g}"


def main() -> None:
    os.nice(10)
    for line in sys.stdin.buffer:
        png = draw(REQUEST.validate_json(line))
        sys.stdout.buffer.write(len(png).to_bytes(LENGTH, "big") + png)
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
