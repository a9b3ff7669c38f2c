"""When each letter may go, and who goes first. Pure; every time is seconds of a clock that nobody can set.

What makes a letter wait is held in memory only: after a restart everything may be tried at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable
from dataclasses import dataclass, field

from bot.chat.notify import policy
from bot.chat.notify.kinds import Kind
from bot.store.outbox import Waiting

_SURE = 3
"""So many failures in a row, with no answer in between, are an outage and no stumble."""
_STUBBORN = 3
"""So many tries of one letter without an answer, while Discord answers others, and the person's next letter passes."""
_LONGEST_PROBE = 30.0
"""Seconds between looks whether Discord is back, at most."""


@dataclass(slots=True)
class Pace:
    """What every letter waits for.

    A message that may have arrived holds up the person's others, so that they arrive in order; an edit in trouble
    holds up the edits in its channel, and a letter that cannot be made itself alone. While Discord does not answer at
    all, one letter at a time finds out whether it is back.
    """

    _pauses: dict[int, float] = field(default_factory=dict)
    """By letter: until when its message is not edited again."""
    _channels: dict[int, float] = field(default_factory=dict)
    """By person: until when no card in their channel is edited."""
    _letters: dict[int, float] = field(default_factory=dict)
    """By letter: until when it is not tried again."""
    _people: dict[int, float] = field(default_factory=dict)
    """By person: until when nothing is tried again."""
    _faults: Counter[int] = field(default_factory=Counter)
    """By letter: how often it was itself the trouble."""
    _silences: Counter[int] = field(default_factory=Counter)
    """By letter: how often it alone got no answer."""
    _unanswered: int = 0
    _probe_at: float = 0.0

    @property
    def is_out(self) -> bool:
        """Whether Discord does not answer at all: one letter at a time is enough to find out."""
        return self._unanswered >= _SURE

    def shown(self, letter_id: int, user_id: int, now: float, age: float) -> None:
        """A card, first sent `age` seconds ago, was sent or edited."""
        self._pauses[letter_id] = now + policy.pause_after_edit(age)
        self._channels[user_id] = now + policy.pause_in_channel(age)

    def done(self, letter_id: int) -> None:
        """The letter never goes out again."""
        self._pauses.pop(letter_id, None)
        self._letters.pop(letter_id, None)
        del self._faults[letter_id], self._silences[letter_id]

    def blame(self, letter_id: int) -> None:
        """The letter itself is the trouble: it cannot be made, or Discord refuses it. Outages count for nothing."""
        self._faults[letter_id] += 1

    def faults(self, letter_id: int) -> int:
        """How often the letter was itself the trouble, since the bot started."""
        return self._faults[letter_id]

    def letter_failed(self, letter_id: int, now: float, tries: int, at_least: float = 0.0) -> None:
        """It is the letter: others may pass. Whoever limits us says for how long `at_least`."""
        self._letters = {key: until for key, until in self._letters.items() if until > now}
        self._letters[letter_id] = now + max(policy.pause_after_failure(tries), at_least)

    def edit_failed(self, letter_id: int, user_id: int, now: float, tries: int, at_least: float = 0.0) -> None:
        """No card in the person's channel is edited for a while; what is new may go there all the same."""
        self.letter_failed(letter_id, now, tries, at_least)
        self._channels[user_id] = self._letters[letter_id]

    def person_failed(self, user_id: int, now: float, tries: int, at_least: float = 0.0) -> None:
        """Whether it arrived is not known: what comes after it waits, so that they arrive in order."""
        self._people = {key: until for key, until in self._people.items() if until > now}
        self._people[user_id] = now + max(policy.pause_after_failure(tries), at_least)

    def unanswered(self, letter_id: int, now: float) -> bool:
        """Discord did not say a word to the letter, or not a sensible one.

        Returns whether that is the letter's trouble alone, so that the person's others need not wait for it.
        """
        self._unanswered += 1
        if not self.is_out:
            self._silences[letter_id] += 1
            return self._silences[letter_id] >= _STUBBORN
        self._probe_at = now + min(2.0 ** (self._unanswered - _SURE), _LONGEST_PROBE)
        return False

    def answered(self) -> None:
        """Discord takes what is sent to it. After an outage everybody's turn comes at once."""
        if self.is_out:
            self._people.clear()
        self._unanswered = 0

    def due(self, letters: Iterable[Waiting], now: float, busy: Container[int]) -> list[Waiting]:
        """What may go now, best first: one letter a person, and none to whom something is under way (`busy`)."""
        ready = [letter for letter in letters if letter.user_id not in busy and self._time_of(letter) <= now]
        found: dict[int, Waiting] = {}
        for letter in sorted(ready, key=self._rank):
            found.setdefault(letter.user_id, letter)
        return list(found.values())[: 1 if self.is_out else None]

    def next_time(self, letters: Iterable[Waiting], now: float) -> float | None:
        """When the next of what must wait now may go; None if nothing waits for a time."""
        return min((time for time in map(self._time_of, letters) if time > now), default=None)

    def _time_of(self, letter: Waiting) -> float:
        """From when on the letter may go."""
        way = self._probe_at if self.is_out else self._people.get(letter.user_id, 0.0)
        time = max(way, self._letters.get(letter.id, 0.0))
        if letter.kind == Kind.LIVE and not letter.urgent and not letter.is_new:
            time = max(time, self._pauses.get(letter.id, 0.0), self._channels.get(letter.user_id, 0.0))
        return time

    def _rank(self, letter: Waiting) -> tuple[float, int, bool, bool, float, int]:
        """What is not there yet goes before what only changes.

        Of cards the one goes first that was shown the longest ago, so that all have their share.
        """
        failed = max(self._people.get(letter.user_id, 0.0), self._letters.get(letter.id, 0.0)) if self.is_out else 0.0
        shown = self._pauses.get(letter.id, 0.0)
        return failed, letter.priority, not letter.is_new, not letter.urgent, 0.0 if letter.urgent else shown, letter.id
