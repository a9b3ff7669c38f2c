"""The kinds of messages Spotter sends by itself, and which comes first when several wait."""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    """Each is made from the run as it stands when it is sent."""

    LIVE = "live"
    """The live card: sent when the run starts or is first watched, then edited in place."""
    SUMMARY = "summary"
    """A line every N minutes; never buzzes."""
    COMPLETED = "completed"
    STOPPED = "stopped"
    FAILED = "failed"
    STALLED = "stalled"
    """A decision is needed: the run does not advance."""
    ASKED = "asked"
    """A decision is needed: the guard could not mend the run, which rests meanwhile."""
    PAUSED = "paused"
    """Somebody paused the run, and it is; never buzzes."""
    DISK = "disk"
    """The disk is full, and somebody has to make room; the run goes on meanwhile."""

    @property
    def passes(self) -> bool:
        """Whether it is about something that will be over: its message is edited then, and nothing is left to press."""
        return self in (Kind.STALLED, Kind.ASKED, Kind.PAUSED)

    @property
    def priority(self) -> int:
        """Lower goes first: decisions and how a run ended outrank how it was going."""
        return {Kind.LIVE: 20, Kind.SUMMARY: 30}.get(self, 10)

    @property
    def lasts(self) -> bool:
        """Whether it is worth having late: how a run ended is, how it was going is not."""
        return self not in (Kind.LIVE, Kind.SUMMARY)
