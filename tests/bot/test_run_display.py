"""What a terminal shows of a run, of text and of pictures."""

from __future__ import annotations

from io import StringIO

from rich.console import Console, RenderableType

from bot.run_display import displayed, summary_table
from tests.bot.chat.stories import events, summary
from trainer_core.events import Event, MetricsEval, MetricsGuard


def printed(renderable: RenderableType) -> str:
    console = Console(file=StringIO(), width=100)
    console.print(renderable)
    return " ".join(console.file.getvalue().split())  # type: ignore[attr-defined]  # the StringIO above


def lines(*story: Event) -> list[str]:
    """What stays of a run's display."""
    out = StringIO()
    with displayed(Console(file=out, width=100)) as display:
        for event in story:
            display.show(event)
    return [" ".join(line.split()) for line in out.getvalue().splitlines() if line.strip().startswith("step")]


def test_evaluations_and_what_the_guard_does_stay_on_the_screen() -> None:
    guarded = MetricsGuard(step=110, action="skip", reason="the [loss] was not a number")
    first, second, guard = lines(*events(100), guarded)
    assert first == "step 0 validation loss 8.300 3.952 bits per byte"
    assert second.startswith("step 100 validation loss") and guard == "step 110 the [loss] was not a number"


def test_pictures_have_no_bits_per_byte() -> None:
    assert lines(MetricsEval(step=5, loss=1.25, accuracy=0.875)) == ["step 5 validation loss 1.250 87.5% told right"]


def test_the_table_holds_what_is_known() -> None:
    said = printed(summary_table(summary()))
    assert "8.317 → 3.412" in said and "bits per byte 4.200 → 1.620" in said and "(2,048,000 tokens in 125 s)" in said
    assert "accuracy" not in said and "ended early" not in said
    pictures = {"bits_per_byte": None, "first_accuracy": 0.1, "accuracy": 0.9, "f1": 0.85, "unit": "pictures"}
    said = printed(summary_table(summary(**pictures, early="it got no better")))
    assert "accuracy 0.100 → 0.900" in said and "F1, mean over classes 0.850" in said and "pictures in" in said
    assert "bits per byte" not in said and "ended early it got no better" in said
    assert "weights" not in said
    assert "weights of step 7, which did best" in printed(summary_table(summary(best_step=7)))
