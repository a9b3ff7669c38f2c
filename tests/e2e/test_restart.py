"""The bot may go at any time: the run goes on, nothing is lost, and nothing is told twice."""

from __future__ import annotations

import signal

import pytest

from bot.config import SettingsError
from bot.runs.executor import Job
from bot.store.db import Database
from playground.people import Person
from playground.server import Playground
from tests.bot.storing import events_of
from tests.e2e.conftest import TEXT, WITHIN, Bots, ending, eventually, fields, live, reports, title, train
from trainer_core.control import write_control
from trainer_core.events import JobStarted, MetricsProgress
from trainer_core.export.model_folder import verify
from trainer_core.process import is_alive, read_holders


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
async def test_a_restart_in_the_middle_loses_and_doubles_nothing(
    bots: Bots, owner: Person, playground: Playground, how: signal.Signals
) -> None:
    attempt = bots.home.run("song").attempt(1)
    async with bots.process() as first:
        await playground.until_connected(WITHIN)
        await train(owner, file=("song.txt", TEXT), budget="10m", name="song")
        card = await live(owner, "song", lambda m: "Loss" in fields(m))
        worker = read_holders(attempt.lock)["worker"]
        first.send_signal(how)
        await first.wait()
    at_kill = attempt.events.stat().st_size

    async def went_on() -> bool:
        return attempt.events.stat().st_size > at_kill

    await eventually(went_on)
    assert is_alive(worker)
    async with bots.process():
        await owner.until(lambda m: m.id == card.id and m.edits > card.edits, WITHIN)
        await owner.slash("trainer stop", run="song")
        done = await ending(owner, "song", "stopped")
        await live(owner, "song", lambda m: "stopped" in title(m))
    assert [m.id for m in reports(owner, "song")] == [card.id, done.id]
    assert [path.name for path in (bots.home.run("song").path / "attempts").iterdir()] == ["1"]
    assert verify(bots.home.run("song").export) == []

    database = await Database.open(bots.home.database)
    async with database.snapshot() as tx:
        events = await events_of(tx, "song")
    await database.close()
    assert [event.seq for event in events] == list(range(1, len(attempt.events.read_bytes().splitlines()) + 1))
    assert sum(isinstance(event, JobStarted) for event in events) == 1


async def test_restarts_before_the_run_has_begun_cost_it_nothing(bots: Bots, owner: Person) -> None:
    """Each bot goes while the run's worker is still being started; none of that counts against the run."""
    async with bots.running():
        await train(owner, file=("song.txt", TEXT), budget="2 steps", name="song")
    for _ in range(4):
        async with bots.running():
            pass
    async with bots.running():
        await ending(owner, "song", "finished")
    assert len(owner.notifications()) == 1


async def test_a_run_that_ends_while_the_bot_is_down_is_told_once_afterwards(bots: Bots, owner: Person) -> None:
    async with bots.running():
        await train(owner, file=("song.txt", TEXT), budget="10m", name="song")
        await live(owner, "song", lambda m: "Loss" in fields(m))
    attempt = bots.home.run("song").attempt(1)
    write_control(attempt.control, "stop")

    async def ended() -> bool:
        return attempt.exit.exists()

    await eventually(ended)
    assert len(owner.notifications()) == 0
    async with bots.running():
        await ending(owner, "song", "stopped")
        await live(owner, "song", lambda m: "stopped" in title(m))
    async with bots.running():
        await owner.slash("trainer status")
    assert len(owner.notifications()) == 1


async def test_a_killed_worker_is_replaced_and_goes_on_from_its_checkpoint(bots: Bots, owner: Person) -> None:
    async with bots.running() as parts:
        await train(owner, file=("song.txt", TEXT), budget="10m", name="song")
        await live(owner, "song", lambda m: "Loss" in fields(m))
        await parts.pool.kill(Job("song", 1), force=True)

        async def stepping_again() -> bool:
            journal = bots.home.run("song").attempt(2).events
            return journal.exists() and b"metrics.progress" in journal.read_bytes()

        await eventually(stepping_again)
        await owner.slash("trainer stop", run="song")
        await ending(owner, "song", "stopped")
        async with parts.database.snapshot() as tx:
            events = await events_of(tx, "song")
    starts = [event for event in events if isinstance(event, JobStarted)]
    assert [event.attempt for event in starts] == [1, 2]
    assert any(isinstance(event, MetricsProgress) and event.attempt == 2 for event in events)
    assert len(owner.notifications()) == 1


async def test_two_bots_do_not_share_a_home(bots: Bots) -> None:
    async with bots.process() as first:
        await bots.playground.until_connected(WITHIN)
        with pytest.raises(SettingsError, match="SPOTTER_HOME: another Spotter is using"):
            async with bots.running():
                pass
        assert first.returncode is None


async def test_an_outage_of_discord_delays_but_loses_and_doubles_nothing(
    bots: Bots, owner: Person, playground: Playground
) -> None:
    """A message is accepted but the answer lost; the gateway drops; everything arrives once."""
    async with bots.running():
        playground.faults.add("POST", "/channels/{channel_id}/messages", times=1, abort=True, when="after")
        await train(owner, file=("song.txt", TEXT), budget="3 steps", name="song")
        card = await live(owner, "song", lambda m: "song" in title(m))
        await playground.drop_gateway()
        done = await ending(owner, "song", "finished")
        await live(owner, "song", lambda m: "finished" in title(m))
    assert [m.id for m in reports(owner, "song")] == [card.id, done.id]


async def test_closed_direct_messages_do_not_hurt_the_run(bots: Bots, owner: Person) -> None:
    async with bots.running() as parts:
        await train(owner, file=("song.txt", TEXT), budget="2 steps", name="song")
        owner.blocked = True

        async def finished() -> bool:
            status = await parts.service.status_for_view("song")
            return status is not None and status.run.state.is_terminal

        async def given_up() -> bool:
            async with parts.database.snapshot() as tx:
                return bool(await tx.all("SELECT 1 FROM outbox WHERE state = 'dead' AND kind = 'completed'"))

        await eventually(finished)
        await eventually(given_up)
        status = await parts.service.status_for_view("song")
    assert status is not None and status.run.state == "succeeded"
