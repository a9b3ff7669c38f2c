"""Whose a data set or a tokenizer is, and who may see and use it."""

from __future__ import annotations

from bot.person import Person

COMMAND_LINE = Person(0, is_owner=True)
"""Whoever has a shell on the machine."""

_SHELL = "command line"


def signature(person: Person) -> str:
    """What stands in a card as who added it."""
    return _SHELL if person == COMMAND_LINE else str(person.id)


def is_theirs(person: Person, added_by: str) -> bool:
    """Whether the person may see, use and remove what `added_by` added, whom a card names.

    On the command line that is everything; the owner has what the command line added, too.
    """
    return person == COMMAND_LINE or added_by == signature(person) or (person.is_owner and added_by == _SHELL)
