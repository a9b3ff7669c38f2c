"""What people ask of runs: paused, resumed, decided upon, refused."""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from bot.catalog.catalog import Catalog
from bot.person import Person
from bot.runs.intake import Submission
from bot.runs.model import Request, Run, RunState, Stall
from bot.runs.models import ModelChoice
from bot.runs.service import RunService
from bot.runs.slots import Slot, share
from bot.runs.stalls import Choice
from bot.store import runs as rows
from tests.bot.catalog.conftest import prose, received
from tests.bot.catalog.inline import Inline
from tests.bot.catalog.laying import lay
from tests.bot.chat import cards
from tests.bot.chat.stories import progress, spec
from tests.bot.runs.conftest import Engine
from tests.bot.storing import append_events
from trainer_core.errors import Code, SpotterError
from trainer_core.events import JobProgress, Phase
from trainer_core.faults import Faults, Rule
from trainer_core.spec import TokenizerSpec
from trainer_core.tasks.orders import Progress
from trainer_core.tokenizers.located import kept_in

ADA, GRACE = Person(7, is_owner=True), Person(8, is_owner=False)
NAME = "brisk-otter-42"


@dataclass
class Asked:
    """Whoever starts and tends runs: a port of its own, which notes what it is asked."""

    slots: tuple[Slot, ...] = share(1, 2, ())
    held: dict[str, float] = field(default_factory=dict)
    running_cap: int = 0
    calls: list[tuple[str, str]] = field(default_factory=list)

    def wake(self) -> None:
        self.calls.append(("wake", ""))

    def stop(self, run: Run) -> None:
        self.calls.append(("stop", run.name))

    def pause(self, run: Run) -> None:
        self.calls.append(("pause", run.name))

    def steer(self, run: Run) -> None:
        self.calls.append(("steer", run.name))

    def restart(self, run: Run) -> None:
        self.calls.append(("restart", run.name))

    def wait(self, run: Run) -> None:
        self.calls.append(("wait", run.name))


@pytest.fixture
def asked() -> Asked:
    return Asked()


@pytest.fixture
def service(engine: Engine, catalog: Catalog, asked: Asked) -> RunService:
    return RunService(engine.database, engine.home, catalog, engine.announce, asked, queued_cap=2)


@pytest.mark.parametrize("state", [RunState.STARTING, RunState.RUNNING])
async def test_a_run_with_a_worker_is_asked_to_pause_once(
    engine: Engine, service: RunService, asked: Asked, state: RunState
) -> None:
    await engine.add(state, attempt=1)
    assert (await service.pause(ADA, NAME)).state is RunState.PAUSING
    assert (await service.pause(ADA, NAME)).state is RunState.PAUSING
    assert asked.calls == [("pause", NAME)]


async def test_a_run_that_waits_is_paused_at_once_and_queued_again(
    engine: Engine, service: RunService, asked: Asked
) -> None:
    await engine.add(RunState.QUEUED, attempt=0)
    assert (await service.pause(ADA, NAME)).state is RunState.PAUSED
    resumed = await service.resume(ADA, NAME)
    assert resumed.state is RunState.QUEUED
    assert await service.resume(ADA, NAME) == resumed, "a second press changes nothing"
    assert asked.calls == [("wake", "")]


@pytest.mark.parametrize(
    ("state", "verb", "says"),
    [
        (RunState.STOPPING, "pause", "being stopped"),
        (RunState.SUCCEEDED, "pause", "has succeeded already"),
        (RunState.PAUSING, "resume", "still pausing"),
        (RunState.STOPPING, "resume", "still stopping"),
        (RunState.FAILED, "resume", "has failed already"),
        (RunState.STOPPED, "stop", "has stopped already"),
    ],
)
async def test_what_cannot_be_is_refused(
    engine: Engine, service: RunService, asked: Asked, state: RunState, verb: str, says: str
) -> None:
    await engine.add(state, attempt=1)
    with pytest.raises(SpotterError, match=says) as refused:
        await getattr(service, verb)(ADA, NAME)
    assert refused.value.field == "run"
    assert (await engine.read(NAME)).state is state and asked.calls == [] and engine.changes == []


