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

    @property
    def priority(self) -> int:
        """Lower goes first: how a run ended outranks how it was going."""
        return {Kind.LIVE: 20, Kind.SUMMARY: 30}.get(self, 10)
