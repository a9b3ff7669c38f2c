"""Who asks."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Person:
    """Who asks. The owner of the machine may see and steer everybody's runs, others only their own."""

    id: int
    is_owner: bool
