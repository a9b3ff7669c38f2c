"""What is done to runs that go on, by commands and by the buttons that do the same; status, runs and help."""

from __future__ import annotations

from playground.people import Person
from tests.bot.storing import events_of
from tests.e2e.conftest import TEXT, WITHIN, Bots, ending, fields, is_report, live, reports, title, train
from trainer_core.events import JobStarted, MetricsCheckpoint, MetricsGuard
from trainer_core.export.model_folder import verify


async def test_status_and_runs_show_a_run_in_progress(bots: Bots, owner: Person) -> None:
    async with bots.running() as parts:
        empty = await owner.slash("trainer status")
        assert "no runs yet" in str(empty.message.to_dict() if empty.message else "")
        await train(owner, file=("song.txt", TEXT), budget="10m", name="song")
        await live(owner, "song", lambda m: "Loss" in fields(m))
        status = await owner.slash("trainer status")
        runs = await owner.slash("trainer runs")
        help_ = await owner.slash("trainer help")
        assert [choice.value for choice in await owner.autocomplete("trainer stop", "run", "so")] == ["song"]
        await owner.slash("trainer stop", run="song")
        over = await ending(owner, "song", "stopped")
        assert await owner.autocomplete("trainer stop", "run", "so") == []
        assert [choice.value for choice in await owner.autocomplete("trainer status", "run", "so")] == ["song"]
        again = await owner.click(over, "Try again")
        await live(owner, "song-2", lambda m: "Loss" in fields(m))
        await owner.slash("trainer stop", run="song-2")
        await ending(owner, "song-2", "stopped")
        async with parts.database.snapshot() as tx:
            [start] = [event for event in await events_of(tx, "song-2") if isinstance(event, JobStarted)]
    assert start.resumed_step > 0 and f"goes on from step {start.resumed_step:,}." in again.text
    assert status.message is not None and runs.message is not None and help_.message is not None
    assert "song" in title(status.message) and "training" in title(status.message)
    assert "song" in str(runs.message.to_dict())
    assert "/trainer train" in str(help_.message.to_dict())


async def test_stopping_keeps_what_was_learned(bots: Bots, owner: Person) -> None:
    async with bots.running() as parts:
        await train(owner, file=("song.txt", TEXT), budget="10m", name="song")
        card = await live(owner, "song", lambda m: "Loss" in fields(m))
        sure = await owner.click(card, "Stop")
        assert sure.ephemeral
        await owner.click(sure, "Stop it")
        done = await ending(owner, "song", "stopped")
        again = await owner.slash("trainer stop", run="song")
        status = await parts.service.status_for_view("song")
    assert "already" in str(again.message.to_dict() if again.message else "")
    assert status is not None and status.run.summary is not None and status.run.summary.steps > 0
    assert verify(bots.home.run("song").path / status.run.summary.model) == []
    assert [m.id for m in reports(owner, "song") if not m.silent] == [done.id], "it is told once"


async def test_a_run_takes_another_course_and_lands_while_one_that_waits_is_stopped(bots: Bots, owner: Person) -> None:
    async with bots.running() as parts:
        await train(owner, file=("song.txt", TEXT), budget="10m", name="first", batch=256)
        await live(owner, "first", lambda m: "Loss" in fields(m))
        await train(owner, file=("song.txt", TEXT), budget="10m", name="second")
        await owner.slash("trainer rate", run="first", learning_rate=0.0005)
        await owner.slash("trainer checkpoint", run="first")
        landing = await owner.slash("trainer land", run="first")
        await owner.slash("trainer stop", run="second")
        await ending(owner, "second", "stopped")
        done = await ending(owner, "first", "finished")
        card = await live(owner, "first", lambda m: "finished" in title(m))
        async with parts.database.snapshot() as tx:
            told = await events_of(tx, "first")
    assert "The checkpoint that was asked for is saved" in str(fields(card))
    steers = [event for event in told if isinstance(event, MetricsGuard) and event.action == "steer"]
    [pinned] = [event for event in told if isinstance(event, MetricsCheckpoint) and event.pinned]
    assert landing.text.startswith("🛬 **first** lands at its next step")
    assert len(steers) == 2 and "0.0005" in steers[0].reason and steers[0].step <= pinned.step <= steers[1].step
    assert (bots.home.run("first").path / pinned.path).is_dir(), "it is kept to the end"
    assert int(fields(done)["Steps"].replace(",", "")) < 5_000, "long before its ten minutes were over"
    assert not bots.home.run("second").path.exists()