async def test_a_run_that_trains_is_asked_for_one_thing_after_the_other(
    engine: Engine, service: RunService, asked: Asked
) -> None:
    await engine.add(RunState.RUNNING, attempt=1)
    wanted = [
        Request("rate", 3e-4),
        Request("checkpoint"),
        Request("rate", 1e-4),
        Request("checkpoint"),
        Request("land"),
    ]
    for request in wanted:
        first = await service.steer(ADA, NAME, request)
        assert await service.steer(ADA, NAME, request) == first, "twice in a row is meant once"
    requests = (await engine.read(NAME)).requests
    assert [replace(request, seq=0) for request in requests] == wanted
    assert [request.seq for request in requests] == sorted({request.seq for request in requests} - {0})
    assert asked.calls == [("steer", NAME)], "the others wait for their turn"
    with pytest.raises(SpotterError, match="has not done yet"):
        await service.steer(ADA, NAME, Request("checkpoint"))


@pytest.mark.parametrize(
    "state", [RunState.QUEUED, RunState.PAUSING, RunState.PAUSED, RunState.STOPPING, RunState.FAILED]
)
async def test_only_a_run_that_trains_is_asked(
    engine: Engine, service: RunService, asked: Asked, state: RunState
) -> None:
    await engine.add(state, attempt=1)
    with pytest.raises(SpotterError, match=f"`{NAME}` (is|has) {state}") as refused:
        await service.steer(ADA, NAME, Request("land"))
    assert refused.value.field == "run" and asked.calls == []


async def test_a_run_that_saves_its_model_takes_no_step_to_be_asked_at(engine: Engine, service: RunService) -> None:
    await engine.add(RunState.RUNNING, attempt=2)
    phases: tuple[Phase, ...] = ("training", "saving")
    story = [JobProgress(phase=phase).stamped(NAME, 1, seq, 0.0) for seq, phase in enumerate(phases, start=1)]
    async with engine.database.transaction() as tx:
        await append_events(tx, NAME, 1, story, 2)
    await service.steer(ADA, NAME, Request("land"))
    async with engine.database.transaction() as tx:
        await append_events(tx, NAME, 2, [event.stamped(NAME, 2, event.seq, 0.0) for event in story], 2)
    for request in (Request("land"), Request("checkpoint")):
        with pytest.raises(SpotterError, match="has taken its last step"):
            await service.steer(ADA, NAME, request)


@pytest.mark.parametrize("rate", [0.0, -1e-3, 1.5, math.nan, math.inf])
async def test_a_rate_that_is_none_is_refused(engine: Engine, service: RunService, rate: float) -> None:
    await engine.add(RunState.RUNNING, attempt=1)
    with pytest.raises(SpotterError) as refused:
        await service.steer(ADA, NAME, Request("rate", rate))
    assert refused.value.field == "learning_rate" and (await engine.read(NAME)).requests == ()


async def test_a_paused_run_can_be_stopped(engine: Engine, service: RunService, asked: Asked) -> None:
    await engine.add(RunState.PAUSED, attempt=1)
    assert (await service.stop(ADA, NAME)).state is RunState.STOPPED
    assert asked.calls == []


async def test_nobody_steers_the_runs_of_others(engine: Engine, service: RunService) -> None:
    await engine.add(RunState.RUNNING, attempt=1, owner_id=ADA.id)
    for ask in (service.pause, service.resume, service.stop, lambda who, run: service.steer(who, run, Request("land"))):
        with pytest.raises(SpotterError, match="no run called"):
            await ask(GRACE, NAME)
    with pytest.raises(SpotterError, match="no run called"):
        await service.decide(GRACE, NAME, Choice.RESTART)


