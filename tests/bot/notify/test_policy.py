"""Which messages a change calls for, under which key, and how long to wait: pure."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.chat.notify import policy
from bot.chat.notify.kinds import Kind
from bot.runs.announce import Change
from bot.runs.model import NEXT, Run, RunState
from tests.bot.chat import stories
from trainer_core.events import MetricsGuard

ENDINGS = {RunState.SUCCEEDED: Kind.COMPLETED, RunState.STOPPED: Kind.STOPPED, RunState.FAILED: Kind.FAILED}
MOVES = [(before, after) for before, following in NEXT.items() for after in sorted(following)]
WATCHES = st.dictionaries(st.integers(1, 2**63 - 1), st.floats(0, 4e9), max_size=4)
KEYS = st.one_of(
    st.text(max_size=80),
    st.builds(lambda run, user, number: policy.summary(run, user, number).key, st.text(), st.integers(), st.integers()),
)


def run(state: RunState, attempt: int = 1) -> Run:
    return stories.run(state, attempt=attempt)


@given(KEYS)
def test_a_nonce_is_what_discord_takes_and_always_the_same(key: str) -> None:
    nonce = policy.nonce(key)
    assert len(nonce) <= 25 and nonce.isascii() and nonce.isalnum()
    assert nonce == policy.nonce(key)


@given(st.sets(KEYS, min_size=2, max_size=20))
def test_different_messages_have_different_nonces(keys: set[str]) -> None:
    assert len({policy.nonce(key) for key in keys}) == len(keys)


def test_a_nonce_outlives_a_new_version() -> None:
    """A retry after an update is still known for what it is."""
    assert policy.nonce("live:brisk-otter-42:7:1750000000.000") == "GE3BLYKO6GSLTGNNNW3Q654KF"


@given(st.sampled_from(MOVES), st.integers(0, 3), WATCHES)
def test_every_change_tells_each_watcher_what_it_calls_for(
    move: tuple[RunState, RunState], attempt: int, watches: dict[int, float]
) -> None:
    before, after = move
    found = policy.notices(Change(run(before, attempt), run(after, attempt)), watches)
    assert len({notice.key for notice in found}) == len(found), "each message once"
    called_for = {kind for end, kind in ENDINGS.items() if after is end}
    if attempt > 0:
        called_for |= {Kind.LIVE} | ({Kind.PAUSED} if after is RunState.PAUSED else set())
    for kind in Kind:
        told = {notice.user_id for notice in found if notice.kind is kind}
        assert told == (set(watches) if kind in called_for else set()), kind
    assert all(notice.run == stories.NAME for notice in found)


@given(st.sampled_from(sorted(RunState)), WATCHES)
def test_a_change_within_a_state_is_no_ending(state: RunState, watches: dict[int, float]) -> None:
    found = policy.notices(Change(run(state), run(state)), watches)
    assert [notice.kind for notice in found] == [Kind.LIVE] * len(watches)


def stalled(state: RunState = RunState.RUNNING, later: float = 0.0) -> Run:
    """A run that stalled, so many seconds later than usual."""
    stall = replace(stories.STALL, noticed_at=stories.STALL.noticed_at + later)
    return stories.run(state, stall=stall)


def asked(change: Change) -> list[policy.Notice]:
    return [notice for notice in policy.notices(change, {7: 0.0}) if notice.kind is Kind.STALLED]


def test_a_stall_is_asked_about_once_and_a_later_one_anew() -> None:
    [first] = asked(Change(run(RunState.RUNNING), stalled()))
    [second] = asked(Change(run(RunState.RUNNING), stalled(later=1.0)))
    assert first.key != second.key
    assert asked(Change(stalled(), stalled())) == []
    assert policy.stands(first, stalled()) and not policy.stands(first, stalled(later=1.0))


def test_a_choice_changes_the_question_it_answers() -> None:
    chosen = stories.run(RunState.RUNNING, stall=replace(stories.STALL, restarts_at=stories.STALL.noticed_at))
    assert asked(Change(stalled(), chosen)) == asked(Change(run(RunState.RUNNING), stalled()))
    assert policy.passed(Change(stalled(), chosen)) == []


ENDED_STALLS = [stalled(RunState.STOPPING), stalled(later=1.0), *map(run, RunState)]


@pytest.mark.parametrize("after", ENDED_STALLS)
def test_a_question_that_is_answered_or_overtaken_is_over(after: Run) -> None:
    assert policy.passed(Change(stalled(), after)) == [Kind.STALLED]
    [notice] = asked(Change(run(RunState.RUNNING), stalled()))
    assert not policy.stands(notice, after)


def test_a_run_that_is_being_ended_is_not_asked_about() -> None:
    assert asked(Change(run(RunState.STOPPING), stalled(RunState.STOPPING))) == []


@given(st.sampled_from(MOVES))
def test_a_pause_is_over_when_the_run_moves_on(move: tuple[RunState, RunState]) -> None:
    before, after = map(run, move)
    was, is_ = before.state is RunState.PAUSED, after.state is RunState.PAUSED
    assert (Kind.PAUSED in policy.passed(Change(before, after))) == (was and not is_)
    notice = policy.paused(stories.NAME, 7, after.queued_at)
    assert policy.stands(notice, after) == is_
    assert not policy.stands(notice, replace(after, queued_at=after.queued_at + 1))


def test_a_question_is_asked_once_instead_of_telling_of_the_pause() -> None:
    pausing, asks = run(RunState.PAUSING), stories.run(RunState.PAUSED, question=stories.QUESTION)
    [notice] = [each for each in policy.notices(Change(pausing, asks), {7: 0.0}) if each.kind is not Kind.LIVE]
    assert notice.kind is Kind.ASKED
    assert [each.kind for each in policy.notices(Change(asks, asks), {7: 0.0})] == [Kind.LIVE]
    later = replace(asks, question=replace(stories.QUESTION, at=stories.QUESTION.at + 1))
    assert policy.stands(notice, asks) and not policy.stands(notice, later)


@pytest.mark.parametrize("to", [RunState.QUEUED, RunState.STOPPED])
def test_a_question_is_over_when_the_run_moves_on(to: RunState) -> None:
    asks = stories.run(RunState.PAUSED, question=stories.QUESTION)
    after = asks.moved(to, 5.0)
    assert policy.passed(Change(asks, after)) == [Kind.ASKED]
    assert not policy.stands(policy.asked(asks.name, 7, stories.QUESTION), after)


def full(step: int) -> MetricsGuard:
    return MetricsGuard(run=stories.NAME, attempt=1, step=step, action="disk", reason="the disk is full")


def test_a_full_disk_is_told_once_a_change() -> None:
    skipped = MetricsGuard(run=stories.NAME, attempt=1, step=4, action="skip", reason="not a number")
    for events, told in [((skipped,), 0), ((skipped, full(5), full(6)), 1)]:
        found = policy.notices(Change(run(RunState.RUNNING), run(RunState.RUNNING), events), {7: 0.0})
        assert sum(notice.kind is Kind.DISK for notice in found) == told


def test_a_missing_second_copy_is_no_full_disk() -> None:
    lacks = full(5).model_copy(update={"action": "storage", "reason": "the second copy was not written"})
    found = policy.notices(Change(run(RunState.RUNNING), run(RunState.RUNNING), (lacks,)), {7: 0.0})
    assert [notice.kind for notice in found] == [Kind.LIVE]


@given(st.floats(0, 4e9), st.floats(0, 1e6))
def test_a_disk_that_stays_full_is_told_again_after_hours(told_at: float, later: float) -> None:
    assert policy.is_news(None, told_at)
    assert not policy.is_news(told_at, told_at + 3600)
    assert policy.is_news(told_at, told_at + 86_400 + later)
    assert policy.is_news(told_at + 86_400 + later, told_at), "the clock was set back"


def test_what_passes_is_what_can_be_over() -> None:
    assert {kind for kind in Kind if kind.passes} == {Kind.STALLED, Kind.ASKED, Kind.PAUSED}


def test_a_card_belongs_to_one_watching() -> None:
    keys = {policy.live_card(name, user, since).key for name in "ab" for user in (7, 8) for since in (1.0, 1.5)}
    assert len(keys) == 8
    assert policy.live_card("a", 7, 1.0) == policy.live_card("a", 7, 1.0)


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_each_summary_is_a_message_of_its_own(first: int, second: int) -> None:
    same = policy.summary("a", 7, first).key == policy.summary("a", 7, second).key
    assert same == (first == second)


def test_endings_and_decisions_outrank_how_it_goes_outranks_a_summary() -> None:
    endings = {kind.priority for kind in ENDINGS.values()} | {Kind.STALLED.priority}
    assert max(endings) < Kind.LIVE.priority < Kind.SUMMARY.priority


@given(st.lists(st.floats(-60, 1e7), min_size=2))
def test_an_older_card_never_changes_more_often(ages: list[float]) -> None:
    pauses = [policy.pause_after_edit(age) for age in sorted(ages)]
    assert all(earlier <= later for earlier, later in pairwise(pauses))
    assert min(pauses) >= 5, "Discord takes about five edits in five seconds"
    assert policy.pause_after_edit(3600) >= 30, "and far fewer of messages over an hour old"


@given(st.lists(st.integers(0, 10**9), min_size=2))
def test_the_pause_after_failures_grows_up_to_five_minutes(tries: list[int]) -> None:
    pauses = [policy.pause_after_failure(number) for number in sorted(tries)]
    assert all(earlier <= later for earlier, later in pairwise(pauses))
    assert min(pauses) >= 1 and max(pauses) <= 300
    assert policy.pause_after_failure(10**9) == 300
