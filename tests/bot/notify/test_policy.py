"""Which messages a change calls for, under which key, and how long to wait: pure."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from bot.chat.notify import policy
from bot.chat.notify.kinds import Kind
from bot.runs.announce import Change
from bot.runs.model import NEXT, Run, RunState
from tests.bot.chat import stories

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
    for kind, called_for in [(Kind.LIVE, attempt > 0), *((kind, after is end) for end, kind in ENDINGS.items())]:
        told = {notice.user_id for notice in found if notice.kind is kind}
        assert told == (set(watches) if called_for else set())
    assert all(notice.run == stories.NAME for notice in found)


@given(st.sampled_from(sorted(RunState)), WATCHES)
def test_a_change_within_a_state_is_no_ending(state: RunState, watches: dict[int, float]) -> None:
    found = policy.notices(Change(run(state), run(state)), watches)
    assert [notice.kind for notice in found] == [Kind.LIVE] * len(watches)


def test_a_card_belongs_to_one_watching() -> None:
    keys = {policy.live_card(name, user, since).key for name in "ab" for user in (7, 8) for since in (1.0, 1.5)}
    assert len(keys) == 8
    assert policy.live_card("a", 7, 1.0) == policy.live_card("a", 7, 1.0)


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_each_summary_is_a_message_of_its_own(first: int, second: int) -> None:
    same = policy.summary("a", 7, first).key == policy.summary("a", 7, second).key
    assert same == (first == second)


def test_how_it_ended_outranks_how_it_goes_outranks_a_summary() -> None:
    endings = {kind.priority for kind in ENDINGS.values()}
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