@pytest.mark.parametrize("choice", Choice)
async def test_a_stall_is_decided_once(engine: Engine, service: RunService, asked: Asked, choice: Choice) -> None:
    running = await engine.add(RunState.RUNNING, attempt=1)
    async with engine.database.transaction() as tx:
        await rows.update(tx, running, replace(running, stall=Stall(1.0, 2.0, 3, 4.0)), 2.0)
    decided, first = await service.decide(ADA, NAME, choice)
    assert first and decided.state is RunState.RUNNING
    assert asked.calls == [(choice, NAME)]
    assert len(engine.changes) == 1
    if choice is Choice.WAIT:
        assert decided.stall is None
        assert await service.decide(ADA, NAME, choice) == (decided, False)


async def test_more_runs_than_may_wait_are_refused_before_anything_is_taken_in(
    engine: Engine, catalog: Catalog, inline: Inline, service: RunService
) -> None:
    for number in range(2):
        await engine.add(RunState.QUEUED, attempt=0, name=f"run-{number}", owner_id=GRACE.id)
    file = await received(catalog, "swans.txt", prose().encode())
    with pytest.raises(SpotterError, match="2 runs are waiting") as refused:
        await service.submit(GRACE, Submission(file=file, budget="5 steps"))
    assert refused.value.code is Code.QUOTA_EXCEEDED
    assert inline.performed == [] and not file.folder.exists()
    assert (await service.submit(ADA, Submission(data="python-docs", budget="5 steps"))).run.state is RunState.QUEUED


async def test_a_disk_that_takes_nothing_is_said_to_be_one(
    engine: Engine, catalog: Catalog, service: RunService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trainer_core.files.folders.reach", Faults([Rule.parse("folder.sync:1:enospc")]).reach)
    file = await received(catalog, "swans.txt", prose().encode())
    with pytest.raises(SpotterError, match="the disk is full") as refused:
        await service.submit(ADA, Submission(file=file))
    assert refused.value.code is Code.DISK_FULL and not file.folder.exists()
    assert [card.name for card in await catalog.datasets(ADA)] == ["python-docs"]
    assert await service.runs(ADA) == []


async def test_a_file_is_taken_in_before_its_run_is_queued(catalog: Catalog, service: RunService) -> None:
    told: list[Progress] = []
    file = await received(catalog, "swans.txt", prose().encode())
    submitted = await service.submit(GRACE, Submission(file=file, budget="5 steps"), told=told.append)
    assert (submitted.card.name, submitted.card.added_by) == ("swans", str(GRACE.id)) and told
    assert submitted.run.spec.data.sha256 == submitted.card.content and not file.folder.exists()
    again = await received(catalog, "swans.txt", prose().encode())
    assert (await service.submit(GRACE, Submission(file=again, budget="5 steps"))).card == submitted.card


async def test_pictures_are_not_for_a_model_of_text(engine: Engine, service: RunService) -> None:
    lay(engine.home, cards.pictures(added_by=str(ADA.id)))
    with pytest.raises(SpotterError, match="`pets` holds pictures, and gpt2 learns from text") as refused:
        await service.submit(ADA, Submission(data="pets", model=ModelChoice("gpt2")))
    assert refused.value.code is Code.MODEL_INCOMPATIBLE
    assert (await service.submit(ADA, Submission(data="pets"))).run.spec.model.family == "image-cnn"


async def test_a_data_set_is_not_deleted_while_a_run_on_it_comes_to_be_noted_down(
    engine: Engine, catalog: Catalog, service: RunService
) -> None:
    lay(engine.home, cards.dataset(name="swans", added_by=str(ADA.id)))
    async with engine.database.transaction():
        submitting = asyncio.create_task(service.submit(ADA, Submission(data="swans")))
        await asyncio.wait({submitting}, timeout=0.1)
        with pytest.raises(SpotterError, match="somebody trains on `swans`"):
            await catalog.delete_dataset(ADA, "swans")
    assert (await submitting).run.spec.data.dataset == "swans"


@pytest.mark.parametrize(
    ("given", "spec"),
    [
        (
            Submission(data="python-docs", tokenizer="unigram", vocabulary=900),
            TokenizerSpec(kind="unigram", vocabulary=900),
        ),
        (Submission(data="python-docs", vocabulary=900), TokenizerSpec(vocabulary=900)),
        (Submission(data="python-docs"), TokenizerSpec()),
    ],
)
async def test_the_tokenizer_asked_for_is_in_the_spec(
    service: RunService, given: Submission, spec: TokenizerSpec
) -> None:
    assert (await service.submit(ADA, given)).run.spec.tokenizer == spec


@pytest.mark.parametrize(
    ("given", "code", "says"),
    [
        (Submission(data="python-docs", tokenizer="GPT2"), Code.TOKENIZER_NOT_FOUND, "is not on this machine"),
        (Submission(data="python-docs", tokenizer="mine", vocabulary=900), Code.MODEL_INCOMPATIBLE, "has 8,192 tokens"),
        (Submission(data="python-docs", tokenizer="bpe", vocabulary=400_000), Code.TOKENIZER_TRAIN_FAILED, "400,000"),
    ],
)
async def test_a_tokenizer_that_cannot_be_had_is_told_before_anything_is_queued(
    engine: Engine,
    service: RunService,
    given: Submission,
    code: Code,
    says: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "no-hub"))
    folder = engine.home.tokenizer("mine")
    folder.mkdir(parents=True)
    (folder / "report.json").write_text(cards.tokenizer(name="mine", added_by=str(ADA.id)).model_dump_json())
    with pytest.raises(SpotterError, match=says) as refused:
        await service.submit(ADA, given)
    assert refused.value.code is code and await service.runs(ADA) == []


