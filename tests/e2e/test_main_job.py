"""The main job: a slash command in, a trained model out, reported as direct messages."""

from __future__ import annotations

import re
from itertools import pairwise

import aiohttp

from bot.store import events as event_rows
from playground.people import Person
from playground.server import Playground
from tests.bot.storing import events_of
from tests.e2e.conftest import TEXT, WITHIN, Bots, ending, eventually, fields, is_report, live, reports, title, train
from trainer_core.data.catalog import BUILTIN, delete
from trainer_core.data.documents import TEXT as DOCUMENTS
from trainer_core.events import JobCompleted, JobStarted, MetricsCheckpoint
from trainer_core.export.model_folder import verify

NAME = re.compile(r"[a-z]+-[a-z]+-\d\d")


def named(text: str) -> str:
    match = NAME.search(text)
    assert match, text
    return match[0]


async def test_training_by_name(bots: Bots, owner: Person, playground: Playground) -> None:
    """Acknowledged, shown live, completed once, and the model is there and verifies; its text is made first."""
    delete(bots.home, BUILTIN)
    async with bots.running(standby=1) as parts:
        reply = await owner.slash("trainer train", data="python-docs", size="tiny", budget="3 steps")
        run = named(str(reply.message.to_dict()) if reply.message else "")
        end = await ending(owner, run, "finished")
        done = await owner.until(lambda m: m.id == end.id and "image" in m.embeds[0], WITHIN)
        card = await live(owner, run, lambda m: "finished" in title(m))
        async with aiohttp.ClientSession() as session, session.get(done.embeds[0]["image"]["url"]) as picture:
            assert (await picture.read()).startswith(b"\x89PNG")
        status = await parts.service.status_for_view(run)

    assert reply.message is not None and not reply.ephemeral
    assert "python-docs" in str(reply.message.to_dict())
    assert [m.id for m in reports(owner, run)] == [card.id, done.id], "one live card, one completion"
    assert [n.message.id for n in owner.notifications()] == [done.id], "only the end makes a sound"
    assert card.edits >= 1
    numbers = fields(done)
    first, last = map(float, re.findall(r"\d+\.\d+", numbers["Validation loss"]))
    assert last < first
    assert re.fullmatch(r"\d\.\d+ → \d\.\d+", numbers["Bits per byte"])
    assert numbers["It writes"].startswith("```")
    assert status is not None and status.run.summary is not None
    folder = bots.home.run(run).path / status.run.summary.model
    assert numbers["Model"] == f"`runs/{run}/export`" and verify(folder) == []
    assert str(bots.home.path) not in str([m.to_dict() for m in owner.inbox()]), "no paths in chat"
    assert all(exchange.status != 429 for exchange in playground.traffic.exchanges)


async def test_training_by_attachment(bots: Bots, owner: Person) -> None:
    async with bots.running() as parts:
        reply = await train(owner, file=("Bottles Song.md", TEXT), budget="4 steps", name="my-song")
        assert "my-song" in str(reply.to_dict())
        await ending(owner, "my-song", "finished")
        status = await parts.service.status_for_view("my-song")
        async with aiohttp.ClientSession() as session:
            async with session.get(f"{parts.health.address}/healthz") as answer:
                assert (answer.status, await answer.json()) == (200, {"alive": True})
            async with session.get(f"{parts.health.address}/readyz") as answer:
                ready = await answer.json()
                assert (answer.status, ready["ready"]) == (200, True), ready
        names = await owner.autocomplete("trainer train", "data", "bott")
    assert [choice.value for choice in names] == ["bottles_song"]
    assert status is not None and status.run.spec.data.dataset == "bottles_song"
    directory = bots.home.run("my-song")
    assert (bots.home.dataset("bottles_song") / "source.md").read_bytes() == TEXT
    assert directory.manifest.exists() and directory.card.exists() and directory.attempt(1).log.exists()
    assert verify(directory.export) == []


