from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.chat.notify.kinds import Kind
from bot.chat.render import classes
from bot.chat.render.answers import status_reply
from bot.chat.render.confusion import Confusion
from bot.chat.render.curve import PlotRequest
from bot.chat.render.message import Message
from bot.chat.render.reports import render
from bot.runs.model import RunState, RunStatus
from tests.bot.chat import stories
from tests.bot.chat.render.budgets import check
from trainer_core.evals.classes import ClassReport, report
from trainer_core.events import MetricsEval, Summary

NOW = stories.START + 60
PETS = report(1000, 0.2, ("cat", "d*g", "owl"), {(0, 0): 40, (0, 1): 9, (1, 1): 38, (1, 0): 2, (2, 2): 3})


def pictures(**changes: object) -> Summary:
    told = {"first_accuracy": 0.33, "accuracy": 81 / 92, "f1": 0.9, "unit": "pictures", "sample": ""}
    return stories.summary(**{"bits_per_byte": None, "first_bits_per_byte": None, **told, **changes})


def ended(found: ClassReport | None = PETS) -> RunStatus:
    status = stories.status(RunState.SUCCEEDED, 1000, summary=pictures())
    return replace(status, classes=found, sample=None)


def fields(message: Message) -> dict[str, str]:
    assert message.embed
    return {str(field.name): str(field.value) for field in message.embed.fields}


def test_the_end_of_a_classifier_tells_how_well_and_draws_what_it_mistakes() -> None:
    message = render(Kind.COMPLETED, ended(), NOW)
    check(message)
    assert "Accuracy 33.0 % → 88.0 %." in str(message.content)
    shown = fields(message)
    assert (shown["Accuracy"], shown["F1"]) == ("33.0 % → 88.0 %", "0.900")
    assert "Perplexity" not in shown and "Bits per byte" not in shown
    assert shown["Each class"].splitlines()[1:-1] == [
        "               prec  rec   F1   n",
        "cat            0.95 0.82 0.88  49",
        "d*g            0.81 0.95 0.87  40",
        "owl            1.00 1.00 1.00   3",
    ]
    assert shown["Mistaken most"] == "cat for d\\*g 9× · d\\*g for cat 2×"
    assert shown["⚠️ Few pictures"] == "Fewer than 5 pictures are held out of owl: their figures are mostly chance."
    assert isinstance(message.plot, Confusion) and message.plot.matrix == PETS.matrix()


def test_status_shows_the_matrix_of_a_run_that_has_ended_and_the_card_keeps_its_curve() -> None:
    assert isinstance(status_reply(ended(), NOW, 7).plot, Confusion)
    assert isinstance(render(Kind.LIVE, ended(), NOW).plot, PlotRequest)
    assert isinstance(status_reply(ended(None), NOW, 7).plot, PlotRequest), "the report is gone"


def test_a_classifier_that_goes_on_tells_its_accuracy() -> None:
    evals = [MetricsEval(step=step, loss=1.0, accuracy=share) for step, share in ((0, 0.25), (400, 0.999))]
    status = replace(stories.status(RunState.RUNNING, 430), first_eval=evals[0], last_eval=evals[1])
    assert fields(render(Kind.LIVE, status, NOW))["Accuracy"] == "99.9 % (from 25.0 %)"
    assert "accuracy 99.9 %" in str(render(Kind.SUMMARY, status, NOW).content)


def test_all_right_is_the_only_hundred() -> None:
    assert (classes.percent(1.0), classes.percent(0.99999), classes.percent(0.0)) == ("100.0 %", "99.9 %", "0.0 %")
    assert classes.percent(0.29) == "29.0 %"


def test_of_very_many_classes_the_hardest_are_listed() -> None:
    found = {(at, at): 100 - at for at in range(40)} | {(7, 8): 90}
    (table, *_) = classes.table(report(1, 0.5, [f"class {at}" for at in range(40)], found))
    assert table.name == "The 12 hardest of 40 classes"
    assert {line[:8].strip() for line in table.value.splitlines()[2:4]} == {"class 7", "class 8"}


def test_wide_names_leave_the_figures_in_their_columns() -> None:
    names = ("猫" * 7, "猫" * 9, "犬x" + "猫" * 9, "e\u0301" * 14, "cat")
    (table, *_) = classes.table(report(1, 0.5, names, {(at, at): 10 for at in range(5)}))
    rows = [line.partition(" 1.00")[0] for line in table.value.splitlines()[2:-1]]
    assert rows == ["猫" * 7, "猫" * 6 + "… ", "犬x" + "猫" * 5 + "…", "e\u0301" * 14, "cat" + " " * 11]


@settings(max_examples=25)
@given(st.lists(st.text(min_size=1, max_size=60), min_size=1, max_size=40, unique=True), st.data())
def test_whatever_classes_are_called_it_fits(names: list[str], data: st.DataObject) -> None:
    place = st.integers(0, len(names) - 1)
    found = data.draw(st.dictionaries(st.tuples(place, place), st.integers(1, 10**6), min_size=1, max_size=60))
    message = render(Kind.COMPLETED, ended(report(1000, 0.2, names, found)), NOW)
    check(message)
    block = next(value for name, value in fields(message).items() if name.startswith(("Each class", "The 12")))
    assert block.startswith("```") and block.endswith("```") and block.count("`") == 6