async def test_a_pretrained_tokenizer_that_a_run_has_kept_is_here(engine: Engine, service: RunService) -> None:
    kept_in(engine.home, "gpt2").mkdir(parents=True)
    submitted = await service.submit(ADA, Submission(data="python-docs", tokenizer="GPT2"))
    assert submitted.run.spec.tokenizer == TokenizerSpec(kind="pretrained", name="gpt2")


async def test_one_request_made_twice_at_once_is_one_run(engine: Engine, service: RunService) -> None:
    song = Submission(data="python-docs", name="song")
    first, second = await asyncio.gather(service.submit(ADA, song, "request"), service.submit(ADA, song, "request"))
    assert first.run == second.run
    assert [status.run.name for status in await service.runs(ADA)] == ["song"]


async def test_a_paused_run_does_not_get_past_the_cap(engine: Engine, service: RunService) -> None:
    await engine.add(RunState.PAUSED, attempt=1)
    for number in range(2):
        await engine.add(RunState.QUEUED, attempt=0, name=f"run-{number}")
    with pytest.raises(SpotterError, match="2 runs are waiting"):
        await service.resume(ADA, NAME)
    assert (await engine.read(NAME)).state is RunState.PAUSED


@pytest.mark.parametrize("state", [RunState.STOPPING, RunState.PAUSING])
async def test_a_run_that_is_being_ended_needs_no_decision(
    engine: Engine, service: RunService, asked: Asked, state: RunState
) -> None:
    ending = await engine.add(state, attempt=1)
    async with engine.database.transaction() as tx:
        await rows.update(tx, ending, replace(ending, stall=Stall(1.0, 2.0, 3, 4.0)), 2.0)
    assert (await service.decide(ADA, NAME, Choice.RESTART))[1] is False
    assert asked.calls == []


async def test_only_the_owner_may_go_first(service: RunService) -> None:
    with pytest.raises(SpotterError, match="owner") as refused:
        await service.submit(GRACE, Submission(data="python-docs", priority="high"))
    assert refused.value.field == "priority"
    low = await service.submit(GRACE, Submission(data="python-docs", priority="low"))
    high = await service.submit(ADA, Submission(data="python-docs", priority="high"))
    assert (low.run.priority, high.run.priority) == (-1, 1)
    assert (await service.status(GRACE, low.run.name)).position == 2


async def test_a_card_that_is_not_there_is_not_waited_for(service: RunService) -> None:
    with pytest.raises(SpotterError) as refused:
        await service.submit(ADA, Submission(data="python-docs", overrides={"device": "cuda"}))
    assert (refused.value.code, refused.value.field) == (Code.CUDA_NOT_AVAILABLE, "device")


