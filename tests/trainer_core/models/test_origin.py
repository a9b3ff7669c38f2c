"""What a run is made from beside its spec stays what it was, in a run that goes on for another one too."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.runs.again import carry_over
from tests.trainer_core.conftest import run_attempt, small_spec
from trainer_core.approved import Approved
from trainer_core.data.card import DatasetCard
from trainer_core.errors import Code, SpotterError
from trainer_core.events import Event, JobPaused, MetricsProgress
from trainer_core.files.layout import Home
from trainer_core.files.sums import write_sums
from trainer_core.models.origin import Origin, origin_of
from trainer_core.models.places import Places
from trainer_core.steering import Steer

MODULE = """
from torch import nn


class Reader(nn.Module):
    def __init__(self, vocab_size, width=8):
        super().__init__()
        self.read = nn.Embedding(vocab_size, width)
        self.head = nn.Linear(width, vocab_size)

    def forward(self, idx):
        return self.head(self.read(idx)) * 1.0
"""
COURSE = (Steer(step=1, verb="rate", value=0.02), Steer(step=4, verb="rate", value=0.001))
"""The second one was decided after the checkpoint that the run is tried again from."""


def test_a_run_that_is_tried_again_goes_on_with_its_own_code_and_course(
    home: Home, card: DatasetCard, tmp_path: Path
) -> None:
    nets = tmp_path / "nets"
    nets.mkdir()
    (nets / "reader.py").write_text(MODULE)
    approved = Approved(modules=(nets,))
    spec = small_spec(model={"family": "module", "file": "nets/reader.py"})
    whole, first = home.run("whole"), home.run("first")
    for directory in (whole, first):
        directory.path.mkdir(parents=True)
        directory.steering.write_text("".join(f"{steer.model_dump_json()}\n" for steer in COURSE))
    expected = steps(run_attempt(whole, spec, approved=approved))
    before = run_attempt(first, spec, pause_after=3, approved=approved)
    assert isinstance(before[-1], JobPaused)

    (nets / "reader.py").write_text(MODULE.replace("* 1.0", "* -3.0"))
    second = home.run("second")
    carry_over(first).become(second)
    after = run_attempt(second, spec, approved=approved)
    assert [*steps(before), *steps(after)] == expected

    third = home.run("third")
    carry_over(first).become(third)
    third.module.unlink()
    with pytest.raises(SpotterError, match=r"module\.py .* is not what it was") as refused:
        run_attempt(third, spec, approved=approved)
    assert refused.value.code is Code.MODEL_INCOMPATIBLE


def steps(events: list[Event]) -> list[tuple[int, float, float]]:
    return [(event.step, event.loss, event.learning_rate) for event in events if isinstance(event, MetricsProgress)]


def test_the_origin_is_the_same_for_the_same_files_only(places: Places) -> None:
    assert origin_of(places) == Origin()
    places.base.mkdir(parents=True)
    found = []
    for weights in (b"these", b"those", b"these"):
        (places.base / "model.safetensors").write_bytes(weights)
        write_sums(places.base)
        found.append(origin_of(places))
    assert found[0] == found[2] != found[1]
    places.run.module.write_text(MODULE)
    with_module = origin_of(places)
    assert with_module.base == found[2].base and with_module.module is not None
