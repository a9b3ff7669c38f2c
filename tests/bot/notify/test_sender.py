"""What arrives in the direct messages, whatever happens on the way: once, in order, and never stale."""

from __future__ import annotations

import asyncio

import pytest

from bot.chat.notify import policy
from bot.runs.announce import Change
from bot.runs.model import RunState, RunStatus
from bot.store import outbox, people
from bot.store import runs as rows
from bot.store.db import Row
from playground.messages import Message
from playground.people import Person
from tests.bot.chat import stories
from tests.bot.notify.conftest import MESSAGE, MESSAGES, Post

LATER = "is tried again later"


def texts(person: Person) -> list[str]:
    return [shown(message) for message in person.inbox()]


def shown(message: Message) -> str:
    return f"{message.content} {' '.join(embed.get('title', '') for embed in message.embeds)}"


async def card(post: Post, run: str, *, edits: int = 0) -> Message:
    """The live card of Ada's, once it has changed that often and the sender has noted it down."""
    message = await post.ada.until(lambda m: m.silent and run in shown(m) and m.edits >= edits)
    await post.noted(lambda row: row["message_id"] == message.id and row["sent_revision"] > edits, run)
    return message


def failed(row: Row) -> bool:
    """Whether the message waits for another try."""
    return bool(row["tries"])


async def test_a_card_is_sent_then_edited_in_place(post: Post) -> None:
    run = await post.run("swans")
    async with post.sending():
        await post.moved(run)
        first = await card(post, "swans")
        await post.report(run, stories.progress(200))
        await post.moved(run)
        await post.later(5)
        second = await card(post, "swans", edits=1)
    assert (first.id, first.edits) == (second.id, 0)
    assert "step 200" in str(second.embeds) and "step 200" not in str(first.embeds)
    assert post.ada.notifications() == [] and len(post.ada.inbox()) == 1


async def test_a_card_does_not_change_before_its_pause_is_over(post: Post) -> None:
    run = await post.run("swans")
    async with post.sending():
        await post.moved(run)
        await card(post, "swans")
        await post.moved(run)
        await post.later(4.9)
        await post.settled()
        assert (await card(post, "swans")).edits == 0
        await post.later(0.2)
        await card(post, "swans", edits=1)


async def test_how_it_ended_comes_before_how_it_goes(post: Post) -> None:
    """All three wait when the sender starts, put in the other order."""
    going = await post.run("geese")
    await post.put(policy.summary("geese", post.ada.id, 1))
    await post.moved(going)
    await post.moved(await post.run("swans"), RunState.SUCCEEDED)
    async with post.sending():
        await post.ada.until(lambda m: "📈" in m.content)
    first, second, third = texts(post.ada)
    assert "✅ **swans** has finished" in first and "geese · training" in second and "📈 **geese**" in third
    assert [notification.message.content.split()[1] for notification in post.ada.notifications()] == ["**swans**"]


async def test_no_card_and_no_summary_are_made_of_a_run_that_has_ended(post: Post) -> None:
    run = await post.run("swans")
    await post.moved(run)
    await post.put(policy.summary("swans", post.ada.id, 1))
    await post.moved(run, RunState.FAILED)
    async with post.sending():
        await post.settled()
    assert [text for text in texts(post.ada) if "swans" in text and "failed" not in text] == []
    assert {row["state"] for row in await post.rows() if row["run"] == "swans"} == {"closed"}


async def test_a_card_shows_the_end_and_then_never_changes(post: Post) -> None:
    run = await post.run("swans")
    async with post.sending():
        await post.moved(run)
        await card(post, "swans")
        ended = await post.moved(run, RunState.SUCCEEDED)
        last = await card(post, "swans", edits=1)
        assert "finished" in shown(last) and last.components == ()
        await post.moved(ended)
        await post.later(3600)
        await post.settled()
    assert (await card(post, "swans")).edits == 1
    assert len(post.ada.notifications()) == 1