async def test_a_paused_run_gives_its_slot_away_and_goes_on_where_it_was(bots: Bots, owner: Person) -> None:
    async with bots.running() as parts:
        await train(owner, file=("bottles.txt", TEXT), budget="10m", name="song")
        card = await live(owner, "song", lambda m: "Loss" in fields(m))
        await owner.click(card, "Pause")
        notice = await owner.until(lambda m: is_report(m, "song") and "is paused at step" in m.content, WITHIN)
        assert [choice.value for choice in await owner.autocomplete("trainer resume", "run", "")] == ["song"]
        await train(owner, file=("bottles.txt", TEXT), budget="1 steps", name="next")
        await ending(owner, "next", "finished")
        await owner.click(notice, "Resume")
        await owner.until(lambda m: m.id == notice.id and "again" in m.content and not m.components, WITHIN)
        await live(owner, "song", lambda m: "training" in title(m) and "attempt 2" in str(m.to_dict()))
        await owner.slash("trainer stop", run="song")
        await ending(owner, "song", "stopped")
        async with parts.database.snapshot() as tx:
            starts = [event for event in await events_of(tx, "song") if isinstance(event, JobStarted)]
    assert starts[0].resumed_step == 0 < starts[1].resumed_step
    assert [m.id for m in reports(owner, "song") if m.silent] == [card.id, notice.id]
    assert len(owner.notifications()) == 2, "only the two ends made a sound"


async def test_who_stops_watching_hears_no_more(bots: Bots, owner: Person) -> None:
    async with bots.running():
        await train(owner, file=("bottles.txt", TEXT), budget="10m", name="song")
        card = await live(owner, "song", lambda m: "training" in title(m))
        await owner.slash("trainer unwatch", run="song")
        put_away = await owner.until(lambda m: m.id == card.id and "no longer watch" in m.content)
        again = await owner.slash("trainer unwatch", run="song")
        await owner.slash("trainer stop", run="song")
        await train(owner, file=("bottles.txt", TEXT), budget="1 steps", name="next")
        await ending(owner, "next", "finished")
    assert put_away.embeds == []
    assert again.message is not None
    assert [m.id for m in reports(owner, "song")] == [card.id], "no word of its end"


async def test_the_owner_may_watch_anybodys_run(bots: Bots, owner: Person, friend: Person) -> None:
    async with bots.running():
        await train(friend, file=("song.txt", TEXT), budget="10m", name="song")
        await live(friend, "song", lambda m: "training" in title(m))
        await owner.slash("trainer watch", run="song")
        card = await live(owner, "song", lambda m: "training" in title(m))
        twice = await owner.slash("trainer watch", run="song")
        await friend.slash("trainer stop", run="song")
        await ending(friend, "song", "stopped")
        await ending(owner, "song", "stopped")
    assert twice.message is not None
    assert [m.id for m in reports(owner, "song") if m.silent] == [card.id]


async def test_watching_again_brings_a_new_card(bots: Bots, owner: Person) -> None:
    async with bots.running():
        await train(owner, file=("song.txt", TEXT), budget="10m", name="song")
        first = await live(owner, "song", lambda m: "training" in title(m))
        await owner.click(first, "Stop watching")
        await owner.until(lambda m: m.id == first.id and "no longer watch" in m.content)
        await owner.slash("trainer watch", run="song")
        second = await owner.until(lambda m: is_report(m, "song") and m.id != first.id and bool(m.embeds))
        await owner.slash("trainer stop", run="song")
        await ending(owner, "song", "stopped")
    assert second.id != first.id and second.silent
