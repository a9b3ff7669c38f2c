from __future__ import annotations

from pathlib import Path

import pytest

from bot.runs.evaluations import read_report
from trainer_core.evals.classes import report
from trainer_core.files.layout import Home, RunDirectory

MADE = report(10, 0.5, ("cat", "dog"), {(0, 0): 3, (1, 0): 1})


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    directory = Home(tmp_path).run("pets-1")
    MADE.write(directory.evaluations)
    return directory


def test_the_report_an_event_names_is_read(run: RunDirectory) -> None:
    assert read_report(run, "eval/step-00000010.json") == MADE


@pytest.mark.parametrize(
    "place", ["", "eval/step-00000011.json", "eval/../spec.json", "../pets-1/eval/step-00000010.json"]
)
def test_what_is_not_there_or_elsewhere_is_none(run: RunDirectory, place: str) -> None:
    assert read_report(run, place) is None


@pytest.mark.parametrize("held", [b"", b"{}", b"\xff"])
def test_what_is_no_report_is_none(run: RunDirectory, held: bytes) -> None:
    (run.evaluations / "step-00000010.json").write_bytes(held)
    assert read_report(run, "eval/step-00000010.json") is None


def test_a_report_on_very_many_classes_is_read(run: RunDirectory) -> None:
    sizes = range(500)
    pairs = ",".join(f"[{right},{told},50000]" for right in sizes for told in sizes)
    names = ",".join(f'"{"x" * 96}{at:04}"' for at in sizes)
    written = f'{{"step":10,"loss":0.5,"classes":[{names}],"confusions":[{pairs}]}}'
    file = run.evaluations / "step-00000010.json"
    file.write_text(written)
    assert (found := read_report(run, "eval/step-00000010.json")) is not None
    assert found.pictures == 50_000 * 500**2


def test_a_report_that_is_too_large_to_be_one_is_not_read(run: RunDirectory, caplog: pytest.LogCaptureFixture) -> None:
    with (run.evaluations / "step-00000010.json").open("r+b") as file:
        file.truncate(2**25 + 1)
    assert read_report(run, "eval/step-00000010.json") is None
    assert "is not read: it has 33554433 bytes" in caplog.text
