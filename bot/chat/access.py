"""Who is served: the owner of the machine, and whom the owner allows."""

from __future__ import annotations

from dataclasses import dataclass

from bot.person import Person


@dataclass(frozen=True, slots=True)
class Access:
    owner_id: int
    allowed: frozenset[int] = frozenset()

    def person(self, user_id: int) -> Person | None:
        """Who asks, or None if they are not served."""
        if user_id == self.owner_id:
            return Person(user_id, is_owner=True)
        return Person(user_id, is_owner=False) if user_id in self.allowed else None

    def serves(self, user_id: int) -> bool:
        return self.person(user_id) is not None

    @property
    def user_ids(self) -> frozenset[int]:
        """Everybody who is served."""
        return self.allowed | {self.owner_id}