@pytest.mark.parametrize(
    ("status", "abort", "when"),
    [(503, False, "before"), (503, False, "after"), (None, True, "before"), (None, True, "after")],
)
async def test_what_gets_lost_on_the_way_arrives_once(post: Post, status: int | None, abort: bool, when: str) -> None:
    """Discord fails, or fails to say that it did not: the second try is the same message."""
    after = "after" if when == "after" else "before"
    post.playground.faults.add("POST", MESSAGES, status=status, abort=abort, when=after)  # type: ignore[arg-type]  # mypy widens the literals
    async with post.sending():
        await post.moved(await post.run("swans"), RunState.SUCCEEDED)
        await post.noted(failed)
        assert len(post.ada.inbox()) == (when == "after")
        await post.later(1)
        await post.noted(lambda row: row["state"] == "closed")
        await post.settled()
    assert len([text for text in texts(post.ada) if "✅ **swans** has finished" in text]) == 1
    tries = [post for post in post.posts() if "swans" in str(post.payload)]
    assert len(tries) == (1 if when == "after" else 2), "what arrived is found, not sent again"
    assert len({post.payload["nonce"] for post in tries}) == 1 and all(post.payload["enforce_nonce"] for post in tries)


async def test_a_store_that_fails_for_a_while_stops_nothing(post: Post) -> None:
    """It takes no notes, as when its disk is full: what is due is delivered once that is over."""
    refuse = "CREATE TRIGGER full BEFORE UPDATE ON outbox BEGIN SELECT RAISE(ABORT, 'disk is full'); END"
    async with post.database.transaction() as tx:
        await tx.execute(refuse)
    async with post.sending():
        await post.put(policy.summary((await post.run("swans")).name, post.ada.id, 1))
        for _ in range(2):
            await post.log.until("the outbox cannot be worked off")
        assert not post.database.works and post.ada.inbox() == []
        async with post.database.transaction() as tx:
            await tx.execute("DROP TRIGGER full")
        await post.ada.until(lambda m: "swans" in m.content)
        await post.settled()
    assert len([text for text in texts(post.ada) if "swans" in text]) == 1
    assert post.database.works


async def test_a_stumble_of_discords_is_not_even_noticed(post: Post, caplog: pytest.LogCaptureFixture) -> None:
    """The library itself tries again after a 500."""
    post.playground.faults.add("POST", MESSAGES, status=500)
    async with post.sending():
        await post.moved(await post.run("swans"), RunState.SUCCEEDED)
        await post.ada.until(lambda m: "swans" in m.content)
    assert len({exchange.payload["nonce"] for exchange in post.posts()}) == 1 and len(post.posts()) == 2
    assert LATER not in caplog.text


async def test_a_refused_edit_is_made_later(post: Post) -> None:
    run = await post.run("swans")
    async with post.sending():
        await post.moved(run)
        await card(post, "swans")
        post.playground.faults.refused("PATCH", MESSAGE, 403, 50001, "Missing Access")
        await post.moved(run, RunState.SUCCEEDED)
        await post.noted(lambda row: row["error"] == "HTTP 403, code 50001")
        await post.later(1)
        assert "finished" in shown(await card(post, "swans", edits=1))


async def test_a_sender_that_dies_in_mid_sending_does_not_send_twice(post: Post) -> None:
    hold = post.playground.faults.hold("POST", MESSAGES)
    await post.moved(await post.run("swans"), RunState.SUCCEEDED)
    async with post.sending():
        await hold.reached.wait()
    hold.release()
    async with post.sending():
        await post.ada.until(lambda m: "swans" in m.content)
        await post.settled()
    assert len([text for text in texts(post.ada) if "swans" in text]) == 1
    assert len({exchange.payload["nonce"] for exchange in post.posts()}) == 2, "the run's and the marker's"


async def test_a_deleted_card_is_shown_anew(post: Post) -> None:
    run = await post.run("swans")
    async with post.sending():
        await post.moved(run)
        gone = await card(post, "swans")
        post.playground.world.delete(gone)
        await post.moved(run)
        await post.later(5)
        await post.noted(lambda row: row["error"] == "HTTP 404, code 10008")
        await post.later(1)
        new = await card(post, "swans")
    assert new.id != gone.id and len(post.ada.inbox()) == 1


async def test_a_channel_that_discord_no_longer_knows_is_opened_anew(post: Post) -> None:
    """As after a new playground on an old home folder."""
    async with post.database.transaction() as tx:
        await people.remember_dm_channel(tx, post.ada.id, 4711)
    async with post.sending():
        await post.moved(await post.run("swans"), RunState.SUCCEEDED)
        await post.noted(lambda row: row["error"] == "HTTP 404, code 10003")
        await post.later(1)
        message = await post.ada.until(lambda m: "swans" in m.content)
    async with post.database.snapshot() as tx:
        assert await people.dm_channel(tx, post.ada.id) == message.channel_id


