"""JSON as it crosses the wire."""

from datetime import UTC, datetime
from typing import Any, TypeAlias

# A JSON object of Discord's. Its shape is fixed by Discord and not by us, and consumers index deep into it.
Wire: TypeAlias = dict[str, Any]


def timestamp(seconds: float) -> str:
    """Unix seconds as Discord writes a time: ISO 8601 with microseconds and an offset."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds")
