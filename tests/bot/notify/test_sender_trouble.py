"""Outages, limits, lost answers, deaths in mid-sending and wrong clocks: everything arrives, once and in order."""

from __future__ import annotations

import os
import signal
from dataclasses import replace

import pytest

from bot.chat.notify import delivery, policy
from bot.chat.notify.kinds import Kind
from bot.chat.render.curve import PlotRequest
from bot.runs.model import Run, RunState, Stall
from playground.people import Person
from tests.bot.chat import stories
from tests.bot.notify.conftest import MESSAGE, MESSAGES, Post
from trainer_core.faults import Faults, Rule

DAY = 86_400.0
HISTORY = ("GET", MESSAGES)


def names(person: Person) -> list[str]:
    """Which run each message is about, in the order in which they made a sound."""
    return [note.message.content.split("**")[1] for note in person.notifications()]


async def end_all(post: Post, *runs: str, watchers: tuple[Person, ...] = ()) -> list[Run]:
    made = [await post.run(name, watchers=watchers) for name in runs]
    return [await post.moved(run, RunState.SUCCEEDED) for run in made]


async def buzzed(person: Person, count: int) -> None:
    """Return once the person was told of so many ends."""
    await person.until(lambda _: len(person.notifications()) >= count)


async def forget_nonces(post: Post) -> None:
    """As Discord does: after some minutes it takes a nonce for a new one, and it never gives one back."""
    post.playground.clock.advance(3600)
    world = post.playground.world
    for message in post.ada.inbox():
        world.update(replace(message, nonce=None), visible_edit=False)


async def test_two_people_do_not_wait_for_each_other_and_one_is_told_in_order(post: Post) -> None:
    hold = post.playground.faults.hold("POST", MESSAGES)
    await end_all(post, "swans", "geese")
    async with post.sending():
        await hold.reached.wait()
        await end_all(post, "ducks", watchers=(post.grace,))
        await post.grace.until(lambda m: "ducks" in m.content)
        assert post.ada.inbox() == []
        hold.release()
        await post.settled()
    assert names(post.ada) == ["swans", "geese"]


@pytest.mark.parametrize("abort", [True, False])
async def test_after_an_outage_everything_arrives_in_order(post: Post, abort: bool) -> None:
    """Discord is away for hours; what was due meanwhile is one message each."""
    down = post.playground.faults.add("*", "*", times=10_000, abort=abort, status=None if abort else 503)
    runs = [f"run-{number}" for number in range(4)]
    await end_all(post, *runs, watchers=(post.ada, post.grace))
    async with post.sending():
        for tries in (2, *range(4, 14)):  # both at first, then one at a time
            await post.tried(tries)
            await post.later(1800)
        await post.tried(14)
        asked = 10_000 - down.times
        down.times = 0
        await post.later(60)
        await buzzed(post.ada, 4)
        await buzzed(post.grace, 4)
        await post.settled()
    assert names(post.ada) == names(post.grace) == runs
    assert asked < 60, "one look at a time finds out whether it is over"


async def test_a_revoked_token_costs_no_letter(post: Post) -> None:
    post.playground.faults.add("POST", MESSAGES, times=12, status=401, body={"code": 0, "message": "401: Unauthorized"})
    await end_all(post, "swans")
    async with post.sending():
        for tries in range(1, 13):
            await post.tried(tries)
            await post.later(300)
        await buzzed(post.ada, 1)
    assert names(post.ada) == ["swans"]


async def test_a_short_limit_is_waited_out_by_the_library(post: Post) -> None:
    post.playground.faults.rate_limited("POST", MESSAGES, retry_after=0.2)
    await end_all(post, "swans", "geese")
    async with post.sending():
        await post.settled()
    assert names(post.ada) == ["swans", "geese"]
    assert {row["tries"] for row in await post.rows()} == {0}


