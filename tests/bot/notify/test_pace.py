"""When each letter may go: nothing before its time, everybody in turn, and nobody twice at once."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from bot.chat.notify.kinds import Kind
from bot.chat.notify.pace import Pace
from bot.store.outbox import Waiting


def letter(id_: int, user: int, kind: Kind = Kind.COMPLETED, *, urgent: bool = False, is_new: bool = False) -> Waiting:
    return Waiting(id_, kind, user, kind.priority, urgent, is_new, held=False)


def ids(letters: list[Waiting]) -> list[int]:
    return [each.id for each in letters]


LETTERS = st.lists(
    st.builds(letter, st.integers(1, 30), st.integers(1, 5), st.sampled_from(Kind), urgent=st.booleans()),
    unique_by=lambda each: each.id,
)


@given(LETTERS, st.sets(st.integers(1, 5)))
def test_one_letter_a_person_the_most_important_first(letters: list[Waiting], busy: set[int]) -> None:
    due = Pace().due(letters, 0.0, busy)
    users = [each.user_id for each in due]
    assert set(users) == {each.user_id for each in letters} - busy and len(set(users)) == len(users)
    assert [each.priority for each in due] == sorted(each.priority for each in due)
    for each in due:
        theirs = [other for other in letters if other.user_id == each.user_id]
        assert each.priority == min(other.priority for other in theirs)


@given(LETTERS, st.data())
def test_whatever_happened_the_next_time_is_when_something_is_due(letters: list[Waiting], data: st.DataObject) -> None:
    pace, now = Pace(), 0.0
    for each in letters:
        match data.draw(st.sampled_from(["shown", "letter", "person", "edit", "unanswered", "answered"])):
            case "shown":
                pace.shown(each.id, each.user_id, now, data.draw(st.floats(0, 10_000)))
            case "letter":
                pace.letter_failed(each.id, now, data.draw(st.integers(0, 20)))
            case "person":
                pace.person_failed(each.user_id, now, data.draw(st.integers(0, 20)))
            case "edit":
                pace.edit_failed(each.id, each.user_id, now, data.draw(st.integers(0, 20)))
            case "unanswered":
                pace.unanswered(each.id, now)
            case _:
                pace.answered()
        now += data.draw(st.floats(0, 10))
    while letters:
        due = pace.due(letters, now, ())
        if not due:
            after = pace.next_time(letters, now)
            assert after is not None and now < after <= now + 300
            now = after
            continue
        letters = [each for each in letters if each not in due]


def test_a_card_waits_between_edits_and_a_notice_does_not() -> None:
    pace = Pace()
    card, end = letter(1, 7, Kind.LIVE), letter(2, 7)
    pace.shown(1, 7, 100.0, age=0.0)
    assert ids(pace.due([card], 104.9, ())) == [] and ids(pace.due([card], 105.0, ())) == [1]
    assert ids(pace.due([card, end], 100.0, ())) == [2]
    assert ids(pace.due([letter(1, 7, Kind.LIVE, urgent=True)], 100.0, ())) == [1], "the run has ended, say"


def test_old_cards_change_slowly() -> None:
    pace = Pace()
    pace.shown(1, 7, 0.0, age=3500.0)
    assert pace.next_time([letter(1, 7, Kind.LIVE)], 0.0) == 30.0


def test_cards_in_one_channel_keep_a_distance_and_new_ones_do_not() -> None:
    pace = Pace()
    pace.shown(1, 7, 100.0, age=0.0)
    assert pace.next_time([letter(2, 7, Kind.LIVE)], 100.0) == 101.25
    assert ids(pace.due([letter(2, 7, Kind.LIVE, is_new=True)], 100.0, ())) == [2]


def test_cards_share_what_there_is() -> None:
    """A hundred cards that always want to change, and room for seven a second: none is left behind."""
    pace, cards, shown = Pace(), [letter(user, user, Kind.LIVE) for user in range(100)], Counter[int]()
    for second in range(300):
        for card in pace.due(cards, float(second), ())[:7]:
            pace.shown(card.id, card.user_id, float(second), age=0.0)
            shown[card.id] += 1
    assert max(shown.values()) - min(shown.values()) <= 2 and len(shown) == 100


def test_a_letter_in_trouble_lets_others_pass_and_a_person_in_trouble_does_not() -> None:
    pace = Pace()
    first, second = letter(1, 7), letter(2, 7)
    pace.letter_failed(1, 0.0, tries=3)
    assert ids(pace.due([first, second], 0.0, ())) == [2] and ids(pace.due([first, second], 8.0, ())) == [1]
    pace.person_failed(7, 10.0, tries=0)
    assert ids(pace.due([first, second], 10.5, ())) == [] and ids(pace.due([first, second], 11.0, ())) == [1]
    pace.person_failed(7, 20.0, tries=0, at_least=120.0)
    assert ids(pace.due([first], 139.0, ())) == [] and ids(pace.due([first], 140.0, ())) == [1]


def test_an_edit_in_trouble_holds_up_edits_and_no_notice() -> None:
    pace = Pace()
    cards, end = [letter(1, 7, Kind.LIVE), letter(2, 7, Kind.LIVE)], letter(3, 7)
    pace.edit_failed(1, 7, 0.0, tries=0, at_least=60.0)
    assert ids(pace.due([*cards, end], 59.0, ())) == [3] and ids(pace.due(cards, 59.0, ())) == []
    assert ids(pace.due(cards, 60.0, ())) == [1]


def test_during_an_outage_one_letter_after_the_other_looks_whether_it_is_over() -> None:
    pace, letters, now, probes = Pace(), [letter(user, user) for user in range(5)], 0.0, []
    for each in letters[:3]:
        pace.person_failed(each.user_id, now, tries=0)
        pace.unanswered(each.id, now)
    assert pace.is_out
    while now < 600:
        now = pace.next_time(letters, now) or now
        (probe,) = pace.due(letters, now, ())
        probes.append(probe.id)
        pace.person_failed(probe.user_id, now, tries=len(probes))
        pace.unanswered(each.id, now)
    assert len(probes) < 30, "ten minutes are no reason to ask again and again"
    assert set(probes) == {0, 1, 2, 3, 4}, "it may be one letter that is the trouble"
    pace.answered()
    assert ids(pace.due(letters, now, ())) == [0, 1, 2, 3, 4], "when it is over everybody's turn comes at once"


def test_a_stumble_is_no_outage() -> None:
    pace = Pace()
    for user in range(9):
        pace.person_failed(user, 0.0, tries=0)
        assert not pace.unanswered(user, 0.0)
        pace.answered()
    assert not pace.is_out and ids(pace.due([letter(1, 1)], 0.5, ())) == []


def test_one_letter_that_is_never_answered_lets_others_pass_at_last_and_an_outage_does_not_count() -> None:
    pace, alone = Pace(), []
    for _ in range(4):
        alone.append(pace.unanswered(1, 0.0))
        pace.answered()
    assert alone == [False, False, True, True]
    pace.done(1)
    assert [pace.unanswered(1, 0.0) for _ in range(9)] == [False] * 9 and pace.is_out


def test_faults_are_counted_by_letter_until_it_is_done() -> None:
    pace = Pace()
    pace.blame(1)
    pace.blame(1)
    pace.unanswered(1, 0.0)
    assert (pace.faults(1), pace.faults(2)) == (2, 0)
    pace.done(1)
    assert pace.faults(1) == 0
