"""A run that failed or was stopped is tried again: from its newest good checkpoint, once, or not at all."""

from __future__ import annotations

import asyncio
import errno
import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.catalog.catalog import Catalog
from bot.person import Person
from bot.runs import again
from bot.runs.intake import Submission
from bot.runs.model import Run, RunState
from bot.runs.service import RunService
from tests.bot.catalog.laying import lay
from tests.bot.chat import cards
from tests.bot.chat.stories import spec
from tests.bot.runs.conftest import Engine
from tests.bot.runs.test_service import ADA, GRACE, NAME, Asked
from trainer_core.approved import Approved
from trainer_core.data.catalog import BUILTIN
from trainer_core.errors import Code, SpotterError
from trainer_core.faults import Faults, Rule
from trainer_core.files.layout import Home, RunDirectory
from trainer_core.files.sums import write_sums
from trainer_core.guard import MOST_ROLLBACKS
from trainer_core.models.places import Places
from trainer_core.models.specs import ModuleSpec
from trainer_core.spec import parse_spec
from trainer_core.steering import Steer, SteeringLog, due, rollbacks

AGAIN = f"{NAME}-2"


@pytest.fixture
def service(engine: Engine, catalog: Catalog) -> RunService:
    return RunService(engine.database, engine.home, catalog, engine.announce, Asked(), queued_cap=2)


def saved(home: Home, run: str, *steps: int) -> None:
    """The run has checkpoints of these steps."""
    for step in steps:
        folder = home.run(run).checkpoints / f"step-{step:08d}"
        folder.mkdir(parents=True)
        (folder / "model.safetensors").write_bytes(os.urandom(1000))
        (folder / "state.json").write_text(f'{{"step": {step}}}')
        write_sums(folder)


def course_of(run: RunDirectory) -> SteeringLog:
    run.path.mkdir(parents=True, exist_ok=True)
    return SteeringLog(run.steering, lambda: None, pauses=())


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def folders(home: Home) -> list[str]:
    return sorted(home.run_names())


async def ended(engine: Engine, state: RunState = RunState.FAILED, **changes: object) -> Run:
    return await engine.add(state, attempt=1, **changes)


@pytest.mark.parametrize("state", sorted(again.RETRYABLE))
async def test_another_run_goes_on_from_what_was_saved(engine: Engine, service: RunService, state: RunState) -> None:
    await ended(engine, state, priority=1)
    old = await engine.read(NAME)
    saved(engine.home, NAME, 600, 1200)
    before = contents(engine.home.run(NAME).path)
    submitted = await service.retry(ADA, NAME)
    run = submitted.run
    assert (run.name, run.owner_id, run.state, run.priority, run.attempt) == (AGAIN, ADA.id, RunState.QUEUED, 0, 0)
    assert run.spec.model_copy(update={"name": NAME}) == old.spec and run.spec.name == AGAIN
    assert (submitted.resumes_from, submitted.position, submitted.starts_in) == (1200, 1, 0.0)
    assert contents(engine.home.run(AGAIN).path) == {
        path: data for path, data in before.items() if path.startswith("checkpoints/step-00001200/")
    }
    assert contents(engine.home.run(NAME).path) == before and await engine.read(NAME) == old
    assert ADA.id in (await service.status(ADA, AGAIN)).watchers
    assert [change.after for change in engine.changes] == [run]


async def test_what_the_checkpoint_is_of_comes_along(engine: Engine, service: RunService) -> None:
    await ended(engine)
    saved(engine.home, NAME, 600)
    old = engine.home.run(NAME)
    base = Places(old).base
    base.mkdir()
    (base / "model.safetensors").write_bytes(os.urandom(1000))
    write_sums(base)
    for file in (old.module, old.wiring):
        file.write_text(file.name)
    course_of(old).append(Steer(step=300, verb="rate", value=0.01))
    (old.path / "eval").mkdir()
    await service.retry(ADA, NAME)
    assert contents(engine.home.run(AGAIN).path) == contents(old.path)
    assert (Places(engine.home.run(AGAIN)).base / "model.safetensors").samefile(base / "model.safetensors")
    assert not engine.home.run(AGAIN).steering.samefile(old.steering), "each run has a course of its own from here"


@pytest.mark.parametrize("steps", [(), (600,)], ids=["from the beginning", "from a checkpoint"])
async def test_a_run_that_rested_with_its_guards_question_goes_on_when_it_is_tried_again(
    engine: Engine, service: RunService, steps: tuple[int, ...]
) -> None:
    await ended(engine, RunState.STOPPED)
    saved(engine.home, NAME, *steps)
    old = course_of(engine.home.run(NAME))
    old.append(Steer(step=700, verb="rate", value=0.01))
    for _ in range(MOST_ROLLBACKS + 1):
        old.append(Steer(step=sum(steps), verb="rollback", value=0.5, skip=8, reason="the loss ran away"))
    assert (await service.retry(ADA, NAME)).resumes_from == sum(steps)
    new = course_of(engine.home.run(AGAIN)).entries
    assert new[:-1] == old.entries, "with the rates that they led to"
    assert new[-1].verb == "go_on" and rollbacks(new) == 0
    assert due(new, 0, sum(steps)) == new, "it holds from where the run goes on"
    assert course_of(engine.home.run(NAME)).entries == old.entries