async def test_a_long_limit_holds_up_that_person_alone(post: Post) -> None:
    post.playground.faults.rate_limited("POST", MESSAGES, retry_after=120)
    await end_all(post, "swans", "geese")
    async with post.sending():
        await post.noted(lambda row: row["error"] == "rate limited")
        await end_all(post, "ducks", watchers=(post.grace,))
        await post.grace.until(lambda m: "ducks" in m.content)
        await post.later(119)
        await post.settled(post.grace)
        assert post.ada.inbox() == []
        await post.later(2)
        await post.settled()
    assert names(post.ada) == ["swans", "geese"]


@pytest.mark.parametrize(("route", "code"), [("/users/@me/channels", 40003), (MESSAGES, 20028)])
async def test_a_limit_that_comes_as_a_refusal_is_waited_out(post: Post, route: str, code: int) -> None:
    post.playground.faults.refused("POST", route, 403, code, "You are too fast", times=7)
    await end_all(post, "swans")
    async with post.sending():
        for tries in range(1, 8):
            await post.tried(tries)
            await post.later(300)
        told = await post.ada.until(lambda m: "swans" in m.content)
    assert told.embeds and names(post.ada) == ["swans"]


async def test_one_letter_that_always_fails_does_not_hold_up_the_others_for_ever(post: Post) -> None:
    """Discord answers all else. When it takes that one, too, it comes after all."""
    post.playground.faults.add("POST", MESSAGES, times=3, status=503)
    await end_all(post, "swans", "geese")
    async with post.sending():
        for tries in (1, 2):
            await post.tried(tries)
            await post.later(10)
        await post.ada.until(lambda m: "geese" in m.content)
        await post.later(300)
        await post.ada.until(lambda m: "swans" in m.content)
    assert names(post.ada) == ["geese", "swans"]


async def test_a_limit_on_old_messages_delays_the_card_and_not_the_end(post: Post) -> None:
    run = await post.run("swans")
    async with post.sending():
        await post.moved(run)
        card = await post.ada.until(lambda m: m.silent and bool(m.embeds))
        await post.noted(lambda row: row["message_id"] == card.id)
        post.playground.faults.rate_limited("PATCH", MESSAGE, retry_after=60, times=1)
        await post.later(4000)
        await post.moved(run)
        await post.noted(lambda row: row["error"] == "rate limited")
        await post.moved(run, RunState.SUCCEEDED)
        await post.ada.until(lambda m: "has finished" in m.content)
        await post.later(61)
        await post.ada.until(lambda m: m.id == card.id and "finished" in str(m.embeds))


@pytest.mark.parametrize("kind", [Kind.COMPLETED, Kind.LIVE, Kind.SUMMARY])
@pytest.mark.parametrize("gives_nonces", [True, False])
async def test_what_arrived_is_found_when_its_nonce_has_run_out(post: Post, kind: Kind, gives_nonces: bool) -> None:
    """The bot died when Discord had the message and nobody had noted it, and was down for a day."""
    run = await post.run("swans")
    if kind is Kind.SUMMARY:
        await post.put(policy.summary("swans", post.ada.id, 1))
    else:
        await post.moved(run, RunState.SUCCEEDED if kind is Kind.COMPLETED else None)
    post.playground.faults.add("POST", MESSAGES, abort=True, when="after")
    async with post.sending():
        await post.noted(lambda row: row["tries"] == 1 and row["attempted"])
    (arrived,) = post.ada.inbox()
    post.playground.clock.advance(DAY)
    if not gives_nonces:
        await forget_nonces(post)
    async with post.sending():
        await post.noted(lambda row: row["message_id"] == arrived.id)
        await post.settled()
    about = [m.id for m in post.ada.inbox() if "swans" in f"{m.content}{m.embeds}"]
    assert about == [arrived.id]


