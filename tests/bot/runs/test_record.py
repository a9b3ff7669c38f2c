"""What the catalog learns of runs: the same from the open database and from beside it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from bot.runs.model import RunState
from bot.runs.record import Record, RecordBeside
from bot.store import runs as rows
from tests.bot.chat.stories import spec, summary
from tests.bot.runs.conftest import Engine
from trainer_core.files.layout import Home
from trainer_core.models.specs import CharLSTMSpec, GPT2Spec, ModelSpec, PretrainedSpec

WAYS: list[Callable[[Engine], Record | RecordBeside]] = [
    lambda engine: Record(engine.database),
    lambda engine: RecordBeside(engine.home),
]


async def trained(engine: Engine, name: str, model: ModelSpec, tokens: int, seconds: float, ended: float) -> None:
    """A run of that model that ended, having trained on so many tokens in so many seconds."""
    wanted = spec(name).model_copy(update={"model": model})
    before = await engine.add(RunState.SUCCEEDED, attempt=1, name=name, spec=wanted)
    came_to = summary().model_copy(update={"tokens": tokens, "seconds": seconds})
    async with engine.database.transaction() as tx:
        await rows.update(tx, before, replace(before, summary=came_to, ended_at=ended), ended)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("state", RunState)
async def test_a_run_needs_its_data_until_it_has_ended(
    engine: Engine, way: Callable[[Engine], Record | RecordBeside], state: RunState
) -> None:
    run = await engine.add(state, attempt=1)
    record = way(engine)
    async with record.training_on(run.spec.data.dataset) as found:
        assert found == (None if state.is_terminal else run.name)
    async with record.training_on("another") as found:
        assert found is None


@pytest.mark.parametrize("way", WAYS)
async def test_the_newest_run_of_each_size_tells_its_speed(
    engine: Engine, way: Callable[[Engine], Record | RecordBeside]
) -> None:
    await trained(engine, "old", GPT2Spec(size="tiny"), 100_000, 100.0, ended=1.0)
    await trained(engine, "new", GPT2Spec(size="tiny"), 300_000, 100.0, ended=3.0)
    await trained(engine, "mini", GPT2Spec(size="mini"), 50_000, 100.0, ended=2.0)
    await trained(engine, "short", GPT2Spec(size="small"), 50_000, 1.0, ended=4.0)
    await trained(engine, "deep", GPT2Spec(size="depth=3"), 50_000, 100.0, ended=5.0)
    await trained(engine, "recurrent", CharLSTMSpec(size="tiny"), 900_000, 100.0, ended=6.0)
    await trained(engine, "tuned", PretrainedSpec(source="run:old"), 900_000, 100.0, ended=7.0)
    assert await way(engine).speeds() == {"tiny": 3_000.0, "mini": 500.0}


async def test_no_run_is_queued_while_nobody_may_train(engine: Engine) -> None:
    async with Record(engine.database).training_on("songs"):
        queued = asyncio.create_task(engine.add(RunState.QUEUED, attempt=0))
        await asyncio.wait({queued}, timeout=0.1)
        assert not queued.done()
    await queued


async def test_without_a_database_nothing_was_trained(engine: Engine) -> None:
    record = RecordBeside(Home(engine.home.path / "elsewhere"))
    assert await record.speeds() == {}
    async with record.training_on("songs") as found:
        assert found is None