async def test_trying_again_does_not_bring_forward_what_comes_later(engine: Engine, service: RunService) -> None:
    await ended(engine)
    saved(engine.home, NAME, 600)
    old = course_of(engine.home.run(NAME))
    for steer in (Steer(step=500, verb="rollback", value=0.5), Steer(step=700, verb="rate", value=0.01)):
        old.append(steer)
    await service.retry(ADA, NAME)
    new = course_of(engine.home.run(AGAIN)).entries
    assert rollbacks(new) == 0
    assert due(new, 1, 600) == () and due(new, 1, 700) == new[1:]


async def test_a_course_that_nobody_can_read_is_not_gone_on_with(engine: Engine, service: RunService) -> None:
    await ended(engine)
    saved(engine.home, NAME, 600)
    engine.home.run(NAME).steering.write_text("rate 0.1")
    with pytest.raises(SpotterError, match="was changed into something") as refused:
        await service.retry(ADA, NAME)
    assert refused.value.code is Code.CHECKPOINT_CORRUPT
    assert folders(engine.home) == [NAME] and engine.changes == []


async def test_a_module_whose_folder_is_no_longer_approved_is_not_run_from_its_copy(
    engine: Engine, catalog: Catalog, service: RunService, tmp_path: Path
) -> None:
    await ended(engine, spec=spec().model_copy(update={"model": ModuleSpec(file="nets/small.py")}))
    saved(engine.home, NAME, 600)
    engine.home.run(NAME).module.write_text("import torch")
    with pytest.raises(SpotterError, match=r"trains `nets/small\.py`, which is no longer in the approved") as refused:
        await service.retry(ADA, NAME)
    assert (refused.value.code, refused.value.field) == (Code.MODEL_NOT_FOUND, "run")
    assert folders(engine.home) == [NAME] and engine.changes == []
    (tmp_path / "nets").mkdir()
    (tmp_path / "nets" / "small.py").touch()
    approved = Approved(modules=(tmp_path / "nets",))
    with_it = RunService(engine.database, engine.home, catalog, engine.announce, Asked(), approved=approved)
    assert (await with_it.retry(ADA, NAME)).resumes_from == 600
    assert engine.home.run(AGAIN).module.read_text() == "import torch"


async def test_the_best_weights_come_along(engine: Engine, service: RunService) -> None:
    """With other settings the new run may not do better; what it ends with is the best of both."""
    await ended(engine)
    for step, loss in ((300, 2.5), (600, 2.0), (900, 2.0), (1200, 3.0)):
        saved(engine.home, NAME, step)
        folder = engine.home.run(NAME).checkpoints / f"step-{step:08d}"
        loop = {"last": {"loss": loss}, "best": {"loss": 2.0}}
        (folder / "state.json").write_text(json.dumps({"evaluated": step != 900, "loop": loop}))
        write_sums(folder)
    assert (await service.retry(ADA, NAME)).resumes_from == 1200
    carried = engine.home.run(AGAIN).checkpoints
    assert sorted(folder.name for folder in carried.iterdir()) == ["step-00000600", "step-00001200"]


async def test_a_corrupt_checkpoint_is_left_behind(engine: Engine, service: RunService) -> None:
    await ended(engine)
    saved(engine.home, NAME, 600, 1200)
    (engine.home.run(NAME).checkpoints / "step-00001200" / "state.json").write_text("{}")
    assert (await service.retry(ADA, NAME)).resumes_from == 600
    assert [path.name for path in engine.home.run(AGAIN).checkpoints.iterdir()] == ["step-00000600"]


async def test_without_a_good_checkpoint_it_starts_from_the_beginning(engine: Engine, service: RunService) -> None:
    await ended(engine)
    assert (await service.retry(ADA, NAME)).resumes_from == 0
    saved(engine.home, NAME, 5)
    (engine.home.run(NAME).checkpoints / "step-00000005" / "sums.json").unlink()
    assert (await service.retry(ADA, NAME)).run.name == f"{NAME}-3"
    assert folders(engine.home) == [NAME]


async def test_a_file_system_without_links_gets_copies(
    engine: Engine, service: RunService, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "link", refuse)
    await ended(engine)
    saved(engine.home, NAME, 7)
    await service.retry(ADA, NAME)
    assert contents(engine.home.run(AGAIN).path) == contents(engine.home.run(NAME).path)


@pytest.mark.parametrize(
    ("state", "says"),
    [
        (RunState.QUEUED, "is still queued"),
        (RunState.RUNNING, "is still running"),
        (RunState.STOPPING, "is still stopping"),
        (RunState.PAUSED, "is paused"),
        (RunState.SUCCEEDED, "has succeeded already"),
    ],
)
async def test_what_has_not_failed_is_not_tried_again(
    engine: Engine, service: RunService, state: RunState, says: str
) -> None:
    await ended(engine, state)
    with pytest.raises(SpotterError, match=says) as refused:
        await service.retry(ADA, NAME)
    assert refused.value.field == "run"
    assert folders(engine.home) == [] and engine.changes == []


