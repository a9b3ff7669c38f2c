"""The outbox' rows on a real database: what is due, in which order, and what becomes of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.chat.notify import policy
from bot.chat.notify.outbox import Outbox
from bot.runs.announce import Change
from bot.runs.model import RunState
from bot.store import outbox, people
from bot.store import runs as rows
from bot.store.db import Database, Row, Transaction
from bot.store.outbox import Letter
from tests.bot.chat import stories
from tests.bot.storing import keep

NOW = 1000.0
RUN = stories.NAME


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = await Database.open(tmp_path / "spotter.db")
    await keep(database, stories.run(RunState.RUNNING), watchers=[7])
    yield database
    await database.close()


@pytest.fixture
async def tx(database: Database) -> AsyncIterator[Transaction]:
    async with database.transaction() as tx:
        yield tx


async def put(tx: Transaction, key: str, priority: int = 20, kind: str = "live") -> None:
    await outbox.put(tx, key, kind, 7, RUN, priority, NOW)


async def order(tx: Transaction) -> list[Letter]:
    """What waits, in its order."""
    found = [await outbox.find(tx, waiting.id) for waiting in await outbox.waiting(tx)]
    return [letter for letter in found if letter]


async def due(tx: Transaction) -> Letter:
    return (await order(tx))[0]


async def row(tx: Transaction, key: str) -> Row:
    found = await tx.one("SELECT * FROM outbox WHERE key = ?", (key,))
    assert found is not None
    return found


async def sent(tx: Transaction, letter: Letter, *, last: bool = False, at: float = NOW) -> None:
    await outbox.delivered(tx, letter, 55, 66, at, last=last)


async def test_an_empty_outbox_has_nothing_due(tx: Transaction) -> None:
    assert await order(tx) == []


async def test_a_new_message_is_due_until_it_is_delivered(tx: Transaction) -> None:
    await put(tx, "a")
    letter = await due(tx)
    assert (letter.key, letter.kind, letter.user_id, letter.run, letter.revision) == ("a", "live", 7, RUN, 1)
    assert (letter.channel_id, letter.message_id, letter.tries, letter.created_at, letter.sent_at) == (
        *(None, None, 0, NOW, None),
    )
    await sent(tx, letter)
    assert await order(tx) == []


async def test_a_message_put_again_is_due_for_an_edit_of_the_same_message(tx: Transaction) -> None:
    await put(tx, "a")
    await sent(tx, await due(tx))
    await put(tx, "a")
    letter = await due(tx)
    assert (letter.message_id, letter.channel_id, letter.revision, letter.sent_at) == (55, 66, 2, NOW)
    await sent(tx, letter, at=NOW + 9)
    assert (await row(tx, "a"))["sent_at"] == NOW, "a card is as old as its first sending"


async def test_what_changes_while_it_is_being_sent_is_due_again(tx: Transaction) -> None:
    await put(tx, "a")
    letter = await due(tx)
    await put(tx, "a")
    await sent(tx, letter)
    assert (await due(tx)).revision == 2


async def test_a_message_put_once_is_left_as_it_is(tx: Transaction) -> None:
    for _ in range(2):
        await outbox.put_once(tx, "a", "summary", 7, RUN, 30, NOW)
    assert (await due(tx)).revision == 1
    await sent(tx, await due(tx), last=True)
    await outbox.put_once(tx, "a", "summary", 7, RUN, 30, NOW)
    assert await order(tx) == []


async def test_the_last_state_closes_a_message_for_good(tx: Transaction) -> None:
    await put(tx, "a")
    await sent(tx, await due(tx), last=True)
    await put(tx, "a")
    assert await order(tx) == []


async def test_the_most_important_goes_first_then_the_oldest(tx: Transaction) -> None:
    for key, priority in [("summary", 30), ("live", 20), ("first end", 10), ("second end", 10)]:
        await put(tx, key, priority)
    assert [letter.key for letter in await order(tx)] == ["first end", "second end", "live", "summary"]


async def test_what_is_hastened_is_urgent_until_it_is_shown(tx: Transaction) -> None:
    async def urgent() -> list[bool]:
        return [waiting.urgent for waiting in await outbox.waiting(tx)]

    await put(tx, "a")
    letter = await due(tx)
    await put(tx, "a")
    await outbox.hasten(tx, "a")
    await sent(tx, letter)
    assert await urgent() == [True], "it changed while an earlier state was being sent"
    await sent(tx, await due(tx))
    await put(tx, "a")
    assert await urgent() == [False], "what comes later waits again"


async def test_only_an_edit_reaches_who_takes_no_messages(tx: Transaction) -> None:
    await put(tx, "there")
    await sent(tx, await due(tx))
    await people.close_dms(tx, 7, NOW)
    await people.close_dms(tx, 7, NOW + 9)
    await put(tx, "there")
    await put(tx, "new")
    assert [(waiting.is_new, waiting.held) for waiting in await outbox.waiting(tx)] == [(False, False), (True, True)]
    assert await people.dms_closed_at(tx, 7) == NOW, "since it was first seen"
    await people.open_dms(tx, 7)
    assert not any(waiting.held for waiting in await outbox.waiting(tx))


async def test_the_dead_are_told_of_once_and_come_back_one_by_one_or_all(tx: Transaction) -> None:
    for key in ("a", "b", "c", "other"):
        await put(tx, key)
    for letter in await order(tx):
        await outbox.drop(tx, letter.id, "refused" if letter.key == "other" else "closed", dead=True)
    untold = await outbox.untold(tx, 7, "closed")
    assert [letter.key for letter in untold] == ["a", "b", "c"]
    await outbox.told(tx, untold)
    assert await outbox.untold(tx, 7, "closed") == []
    assert await outbox.revive(tx, 7, "closed", limit=1) == 1
    assert [letter.key for letter in await order(tx)] == ["a"]
    assert await outbox.revive(tx, 7, "closed") == 2
    assert [letter.key for letter in await order(tx)] == ["a", "b", "c"]


async def test_a_newer_message_overtakes_those_that_wait(tx: Transaction) -> None:
    for number, user in [(1, 7), (2, 7), (3, 7), (1, 8)]:
        await outbox.put_once(tx, f"{user}:{number}", "summary", user, RUN, 30, NOW)
    await put(tx, "card")
    await outbox.overtake(tx, "summary", RUN, 7, "7:3")
    assert [letter.key for letter in await order(tx)] == ["card", "7:3", "8:1"]


async def test_failures_are_counted_until_one_arrives(tx: Transaction) -> None:
    await put(tx, "a")
    for number in range(3):
        assert (await due(tx)).tries == number
        await outbox.failed(tx, await due(tx), "HTTP 503")
    assert ((await row(tx, "a"))["error"], (await row(tx, "a"))["tries"]) == ("HTTP 503", 3)
    await sent(tx, await due(tx))
    assert ((await row(tx, "a"))["error"], (await row(tx, "a"))["tries"]) == (None, 0)


async def test_superseded_messages_are_put_away_and_the_current_one_is_not(tx: Transaction) -> None:
    for key in ("old", "current"):
        await put(tx, key)
        await sent(tx, await due(tx))
    await put(tx, "end", 10, kind="completed")
    await sent(tx, await due(tx))
    await outbox.supersede(tx, "live", RUN, ["current"])
    assert [letter.key for letter in await order(tx)] == ["old"]
    await sent(tx, await due(tx), last=True)
    await outbox.supersede(tx, "live", RUN, ["current"])
    assert await order(tx) == []


async def test_a_message_that_is_gone_is_made_anew(tx: Transaction) -> None:
    await people.remember_dm_channel(tx, 7, 66)
    await put(tx, "a")
    await outbox.attempt(tx, await due(tx))
    assert (await due(tx)).attempted
    await sent(tx, await due(tx))
    await put(tx, "a")
    await outbox.forget_message(tx, await due(tx))
    letter = await due(tx)
    assert (letter.message_id, letter.attempted, await people.dm_channel(tx, 7)) == (None, False, 66)


async def test_the_channel_of_a_person_is_remembered(tx: Transaction) -> None:
    assert await people.dm_channel(tx, 7) is None
    for channel in (66, 67):
        await people.remember_dm_channel(tx, 7, channel)
        assert await people.dm_channel(tx, 7) == channel
    assert await people.dm_channel(tx, 8) is None


@pytest.mark.parametrize(("dead", "state"), [(True, "dead"), (False, "closed")])
async def test_a_dropped_message_never_comes_back(tx: Transaction, dead: bool, state: str) -> None:
    await put(tx, "a")
    await outbox.drop(tx, (await due(tx)).id, "why", dead=dead)
    await put(tx, "a")
    await outbox.put_once(tx, "a", "live", 7, RUN, 20, NOW)
    await outbox.supersede(tx, "live", RUN, [])
    assert await order(tx) == []
    assert ((await row(tx, "a"))["state"], (await row(tx, "a"))["error"]) == (state, "why")


async def test_the_messages_of_a_run_go_with_it(tx: Transaction) -> None:
    await put(tx, "a")
    await tx.execute("DELETE FROM runs WHERE name = ?", (RUN,))
    assert await order(tx) == []


async def test_a_change_and_its_messages_are_kept_or_lost_together(database: Database) -> None:
    woken: list[bool] = []
    announce = Outbox(lambda: woken.append(True), now=lambda: NOW)
    running = stories.run(RunState.RUNNING)
    stopped = stories.run(RunState.STOPPED)

    async def change() -> None:
        async with database.transaction() as tx:
            await rows.update(tx, running, stopped, NOW)
            await announce(tx, Change(running, stopped))
            assert len(await tx.all("SELECT 1 FROM outbox")) == 2
            if not woken:
                woken.append(False)
                raise ConnectionError

    with pytest.raises(ConnectionError):
        await change()
    async with database.snapshot() as reader:
        assert await reader.all("SELECT 1 FROM outbox") == []
    assert woken == [False]
    await change()
    assert woken == [False, True], "the sender hears of what was kept, and once"


async def test_a_change_of_state_does_not_wait_for_a_cards_pause(database: Database) -> None:
    announce = Outbox(lambda: None, now=lambda: NOW)
    running, stopping = stories.run(RunState.RUNNING), stories.run(RunState.STOPPING)
    card = policy.live_card(RUN, 7, running.created_at).key
    async with database.transaction() as tx:
        await announce(tx, Change(running, running))
        await sent(tx, await due(tx))
        await announce(tx, Change(running, running))
        assert not (await outbox.waiting(tx))[0].urgent, "progress waits"
        await announce(tx, Change(running, stopping))
        (waiting,) = await outbox.waiting(tx)
        assert waiting.urgent and (await due(tx)).key == card
