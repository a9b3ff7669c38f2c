"""Discord that is away, limits, lies, or wants no more of us: training goes on, and everybody is told once."""

from __future__ import annotations

import signal
import time

from bot.chat.notify.outbox import Outbox
from bot.runs.announce import Change
from bot.runs.model import Run, RunState
from bot.store import runs as rows
from bot.store.db import Database
from tests.e2e.conftest import title
from tests.faults.invariants import broken
from tests.faults.stage import Stage, small_spec
from tests.faults.store import ask
from trainer_core.faults import Rule
from trainer_core.process import is_alive

MESSAGES, MESSAGE = "/channels/{channel_id}/messages", "/channels/{channel_id}/messages/{message_id}"
KILLS = [Rule("sender.attempted", 1, "kill"), Rule("sender.sent", 2, "kill"), Rule("sender.noted", 1, "kill")]


async def test_a_bot_killed_around_each_message_sends_none_twice(stage: Stage, undisturbed: bytes) -> None:
    """Each time an hour passes before it is back: Discord takes the nonce for a new one."""

    async def an_hour() -> None:
        stage.playground.clock.advance(3600)

    await stage.submit()
    async with stage.bot(",".join(map(str, KILLS))) as bot:
        await stage.rest(bot, an_hour)
    assert all(map(stage.happened, KILLS))
    assert ["finished" in title(note.message) for note in stage.owner.notifications()] == [True]
    assert broken(stage, undisturbed) == []


async def test_an_outage_of_discord_costs_no_step_and_no_message(stage: Stage, undisturbed: bytes) -> None:
    """The gateway breaks, connections break, answers get lost and requests are limited; the run ends meanwhile."""
    faults = stage.playground.faults
    await stage.submit()
    async with stage.bot() as bot:
        await stage.stepped(steps=2)
        outage = faults.add("*", "*", times=10_000, abort=True)
        await stage.playground.drop_gateway()
        await stage.ended()
        assert stage.owner.notifications() == []
        faults.add("POST", MESSAGES, status=500, when="after")
        faults.rate_limited("POST", MESSAGES, retry_after=0.2)
        faults.rate_limited("PATCH", MESSAGE, retry_after=0.2)
        outage.times = 0
        await stage.rest(bot)
        await stage.connected()
    assert len(stage.attempts()) == 1
    assert ["finished" in title(note.message) for note in stage.owner.notifications()] == [True]
    assert broken(stage, undisturbed) == []


async def test_a_bot_whose_token_is_revoked_leaves_the_run_alone(stage: Stage, undisturbed: bytes) -> None:
    await stage.submit()
    async with stage.bot("worker.step:5:stop") as bot:
        await stage.eventually(lambda: stage.stands("worker"), "the worker stands still")
        await stage.connected()
        worker = stage.holder("worker")
        await stage.playground.drop_gateway(4004)
        assert await bot.ended() > 0
        assert "DISCORD_TOKEN" in bot.log() and stage.playground.token not in bot.log()
        assert worker is not None and is_alive(worker)
        assert stage.kill_worker(number=signal.SIGCONT)
        await bot.start()
        await stage.rest(bot)
    assert len(stage.attempts()) == 1 and stage.holder("worker") == worker
    assert ["finished" in title(note.message) for note in stage.owner.notifications()] == [True]
    assert broken(stage, undisturbed) == []


async def stopped_run(stage: Stage, name: str) -> None:
    """A run that was stopped before it began; the owner is to be told."""
    now = time.time()
    run = Run(name, stage.owner.id, RunState.QUEUED, 0, small_spec(stage.home, name), created_at=now, queued_at=now)
    database = await Database.open(stage.home.database)
    try:
        async with database.transaction() as tx:
            await rows.insert(tx, run, None)
            await rows.add_watcher(tx, name, run.owner_id, now)
            after = run.moved(RunState.STOPPED, now)
            await rows.update(tx, run, after, now)
            await Outbox(lambda: None)(tx, Change(run, after))
    finally:
        await database.close()


async def test_who_closed_their_messages_is_told_at_the_next_command_and_has_them_later(stage: Stage) -> None:
    def states() -> set[str]:
        return {row["state"] for row in ask(stage.home, "SELECT state FROM outbox")}

    def refused() -> int:
        return sum(each.status == 403 for each in stage.playground.traffic.matching("POST", MESSAGES))

    stage.owner.blocked = True
    for name in ("swans", "geese"):
        await stopped_run(stage, name)
    async with stage.bot():
        await stage.connected()
        await stage.eventually(lambda: states() == {"dead"}, "both notices count as dead")
        assert refused() == 1
        await stage.owner.slash("trainer runs")
        told = await stage.owner.until(lambda m: "swans" in m.content)
        assert told.ephemeral and "geese" in told.content
        await stage.eventually(lambda: refused() == 2 and states() == {"dead"}, "one message was tried again")
        stage.owner.blocked = False
        await stage.owner.slash("trainer runs")
        await stage.eventually(lambda: states() == {"closed"}, "both notices arrived")
    assert [note.message.content.split("**")[1] for note in stage.owner.notifications()] == ["swans", "geese"]
    assert [m.id for m in stage.owner.inbox() if m.ephemeral] == [told.id], "told once"