async def test_a_channel_is_opened_once(post: Post) -> None:
    async with post.sending():
        await post.moved(await post.run("swans"), RunState.SUCCEEDED)
        await post.moved(await post.run("geese"), RunState.SUCCEEDED)
        await post.settled()
    assert len(post.ada.notifications()) == 2
    assert len(post.playground.traffic.matching("POST", "/users/@me/channels")) == 1


async def test_a_message_that_cannot_be_made_holds_up_no_other(post: Post) -> None:
    broken = await post.run("broken")
    async with post.database.transaction() as tx:
        await tx.execute("INSERT INTO events VALUES (?, 1, 1, 'nonsense', '{}')", (broken.name,))
    await post.moved(broken, RunState.SUCCEEDED)
    await post.moved(await post.run("swans"), RunState.SUCCEEDED)
    async with post.sending():
        await post.ada.until(lambda m: "swans" in m.content)
        await post.noted(failed, "broken")
        async with post.database.transaction() as tx:
            await tx.execute("DELETE FROM events")
        await post.later(1)
        await post.ada.until(lambda m: "broken" in m.content)
    assert len(post.ada.notifications()) == 2


async def unwatch(post: Post, name: str) -> None:
    async with post.database.transaction() as tx:
        run = await rows.find(tx, name)
        assert run is not None
        await rows.remove_watcher(tx, name, post.ada.id)
        await post.announce(tx, Change(run, run))


async def test_the_card_of_who_no_longer_watches_is_put_away_at_once(post: Post) -> None:
    run = await post.run("swans")
    async with post.sending():
        await post.moved(run)
        first = await card(post, "swans")
        await unwatch(post, "swans")
        put_away = await post.ada.until(lambda m: m.id == first.id and "no longer watch" in m.content)
        await post.moved(run)
        async with post.database.transaction() as tx:
            await rows.add_watcher(tx, "swans", post.ada.id, post.clock())
            await post.announce(tx, Change(run, run))
        second = await post.ada.until(lambda m: m.id != first.id and "swans" in shown(m))
    assert put_away.embeds == [] and put_away.edits == 1
    assert second.embeds and second.silent


async def test_who_stops_watching_before_the_card_comes_gets_none(post: Post) -> None:
    await post.moved(await post.run("swans"))
    await unwatch(post, "swans")
    async with post.sending():
        await post.settled()
    assert [text for text in texts(post.ada) if "swans" in text] == []
    assert [row["state"] for row in await post.rows() if row["run"] == "swans"] == ["closed"]


async def test_the_last_card_of_who_no_longer_watches_shows_the_end(post: Post) -> None:
    """Both changes happen while the sender is away."""
    run = await post.run("swans")
    async with post.sending():
        await post.moved(run)
        await card(post, "swans")
    await unwatch(post, "swans")
    await post.moved(run, RunState.SUCCEEDED)
    async with post.sending():
        last = await card(post, "swans", edits=1)
    assert "finished" in shown(last) and post.ada.notifications() == []


async def test_a_run_that_is_gone_is_not_spoken_of(post: Post) -> None:
    async def gone(name: str) -> RunStatus | None:
        return None if name == "swans" else await post.view(name)

    await post.moved(await post.run("swans"), RunState.SUCCEEDED)
    async with post.sending(gone):
        await post.settled()
    assert not any("swans" in text for text in texts(post.ada))


async def test_an_idle_sender_wakes_up_for_what_is_new(post: Post) -> None:
    async with post.sending():
        await post.settled()
        await post.moved(await post.run("swans"), RunState.SUCCEEDED)
        await post.ada.until(lambda m: "swans" in m.content)


async def test_an_idle_sender_wakes_up_when_a_pause_is_over(post: Post) -> None:
    """Nobody sets the event: the clock alone brings the edit."""
    run = await post.run("swans")
    async with post.sending():
        await post.moved(run)
        await card(post, "swans")
        async with post.database.transaction() as tx:
            await outbox.put(tx, policy.live_card("swans", post.ada.id, run.created_at).key, "live", 0, "swans", 20, 0)
        post.steady.time += 4.9
        await post.settled()
        asyncio.get_running_loop().call_later(0.05, setattr, post.steady, "time", post.steady() + 0.2)
        await card(post, "swans", edits=1)