@pytest.mark.parametrize("fault", ["folder.sync:1:enospc", "folder.rename:1:enospc"])
async def test_a_full_disk_leaves_nothing_half_made(
    engine: Engine, service: RunService, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    await ended(engine)
    saved(engine.home, NAME, 600)
    with monkeypatch.context() as patch:
        patch.setattr("trainer_core.files.folders.reach", Faults([Rule.parse(fault)]).reach)
        with pytest.raises(SpotterError, match="The disk is full: the run was not tried again") as refused:
            await service.retry(ADA, NAME)
    assert refused.value.code is Code.DISK_FULL
    assert folders(engine.home) == [NAME] and engine.changes == []
    assert (await service.retry(ADA, NAME)).resumes_from == 600


async def test_a_store_that_takes_nothing_leaves_no_folder(
    engine: Engine, service: RunService, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ended(engine)
    saved(engine.home, NAME, 600)
    with monkeypatch.context() as patch:
        patch.setattr("bot.store.db.reach", Faults([Rule.parse("store.commit:1:enospc")]).reach)
        with pytest.raises(SpotterError, match="The disk is full"):
            await service.retry(ADA, NAME)
    assert folders(engine.home) == [NAME]
    assert (await service.retry(ADA, NAME)).run.name == AGAIN


async def test_what_a_killed_bot_left_aside_goes(engine: Engine, service: RunService) -> None:
    await ended(engine)
    saved(engine.home, NAME, 600)
    (engine.home.runs / f".{NAME}-{'0' * 32}" / "checkpoints").mkdir(parents=True)
    await service.retry(ADA, NAME)
    assert folders(engine.home) == [NAME, AGAIN]


async def test_a_double_click_is_one_run(engine: Engine, service: RunService) -> None:
    await ended(engine)
    saved(engine.home, NAME, 600)
    first, second = await asyncio.gather(service.retry(ADA, NAME, "request"), service.retry(ADA, NAME, "request"))
    assert first == second
    assert folders(engine.home) == [NAME, AGAIN]


async def test_nobody_tries_the_runs_of_others(engine: Engine, service: RunService) -> None:
    await ended(engine)
    with pytest.raises(SpotterError, match="no run called"):
        await service.retry(GRACE, NAME)


async def test_the_owner_does_not_train_on_what_is_somebody_elses(engine: Engine, service: RunService) -> None:
    card = lay(engine.home, cards.dataset(name="geese", added_by=str(GRACE.id)))
    await ended(engine, owner_id=GRACE.id, spec=parse_spec({"data": {"dataset": card.name}, "budget": "5 steps"}))
    with pytest.raises(SpotterError, match=r"the data set `geese`.* is not among yours") as refused:
        await service.retry(ADA, NAME)
    assert refused.value.field == "run"
    assert (await service.retry(GRACE, NAME)).run.owner_id == GRACE.id


async def test_a_text_that_was_replaced_is_not_gone_on_with(engine: Engine, service: RunService) -> None:
    other = {"dataset": BUILTIN, "sha256": "0" * 64}
    await ended(engine, spec=parse_spec({"data": other, "budget": "5 steps"}))
    with pytest.raises(SpotterError, match="not what it was"):
        await service.retry(ADA, NAME)


async def test_a_card_that_is_gone_is_not_waited_for(engine: Engine, service: RunService) -> None:
    await ended(engine, spec=spec().model_copy(update={"device": "cuda"}))
    with pytest.raises(SpotterError) as refused:
        await service.retry(ADA, NAME)
    assert refused.value.code is Code.CUDA_NOT_AVAILABLE


async def test_trying_again_counts_among_what_waits(engine: Engine, service: RunService) -> None:
    await ended(engine)
    saved(engine.home, NAME, 600)
    person = Person(ADA.id, is_owner=True)
    for _ in range(2):
        await service.submit(person, Submission(data=BUILTIN, budget="5 steps"))
    with pytest.raises(SpotterError, match="2 runs are waiting"):
        await service.retry(person, NAME)
    assert folders(engine.home) == [NAME]


@given(
    st.from_regex(r"[a-z0-9]+(-[a-z0-9]+)*", fullmatch=True).filter(lambda name: len(name) <= 48), st.integers(0, 30)
)
def test_another_try_has_a_name_of_its_own(name: str, tries: int) -> None:
    taken = {name}
    for _ in range(tries + 1):
        taken.add(new := again.next_name(name, taken))
        assert parse_spec({"name": new, "data": {"dataset": "x"}, "budget": "1s"}).name == new
    assert len(taken) == tries + 2


def test_tries_are_counted() -> None:
    assert again.next_name("song", {"song"}) == "song-2"
    assert again.next_name("song-2", {"song", "song-2"}) == "song-3"
    assert again.next_name("song", {"song", "song-2"}) == "song-3"
    assert again.next_name("brisk-otter-42", {"brisk-otter-42"}) == "brisk-otter-42-2"
