"""A run as a terminal shows it: a bar with its newest step, a line for each evaluation, a table at the end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from trainer_core.events import (
    Event,
    JobProgress,
    MetricsConfig,
    MetricsEval,
    MetricsGuard,
    MetricsProgress,
    Summary,
    Unit,
)


class RunDisplay:
    """Takes a run's events as they come."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._bar = progress.add_task("starting", total=1.0)
        self._unit: Unit = "tokens"

    def show(self, event: Event) -> None:
        match event:
            case JobProgress():
                self._progress.update(self._bar, description=escape(f"{event.phase} {event.message}".strip()))
            case MetricsConfig():
                self._unit = event.unit
            case MetricsProgress():
                rate = f"{event.tokens_per_second:,.0f} {self._unit}/s"
                said = f"step {event.step}/{event.steps_total} · loss {event.loss:.3f} · {rate}"
                self._progress.update(self._bar, completed=event.fraction, description=said)
            case MetricsEval():
                self._say(event.step, "  ".join([f"validation loss {event.loss:.3f}", *_quality(event)]))
            case MetricsGuard():
                self._say(event.step, event.reason)
            case _:
                pass

    def _say(self, step: int, said: str) -> None:
        self._progress.console.print(f"  step {step:>6}  {escape(said)}", soft_wrap=True)


@contextmanager
def displayed(console: Console) -> Iterator[RunDisplay]:
    """A run is shown while the block lasts."""
    with Progress(
        BarColumn(bar_width=30),
        TextColumn("{task.percentage:>3.0f} %"),
        TextColumn("{task.description}"),
        TimeRemainingColumn(compact=True),
        console=console,
        transient=True,
    ) as progress:
        yield RunDisplay(progress)


def summary_table(summary: Summary) -> Table:
    """What the run came to; a number that is not known has no line."""
    table = Table(show_header=False, box=None)
    for name, first, last in (
        ("validation loss", summary.first_loss, summary.loss),
        ("bits per byte", summary.first_bits_per_byte, summary.bits_per_byte),
        ("accuracy", summary.first_accuracy, summary.accuracy),
        ("F1, mean over classes", None, summary.f1),
    ):
        if last is not None:
            before = "" if first is None else f"{first:.3f} → "
            table.add_row(name, f"{before}[bold]{last:.3f}[/]")
    table.add_row("steps", f"{summary.steps:,} ({summary.tokens:,} {summary.unit} in {summary.seconds:,.0f} s)")
    table.add_row("parameters", f"{summary.parameters:,}")
    if summary.early:
        table.add_row("ended early", escape(summary.early))
    if summary.best_step is not None:
        table.add_row("weights", f"of step {summary.best_step:,}, which did best on the held-out data")
    return table


def _quality(event: MetricsEval) -> Iterator[str]:
    if event.bits_per_byte is not None:
        yield f"{event.bits_per_byte:.3f} bits per byte"
    if event.accuracy is not None:
        yield f"{event.accuracy:.1%} told right"
