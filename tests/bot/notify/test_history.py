"""Telling a letter's own message from everything else in the chat."""

from __future__ import annotations

import pytest

from bot.chat.notify import policy
from bot.chat.notify.contents import text_as_sent
from bot.chat.notify.history import Seen, matching
from bot.chat.notify.kinds import Kind
from bot.runs.model import RunState
from bot.store.outbox import Letter
from tests.bot.chat import stories

CARD = frozenset({f"run:{stories.NAME}:stop", f"run:{stories.NAME}:unwatch"})


def letter(kind: Kind, key: str = "k") -> Letter:
    return Letter(1, key, kind, 7, stories.NAME, 1, None, None, True, 1, 0.0, None)


def seen(id_: int, content: str = "", buttons: frozenset[str] = frozenset(), nonce: str | None = None) -> Seen:
    return Seen(id_, content, buttons, nonce)


def test_the_nonce_says_it_all_where_discord_gives_it_back() -> None:
    messages = [seen(3, f"✅ **{stories.NAME}** has finished."), seen(2, "?", nonce=policy.nonce("k")), seen(1)]
    assert matching(messages, letter(Kind.COMPLETED), f"✅ **{stories.NAME}** has", set()) == 2


@pytest.mark.parametrize(("kind", "state"), [(Kind.COMPLETED, RunState.SUCCEEDED), (Kind.FAILED, RunState.FAILED)])
def test_a_notice_is_known_by_what_it_says_of_which_run(kind: Kind, state: RunState) -> None:
    text = text_as_sent(letter(kind), stories.status(state), stories.START)
    assert text is not None
    other = text.replace(stories.NAME, f"{stories.NAME}0")
    messages = [
        seen(5, other),
        seen(4, text + " By the way."),
        seen(3, f"📈 **{stories.NAME}** 4 %"),
        seen(2, "", CARD),
    ]
    assert matching(messages, letter(kind), text, set()) == 4


def test_a_summary_is_known_although_its_numbers_have_changed() -> None:
    now = text_as_sent(letter(Kind.SUMMARY), stories.status(RunState.RUNNING, 700), stories.START)
    then = text_as_sent(letter(Kind.SUMMARY), stories.status(RunState.RUNNING, 300), stories.START)
    assert now is not None and then is not None and now != then
    assert matching([seen(9, then), seen(8, then)], letter(Kind.SUMMARY), now, known={9}) == 8


def test_a_card_is_known_by_its_buttons() -> None:
    answer = frozenset({f"run:{stories.NAME}:status"})
    messages = [seen(5, "", answer), seen(4, "", CARD), seen(3, "", CARD)]
    assert matching(messages, letter(Kind.LIVE), None, known={4}) == 3


@pytest.mark.parametrize(
    ("kind", "acts"), [(Kind.STALLED, ("wait", "restart", "stop")), (Kind.PAUSED, ("resume", "stop"))]
)
def test_what_may_be_over_is_known_by_its_buttons(kind: Kind, acts: tuple[str, ...]) -> None:
    offered = frozenset(f"run:{stories.NAME}:{act}" for act in acts)
    paused_card = frozenset(f"run:{stories.NAME}:{act}" for act in (*acts, "unwatch"))
    other = frozenset(f"run:{stories.NAME}:{act}" for act in ("resume", "stop", "wait", "restart")) - offered
    messages = [seen(5, "", paused_card), seen(4, "", other), seen(3, "", CARD), seen(2, "", offered)]
    assert matching(messages, letter(kind), None, set()) == 2
    assert matching(messages, letter(kind), None, known={2}) is None


def test_what_is_another_letters_or_nobodys_is_left_alone() -> None:
    text = f"✅ **{stories.NAME}** has finished."
    assert matching([seen(4, text)], letter(Kind.COMPLETED), text, known={4}) is None
    assert matching([seen(4, "")], letter(Kind.STALLED), None, set()) is None
    assert matching([], letter(Kind.LIVE), None, set()) is None
