"""What is told and heard before a run trains."""

from __future__ import annotations

from tests.trainer_core.conftest import small_spec
from tests.trainer_core.models.conftest import finished_run
from trainer_core.control import ControlReader, write_control
from trainer_core.data.card import DatasetCard
from trainer_core.events import Event, JobProgress, JobStopped
from trainer_core.files.layout import Home
from trainer_core.models.places import Places
from trainer_core.models.specs import GPT2Spec
from trainer_core.run import run


def test_a_run_is_told_of_and_can_be_ended_while_its_model_is_looked_for(home: Home, card: DatasetCard) -> None:
    directory = home.run("calm-heron-7")
    finished_run(Places(directory), "brisk-otter-42", GPT2Spec(size="depth=1"))
    directory.attempt(1).path.mkdir(parents=True)
    spec = small_spec(model={"family": "pretrained", "source": "run:brisk-otter-42"}, tokenizer={})
    directory.spec.write_text(spec.model_dump_json())
    events: list[Event] = []

    def report(event: Event) -> None:
        events.append(event)
        if isinstance(event, JobProgress):
            write_control(directory.attempt(1).control, "stop")

    run(directory, 1, report, ControlReader(directory.attempt(1).control))
    told = [(event.phase, event.message) for event in events if isinstance(event, JobProgress)]
    assert told == [("model", "looking for brisk-otter-42")]
    assert isinstance(events[-1], JobStopped)
