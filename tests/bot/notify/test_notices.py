"""Stalls, pauses and full disks, from the run's change to what is in the chat: once each, and over when it is over."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.runs.announce import Change
from bot.runs.model import Run, RunState, Stall
from bot.store import runs as rows
from playground.messages import Message
from tests.bot.chat import stories
from tests.bot.notify.conftest import Post
from tests.bot.storing import append_events
from trainer_core.events import Event, MetricsGuard

ALERT, CHOICES = "needs a decision", ["Wait", "Kill & resume", "Stop"]


async def changed(post: Post, before: Run, after: Run, *events: Event) -> Run:
    async with post.database.transaction() as tx:
        await rows.update(tx, before, after, post.clock())
        await post.announce(tx, Change(before, after, events))
    return after


async def stalls(post: Post, run: Run) -> Run:
    now = post.clock()
    return await changed(post, run, replace(run, stall=Stall(now - 300, now, step=430, restarts_at=now + 300)))


async def advances(post: Post, run: Run) -> Run:
    """The worker reports another step."""
    step = stories.progress(440).model_copy(update={"time": post.clock() + 5})
    async with post.database.transaction() as tx:
        seq = len(await tx.all("SELECT 1 FROM events WHERE run = ?", (run.name,))) + 1
        await append_events(tx, run.name, 1, [step.model_copy(update={"run": run.name, "attempt": 1, "seq": seq})], seq)
    return await changed(post, run, replace(run, stall=None))


def buttons(message: Message) -> list[str]:
    return [button["label"] for row in message.components for button in row["components"]]


def loud(post: Post) -> list[int]:
    return [notification.message.id for notification in post.ada.notifications()]


async def test_a_stall_is_asked_about_once_and_the_question_goes_when_it_is_over(post: Post) -> None:
    async with post.sending():
        run = await stalls(post, await post.run("swans"))
        alert = await post.ada.until(lambda m: ALERT in m.content)
        assert buttons(alert) == CHOICES
        await post.moved(run)  # something else about it changes
        await post.later(60)
        await advances(post, run)
        over = await post.ada.until(lambda m: "advances again" in m.content)
        await post.settled()
    assert over.id == alert.id and buttons(over) == []
    assert loud(post) == [alert.id]


async def test_a_second_stall_is_a_second_question(post: Post) -> None:
    async with post.sending():
        run = await stalls(post, await post.run("swans"))
        first = await post.ada.until(lambda m: ALERT in m.content)
        await post.later(60)
        run = await advances(post, run)
        await post.later(60)
        await stalls(post, run)
        second = await post.ada.until(lambda m: ALERT in m.content and m.id != first.id)
        await post.ada.until(lambda m: m.id == first.id and buttons(m) == [])
        assert buttons(second) == CHOICES
    assert loud(post) == [first.id, second.id]


@pytest.mark.parametrize(
    ("to", "says"), [(RunState.STOPPING, "It is stopping now."), (RunState.LOST, "It goes on from its newest")]
)
async def test_a_choice_takes_the_question_away(post: Post, to: RunState, says: str) -> None:
    async with post.sending():
        run = await stalls(post, await post.run("swans"))
        alert = await post.ada.until(lambda m: ALERT in m.content)
        await post.moved(run, to)
        over = await post.ada.until(lambda m: says in m.content)
    assert over.id == alert.id and buttons(over) == []


async def test_a_stall_that_is_over_before_it_could_be_told_is_not_told(post: Post) -> None:
    run = await stalls(post, await post.run("swans"))
    await advances(post, run)
    async with post.sending():
        await post.settled()
    assert loud(post) == []
    assert not any("stalled" in m.content for m in post.ada.inbox())


async def test_who_no_longer_watches_is_not_left_with_a_question(post: Post) -> None:
    async with post.sending():
        run = await stalls(post, await post.run("swans"))
        alert = await post.ada.until(lambda m: ALERT in m.content)
        async with post.database.transaction() as tx:
            await rows.remove_watcher(tx, "swans", post.ada.id)
        await post.moved(run)
        await post.moved(run, RunState.STOPPING)
        over = await post.ada.until(lambda m: m.id == alert.id and buttons(m) == [])
    assert "stopping" in over.content


async def test_a_pause_is_told_quietly_and_its_message_follows(post: Post) -> None:
    async with post.sending():
        run = await post.moved(await post.run("swans"), RunState.PAUSING)
        run = await post.moved(run, RunState.PAUSED)
        notice = await post.ada.until(lambda m: "is paused" in m.content)
        assert buttons(notice) == ["Resume", "Stop"]
        await post.moved(run, RunState.QUEUED)
        over = await post.ada.until(lambda m: "is queued again" in m.content)
    assert over.id == notice.id and buttons(over) == []
    assert loud(post) == []


async def test_what_the_guard_asks_is_told_aloud_instead_of_the_pause(post: Post) -> None:
    async with post.sending():
        run = await post.run("swans")
        paused = run.moved(RunState.PAUSING, post.clock()).moved(
            RunState.PAUSED, post.clock(), question=stories.QUESTION
        )
        await changed(post, run, paused)
        question = await post.ada.until(lambda m: ALERT in m.content)
        assert buttons(question) == ["Go on", "Stop"] and stories.QUESTION.reason in question.content
        await post.settled()
        assert loud(post) == [question.id] and not any("is paused" in m.content for m in post.ada.inbox())
    async with post.sending():  # as after a restart
        await changed(post, paused, paused.moved(RunState.QUEUED, post.clock()))
        over = await post.ada.until(lambda m: "is queued again" in m.content)
        await post.settled()
    assert over.id == question.id and buttons(over) == [] and loud(post) == [question.id]


async def test_a_run_that_is_paused_again_while_it_waits_is_told_again(post: Post) -> None:
    async with post.sending():
        run = await post.moved(await post.run("swans"), RunState.PAUSING)
        run = await post.moved(run, RunState.PAUSED)
        first = await post.ada.until(lambda m: "is paused" in m.content)
        await post.later(60)
        run = await post.moved(run, RunState.QUEUED)
        await post.ada.until(lambda m: "is queued again" in m.content)
        await post.moved(run, RunState.PAUSED)
        second = await post.ada.until(lambda m: "is paused" in m.content)
    assert second.id != first.id


async def test_a_full_disk_is_told_once_more_by_a_clock_that_was_set_back(post: Post) -> None:
    async with post.sending():
        run = await post.run("swans")
        for step in (100, 200, 300):
            guard = MetricsGuard(step=step, action="disk", reason="the disk is full")
            await changed(post, run, run, guard.stamped("swans", 1, step, 0.0))
            await post.settled()
            if step == 100:
                post.clock.time -= 86_400
    assert len(loud(post)) == 2


async def test_a_missing_second_copy_is_not_told_as_a_full_disk_and_silences_none(post: Post) -> None:
    async with post.sending():
        run = await post.run("swans")
        for step, action, reason in (
            (100, "storage", "the second copy of the checkpoints was not written: its folder is not there"),
            (200, "disk", "the disk is full: the checkpoint of step 200 was not saved"),
        ):
            guard = MetricsGuard(step=step, action=action, reason=reason).stamped("swans", 1, step, 0.0)
            await post.report(run, guard)
            await changed(post, run, run, guard)
            await post.settled()
            assert len(loud(post)) == (action == "disk")
    [notification] = post.ada.notifications()
    assert "the disk is full: the checkpoint of step 200 was not saved.\n➡️ Free" in notification.message.content


async def test_a_disk_that_stays_full_is_told_once_until_hours_later(post: Post) -> None:
    async with post.sending():
        run = await post.run("swans")
        for step in (100, 200, 300):
            guard = MetricsGuard(step=step, action="disk", reason="the disk is full")
            await changed(post, run, run, guard.stamped("swans", 1, step, 0.0))
            await post.settled()
        assert len(loud(post)) == 1
        await post.later(86_400)
        await changed(post, run, run, guard.model_copy(update={"run": "swans", "attempt": 1, "seq": 400, "step": 400}))
        await post.settled()
    assert len(loud(post)) == 2