async def test_a_card_that_was_sent_but_not_noted_down_is_the_same_card_afterwards(post: Post) -> None:
    """The bot died between sending the card and noting it down, and the run ended meanwhile."""
    run = await post.run("swans")
    async with post.sending():
        await post.moved(run)
        before = await card(post, "swans")
    async with post.database.transaction() as tx:
        await tx.execute("UPDATE outbox SET message_id = NULL, channel_id = NULL, sent_revision = 0, sent_at = NULL")
    await post.moved(run, RunState.SUCCEEDED)
    async with post.sending():
        after = await post.ada.until(lambda m: m.id == before.id and "finished" in shown(m))
        await post.settled()
    assert after.edits >= 1
    cards = [message.id for message in post.ada.inbox() if message.silent and "swans" in shown(message)]
    assert cards == [before.id]


async def test_summaries_that_could_not_be_sent_come_as_one(post: Post) -> None:
    run = await post.run("swans")
    for number in (1, 2, 3):
        await post.put(policy.summary("swans", post.ada.id, number))
    async with post.sending():
        await post.settled()
    assert len([text for text in texts(post.ada) if f"📈 **{run.name}**" in text]) == 1


async def test_a_summary_does_not_come_after_unwatching(post: Post) -> None:
    run = await post.run("swans")
    await post.put(policy.summary("swans", post.ada.id, 1))
    async with post.database.transaction() as tx:
        await rows.remove_watcher(tx, run.name, post.ada.id)
    async with post.sending():
        await post.settled()
    assert [text for text in texts(post.ada) if run.name in text] == []


async def test_who_was_struck_off_is_told_nothing_more(post: Post) -> None:
    post.struck_off.add(post.ada.id)
    await post.moved(await post.run("swans", watchers=[post.ada, post.grace]), RunState.SUCCEEDED)
    async with post.sending():
        await post.grace.until(lambda m: "swans" in m.content)
        await post.noted(lambda row: row["user_id"] == post.ada.id and row["state"] == "closed")
    assert texts(post.ada) == []


async def test_a_message_that_discord_refuses_as_such_is_given_up(post: Post, caplog: pytest.LogCaptureFixture) -> None:
    body = {"code": 50035, "message": "Invalid Form Body", "errors": {}}
    post.playground.faults.add("POST", MESSAGES, times=99, status=400, body=body)
    async with post.sending():
        await post.moved(await post.run("swans"), RunState.SUCCEEDED)
        for tries in range(1, 6):
            await post.tried(tries)
            await post.later(60)
        await post.noted(lambda row: row["state"] == "dead")
    assert "is given up" in caplog.text
    assert len(post.posts()) == 6 and "embeds" not in post.posts()[-1].payload, "in the end it is said plainly"


async def test_an_end_that_cannot_be_made_is_told_plainly_once(post: Post) -> None:
    broken = await post.run("broken")
    async with post.database.transaction() as tx:
        await tx.execute("INSERT INTO events VALUES (?, 1, 1, 'nonsense', '{}')", (broken.name,))
    await post.moved(broken, RunState.SUCCEEDED)
    async with post.sending():
        for tries in range(1, 6):
            await post.noted(lambda row, tries=tries: row["kind"] == "completed" and row["tries"] == tries, "broken")  # type: ignore[misc]  # mypy infers no lambda with a default
            await post.later(60)
        told = await post.ada.until(lambda m: "✅ **broken** has finished" in m.content)
        await post.noted(lambda row: row["kind"] == "completed" and row["state"] == "closed", "broken")
    assert not told.embeds and [note.message.id for note in post.ada.notifications()] == [told.id]


async def test_broken_connections_do_not_count_as_refusals(post: Post) -> None:
    post.playground.faults.add("POST", MESSAGES, times=5, abort=True)
    body = {"code": 50035, "message": "Invalid Form Body", "errors": {}}
    post.playground.faults.add("POST", MESSAGES, status=400, body=body)
    async with post.sending():
        await post.moved(await post.run("swans"), RunState.SUCCEEDED)
        for tries in range(1, 7):
            await post.tried(tries)
            await post.later(300)
        told = await post.ada.until(lambda m: "swans" in m.content)
    assert told.embeds