@pytest.mark.parametrize("gives_nonces", [True, False])
@pytest.mark.parametrize("kind", [Kind.STALLED, Kind.PAUSED])
async def test_what_arrived_is_found_when_it_is_over(post: Post, kind: Kind, gives_nonces: bool) -> None:
    """The answer was lost, and by the next try there is nothing to decide: the message has no buttons then."""
    run = await post.run("swans")
    if kind is Kind.PAUSED:
        changed = await post.moved(await post.moved(run, RunState.PAUSING), RunState.PAUSED)
        over = changed.moved(RunState.QUEUED, post.clock())
    else:
        stall = Stall(post.clock() - 60, post.clock(), 200, post.clock() + 600)
        changed = await post.became(run, replace(run, stall=stall))
        over = run
    post.playground.faults.add("POST", MESSAGES, abort=True, when="after", times=2)
    async with post.sending():
        await post.noted(lambda row: row["kind"] == kind and row["tries"] == 1 and row["attempted"])
    (arrived,) = post.ada.inbox()
    assert arrived.components
    await post.became(changed, over)
    post.playground.faults.clear()
    if not gives_nonces:
        await forget_nonces(post)
    async with post.sending():
        await post.ada.until(lambda m: m.id == arrived.id and not m.components)
        await post.noted(lambda row: row["kind"] == kind and row["state"] == "closed")
        await post.settled()
    about = [m.id for m in post.ada.inbox() if "**swans**" in m.content]
    assert about == [arrived.id]


async def test_what_did_not_arrive_is_sent_a_day_later(post: Post) -> None:
    await end_all(post, "swans")
    post.playground.faults.add("POST", MESSAGES, abort=True)
    async with post.sending():
        await post.noted(lambda row: row["tries"] == 1 and row["attempted"])
    post.playground.clock.advance(DAY)
    async with post.sending():
        await post.ada.until(lambda m: "swans" in m.content)
    assert names(post.ada) == ["swans"]


@pytest.mark.parametrize("point", ["sender.attempted", "sender.sent", "sender.noted"])
async def test_trouble_at_any_point_makes_no_second_message(
    post: Post, point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "reach", Faults([Rule(point, 1, "raise")]).reach)
    await end_all(post, "swans")
    async with post.sending():
        await post.noted(lambda row: row["tries"] > 0)
        await forget_nonces(post)
        await post.later(60)
        await post.ada.until(lambda m: "swans" in m.content)
        await post.settled()
    assert names(post.ada) == ["swans"]


@pytest.mark.parametrize("jump", [DAY, -DAY])
async def test_a_clock_that_is_set_neither_fires_nor_holds_anything(post: Post, jump: float) -> None:
    run = await post.run("swans")
    async with post.sending():
        await post.moved(run)
        card = await post.ada.until(lambda m: m.silent and bool(m.embeds))
        await post.noted(lambda row: row["message_id"] == card.id)
        post.clock.time += jump
        await post.moved(run)
        post.due.set()
        await post.settled()
        assert [m.edits for m in post.ada.inbox() if m.id == card.id] == [0], "its pause is not over"
        post.steady.time += 30
        post.due.set()
        await post.ada.until(lambda m: m.id == card.id and m.edits == 1)
        await post.moved(run, RunState.SUCCEEDED)
        await post.ada.until(lambda m: "has finished" in m.content)
    assert names(post.ada) == ["swans"]


async def test_a_dropped_gateway_holds_up_nothing(post: Post) -> None:
    async with post.sending():
        await post.settled()
        await post.playground.drop_gateway()
        await end_all(post, "swans")
        await post.ada.until(lambda m: "swans" in m.content)
        await post.playground.until_connected()


async def test_the_end_is_told_before_its_picture_is_drawn(post: Post) -> None:
    """The plotting process hangs; the picture comes with an edit when it goes on."""
    await post.plotter.draw(PlotRequest("warm", ((1, 1.0), (2, 1.0)), ()))
    assert post.plotter.process_id is not None
    os.kill(post.plotter.process_id, signal.SIGSTOP)
    run = await post.run("swans")
    for step in (100, 200, 300):
        await post.report(run, stories.progress(step))
    async with post.sending():
        await post.moved(run, RunState.FAILED)
        told = await post.ada.until(lambda m: "failed" in m.content)
        assert "image" not in told.embeds[0]
        os.kill(post.plotter.process_id, signal.SIGCONT)
        await post.noted(lambda row: row["message_id"] == told.id)
        await post.ada.until(lambda m: m.id == told.id and "image" in m.embeds[0])
        await post.noted(lambda row: row["message_id"] == told.id and row["state"] == "closed")
    assert names(post.ada) == ["swans"]