async def test_a_run_that_failed_is_told_when_it_is_tried_again(
    engine: Engine, service: RunService, asked: Asked
) -> None:
    await engine.add(RunState.QUEUED, attempt=1)
    asked.held[NAME] = 60.0
    assert (await service.status(ADA)).starts_in == 60.0


async def test_who_waits_is_told_when_it_starts(engine: Engine, service: RunService) -> None:
    await engine.add(RunState.RUNNING, attempt=1, name="busy")
    async with engine.database.transaction() as tx:
        told = progress(200).stamped("busy", 1, 1, 0.0)
        await append_events(tx, "busy", 1, [told], 1)
    for number, budget in enumerate(["60s", "500 steps", "60s"]):
        await engine.add(
            RunState.QUEUED, attempt=0, name=f"run-{number}", spec=spec(budget=budget), queued_at=float(number)
        )
    remaining = progress(200).remaining
    found = {status.run.name: (status.position, status.starts_in) for status in await service.runs(ADA)}
    assert found == {
        "busy": (None, None),
        "run-0": (1, remaining),
        "run-1": (2, remaining + 60),
        "run-2": (3, None),
    }


async def test_a_worker_that_is_being_ended_counts_as_gone(engine: Engine, service: RunService) -> None:
    for state in (RunState.STOPPING, RunState.PAUSING):
        await engine.add(state, attempt=1, name=str(state), spec=spec(budget="60s"))
    await engine.add(RunState.QUEUED, attempt=0)
    assert (await service.status(ADA, NAME)).starts_in == 0.0


async def test_a_run_that_goes_on_needs_only_what_is_left_of_it(engine: Engine, service: RunService) -> None:
    await engine.add(RunState.QUEUED, attempt=1, name="nearly", spec=spec(budget="3h"), queued_at=1.0)
    async with engine.database.transaction() as tx:
        await append_events(tx, "nearly", 1, [progress(950).stamped("nearly", 1, 1, 0.0)], 1)
    await engine.add(RunState.QUEUED, attempt=0, queued_at=2.0)
    assert (await service.status(ADA, NAME)).starts_in == progress(950).remaining


async def test_who_is_at_the_cap_is_promised_nothing(engine: Engine, service: RunService, asked: Asked) -> None:
    asked.slots, asked.running_cap = share(3, 3, ()), 1
    await engine.add(RunState.RUNNING, attempt=1, name="busy")
    await engine.add(RunState.QUEUED, attempt=0, name="capped")
    for number in range(2):
        await engine.add(RunState.QUEUED, attempt=0, name=f"free-{number}", owner_id=GRACE.id, queued_at=float(number))
    found = {status.run.name: status.starts_in for status in await service.runs(ADA)}
    assert found == {"busy": None, "capped": None, "free-0": 0.0, "free-1": None}


async def test_a_run_whose_card_is_gone_is_known_to_wait_in_vain(
    engine: Engine, service: RunService, asked: Asked
) -> None:
    needs_a_card = spec().model_copy(update={"device": "cuda"})
    await engine.add(RunState.QUEUED, attempt=0, spec=needs_a_card)
    await engine.add(RunState.QUEUED, attempt=0, name="other")
    assert {status.run.name: status.fits for status in await service.runs(ADA)} == {NAME: False, "other": True}
    asked.slots = share(1, 1, ["GPU-1"])
    assert (await service.status(ADA, NAME)).fits


async def test_names_are_offered_of_the_states_that_fit(engine: Engine, service: RunService) -> None:
    await engine.add(RunState.PAUSED, attempt=1, name="paused")
    await engine.add(RunState.RUNNING, attempt=1, name="running")
    assert await service.run_names(ADA, "", states={RunState.PAUSED}) == ["paused"]
    assert set(await service.run_names(ADA, "")) == {"paused", "running"}
    assert await service.run_names(GRACE, "") == []