async def test_the_store_holds_what_the_worker_reported(bots: Bots, owner: Person) -> None:
    async with bots.running() as parts:
        await train(owner, file=("song.txt", TEXT), budget="2 steps", name="song")
        await ending(owner, "song", "finished")
        async with parts.database.snapshot() as tx:
            events = await events_of(tx, "song")
            offset, seq = await event_rows.journal_position(tx, "song", 1)
            states = [row["to_state"] for row in await tx.all("SELECT to_state FROM transitions ORDER BY id")]

        async def all_delivered() -> bool:
            async with parts.database.snapshot() as tx:
                return not await tx.all("SELECT key FROM outbox WHERE state = 'open'")

        await eventually(all_delivered)
    journal = bots.home.run("song").attempt(1).events.read_bytes()
    assert offset == len(journal) and seq == len(journal.splitlines()) == len(events)
    assert [event.seq for event in events] == list(range(1, seq + 1))
    assert isinstance(events[0], JobStarted) and isinstance(events[-1], JobCompleted)
    assert any(isinstance(event, MetricsCheckpoint) for event in events)
    assert states == ["starting", "running", "succeeded"]


async def test_live_edits_keep_within_discords_rates(bots: Bots, owner: Person, playground: Playground) -> None:
    """While a run goes on, its card changes, but never faster than a card of that age may."""
    async with bots.running():
        await train(owner, file=("song.txt", TEXT), budget="10m", name="song")
        await live(owner, "song", lambda m: m.edits >= 4 and "step" in str(m.embeds))
        await owner.slash("trainer stop", run="song")
        await ending(owner, "song", "stopped")
        card = await live(owner, "song", lambda m: "stopped" in title(m))
    edits = [x for x in playground.traffic.exchanges if x.method == "PATCH" and x.path.endswith(f"/{card.id}")]
    gaps = [later.time - earlier.time for earlier, later in pairwise(edits)]
    # A change of state may come at once; four of them (start, training, stopping, stopped) are more than there are.
    assert sum(gap < 4.9 for gap in gaps) <= 4, gaps
    assert all(exchange.status != 429 for exchange in playground.traffic.exchanges)


async def test_a_summary_comes_without_a_sound(bots: Bots, owner: Person) -> None:
    async with bots.running(heartbeat_minutes=0.05):
        await train(owner, file=("song.txt", TEXT), budget="10m", name="song")
        summary = await owner.until(lambda m: is_report(m, "song") and not m.embeds and "📈" in m.content, 120)
        await owner.slash("trainer stop", run="song")
        await ending(owner, "song", "stopped")
    assert summary.silent and summary.edits == 0


async def test_two_runs_wait_for_each_other(bots: Bots, owner: Person, friend: Person) -> None:
    """One slot: the second run waits, knows its place, and starts when the first has ended."""
    async with bots.running():
        await train(owner, file=("song.txt", TEXT), budget="10m", name="first")
        await live(owner, "first", lambda m: "training" in title(m))
        reply = await train(friend, file=("song.txt", TEXT), budget="2 steps", name="second")
        assert "first in the queue" in str(reply.to_dict())
        await owner.slash("trainer stop", run="first")
        await ending(friend, "second", "finished")
    assert reports(friend, "first") == []


async def test_a_failure_says_its_code_and_what_to_do(bots: Bots, owner: Person) -> None:
    """The text of the data set is changed between the command and the start."""
    async with bots.running() as parts:
        await train(owner, file=("song.txt", TEXT), budget="10m", name="first")
        await train(owner, file=("song.txt", TEXT + b"\n\nAnd again."), budget="2 steps", name="second")
        status = await parts.service.status_for_view("second")
        assert status is not None
        (bots.home.dataset(status.run.spec.data.dataset) / DOCUMENTS).write_bytes(b"something else" * 200)
        await owner.slash("trainer stop", run="first")
        failure = await ending(owner, "second", "failed")

    assert "CORPUS_UNREADABLE" in str(failure.embeds[0]["description"])
    assert "What to do" in fields(failure)
    assert not bots.home.run("second").export.exists()
