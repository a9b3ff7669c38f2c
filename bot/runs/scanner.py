"""Takes the bytes of one attempt's `events.jsonl` apart, whatever somebody or something wrote there. Pure.

A line that is no event of the attempt is set aside, and the numbering goes on after it: of the numbers that follow, as
many may be missing as lines were set aside. A number that jumps further is set aside as well, unless the next line
continues from it: then the lines between are missing for good.
"""

from __future__ import annotations

from collections.abc import Sequence

from bot.runs.executor import Job
from bot.store.events import Batch, Entry, Misfit
from trainer_core.events import Event, MetricsProgress, UnreadableEventError, decode

LONGEST = 1 << 20
"""Bytes of the longest line that can be an event; longer ones are passed over without being held in memory."""
_BEGINNING = 200
"""Bytes kept of a line that is set aside."""
_MOST = 1000
"""Lines set aside that a batch tells of one by one: a megabyte can be half a million lines."""
_REASON = 200
"""Characters of a reason, which may quote the line."""


class Scanner:
    """Is fed a journal piece by piece, and holds what its whole lines say until that is taken."""

    def __init__(self, job: Job, offset: int = 0, seq: int = 0, missing: int = 0) -> None:
        """What is before byte `offset` was read earlier: up to number `seq`, with `missing` lines set aside."""
        self.offset = offset
        """Where the next piece begins."""
        self._job = job
        self._seq = seq
        self._missing = missing
        self._jumped = 0
        """The number of the line set aside last because it jumped."""
        self._start = self._end = offset
        """The whole lines held lie between these offsets."""
        self._entries: list[Entry] = []
        self._misfits: list[Misfit] = []
        self._set_aside = 0
        self._rest = b""
        """The line begun after `_end`, without its first `_passed` bytes if it is too long; then it begins so."""
        self._passed = 0
        self._began = b""

    @property
    def held(self) -> int:
        """Bytes of whole lines that wait to be taken."""
        return self._end - self._start

    @property
    def in_line(self) -> bool:
        """Whether what it was fed ends within a line."""
        return self.offset > self._end

    @property
    def can_wait(self) -> bool:
        """Whether it holds nothing but progress, of which there will be more in a moment."""
        return not self._misfits and all(isinstance(entry.event, MetricsProgress) for entry in self._entries)

    def feed(self, data: bytes) -> Sequence[Event]:
        """Take in the bytes from `offset`. Returns the events that they made whole."""
        known = len(self._entries)
        self.offset += len(data)
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._line(line)
        if len(self._rest) > LONGEST:
            self._began = self._began or self._rest[:_BEGINNING]
            self._passed += len(self._rest)
            self._rest = b""
        return [entry.event for entry in self._entries[known:]]

    def take(self) -> Batch:
        """What it holds, which it no longer holds then."""
        batch = Batch(self._start, self._end, self._entries, self._misfits, self._set_aside)
        self._start, self._entries, self._misfits, self._set_aside = self._end, [], [], 0
        return batch

    def _line(self, line: bytes) -> None:
        length = self._passed + len(line)
        try:
            self._entries.append(self._entry(line, length))
        except UnreadableEventError as error:
            self._missing += 1
            self._set_aside += 1
            if len(self._misfits) < _MOST:
                beginning = self._began or line[:_BEGINNING]
                self._misfits.append(Misfit(self._end, length, str(error)[:_REASON], beginning))
        self._end += length + 1
        self._passed, self._began = 0, b""

    def _entry(self, line: bytes, length: int) -> Entry:
        """Raises UnreadableEventError if the line is no event that belongs here."""
        if length > LONGEST:
            raise UnreadableEventError(f"longer than {LONGEST} bytes")
        event = decode(line)
        if (event.run, event.attempt) != (self._job.run, self._job.attempt):
            raise UnreadableEventError(f"of {Job(event.run, event.attempt)}")
        if event.seq <= self._seq:
            raise UnreadableEventError(f"seq {event.seq} after {self._seq}")
        # No journal has more lines than bytes: a number beyond that is never gone on from.
        follows = event.seq <= self._seq + 1 + self._missing or self._jumped + 1 == event.seq <= self._end
        if not follows:
            self._jumped = event.seq
            raise UnreadableEventError(f"seq {event.seq} after {self._seq}")
        self._seq, self._missing, self._jumped = event.seq, 0, 0
        return Entry(event, line.decode())
