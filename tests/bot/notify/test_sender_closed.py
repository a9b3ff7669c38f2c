"""People who take no direct messages: nothing is tried in vain, they hear of it once, and nothing is lost for good."""

from __future__ import annotations

import pytest

from bot.chat.notify import policy
from bot.chat.notify.missed import tell_missed
from bot.chat.render.message import Message
from bot.runs.model import RunState
from bot.store import people
from tests.bot.notify.conftest import Post

LATER = "is tried again later"


async def turns_to_spotter(post: Post) -> Message | None:
    """Grace uses a command: what she is told beside its answer."""
    told: list[Message] = []

    async def tell(message: Message) -> None:
        told.append(message)

    await tell_missed(post.database, post.grace.id, post.due.set, tell)
    return told[0] if told else None


async def states(post: Post, run: str) -> list[str]:
    return [row["state"] for row in await post.rows() if row["run"] == run and row["kind"] != "live"]


async def closed(post: Post) -> bool:
    async with post.database.snapshot() as tx:
        return await people.dms_closed_at(tx, post.grace.id) is not None


def refused(post: Post) -> int:
    return sum(exchange.status == 403 for exchange in post.posts())


@pytest.mark.parametrize("code", [50007, 50278])
async def test_nothing_is_tried_in_vain(post: Post, code: int, caplog: pytest.LogCaptureFixture) -> None:
    """Not even when the run goes on and ends, and an hour passes; others have their messages."""
    post.grace.blocked = True
    if code != 50007:
        pattern = "/channels/{channel_id}/messages"
        post.playground.faults.refused("POST", pattern, 403, code, "Cannot send messages to this user")
    run = await post.run("swans", watchers=[post.grace])
    async with post.sending():
        await post.moved(run)
        await post.playground.traffic.until(lambda x: x.status == 403)
        for _ in range(3):
            await post.moved(run)
            await post.later(1200)
        await post.moved(run, RunState.SUCCEEDED)
        await post.noted(lambda row: row["state"] == "dead")
        await post.settled()
        await post.later(3600)
        await post.settled()
    assert refused(post) == 1 and post.grace.inbox() == []
    assert await states(post, "swans") == ["dead"] and await closed(post)
    assert LATER not in caplog.text


async def test_who_missed_something_is_told_once_and_one_message_is_tried_again(post: Post) -> None:
    post.grace.blocked = True
    async with post.sending():
        await post.moved(await post.run("swans", watchers=[post.grace]), RunState.SUCCEEDED)
        await post.moved(await post.run("geese", watchers=[post.grace]), RunState.FAILED)
        for run in ("swans", "geese"):
            await post.noted(lambda row: row["state"] == "dead", run)
        assert refused(post) == 1
        told = await turns_to_spotter(post)
        await post.noted(lambda row: row["state"] == "dead" and row["tries"] == 0 and row["told"], "swans")
        while refused(post) < 2:
            await post.settled()
        await post.settled()
        assert await turns_to_spotter(post) is None
    assert told is not None and told.content is not None
    assert "**swans** has finished" in told.content and "**geese** failed" in told.content
    assert post.grace.inbox() == []


async def test_who_takes_messages_again_has_what_still_matters_once_each(post: Post) -> None:
    post.grace.blocked = True
    ended = [await post.run(name, watchers=[post.grace]) for name in ("swans", "geese", "ducks")]
    going = await post.run("herons", watchers=[post.grace])
    async with post.sending():
        await post.put(policy.summary("herons", post.grace.id, 1))
        for run in ended:
            await post.moved(run, RunState.SUCCEEDED)
        await post.moved(going)
        for run in ended:
            await post.noted(lambda row: row["state"] == "dead", run.name)
        post.grace.blocked = False
        await turns_to_spotter(post)
        for run in ended:
            await post.grace.until(lambda m, name=run.name: f"**{name}**" in m.content)  # type: ignore[misc]  # mypy infers no lambda with a default
        await post.noted(lambda row: row["kind"] == "live" and row["message_id"] is not None, "herons")
        await post.settled()
        assert await turns_to_spotter(post) is None
    assert [n.message.content.split("**")[1] for n in post.grace.notifications()] == ["swans", "geese", "ducks"]
    assert not await closed(post)


async def test_a_message_that_arrives_by_itself_brings_the_others(post: Post) -> None:
    """The person opened their messages and a card that was there before is edited; the next notice gets through."""
    post.grace.blocked = True
    async with post.sending():
        await post.moved(await post.run("swans", watchers=[post.grace]), RunState.SUCCEEDED)
        await post.noted(lambda row: row["state"] == "dead")
    post.grace.blocked = False
    async with post.database.transaction() as tx:
        await people.open_dms(tx, post.grace.id)
    async with post.sending():
        await post.moved(await post.run("geese", watchers=[post.grace]), RunState.SUCCEEDED)
        await post.grace.until(lambda m: "swans" in m.content)
    assert len(post.grace.notifications()) == 2


async def test_somebody_who_missed_nothing_is_told_nothing(post: Post) -> None:
    assert await turns_to_spotter(post) is None


async def test_who_could_not_be_told_is_told_the_next_time(post: Post) -> None:
    async def tell(_: Message) -> None:
        raise ConnectionError

    post.grace.blocked = True
    async with post.sending():
        await post.moved(await post.run("swans", watchers=[post.grace]), RunState.SUCCEEDED)
        await post.noted(lambda row: row["state"] == "dead")
        with pytest.raises(ConnectionError):
            await tell_missed(post.database, post.grace.id, post.due.set, tell)
        while not await closed(post):
            await post.settled()
        told = await turns_to_spotter(post)
    assert told is not None and "**swans** has finished" in str(told.content)
