"""One interaction: why it was created, and how far it has come."""

import asyncio
from dataclasses import dataclass, field
from enum import IntEnum

from playground.commands import Choice
from playground.components import ModalForm
from playground.messages import Origin, User


class Kind(IntEnum):
    """Why an interaction was created."""

    COMMAND = 2
    COMPONENT = 3
    AUTOCOMPLETE = 4
    MODAL = 5


class Callback(IntEnum):
    """The bot's first response."""

    MESSAGE = 4
    DEFERRED_MESSAGE = 5
    DEFERRED_UPDATE = 6
    UPDATE = 7
    CHOICES = 8
    MODAL = 9


ALLOWED = {
    Kind.COMMAND: {Callback.MESSAGE, Callback.DEFERRED_MESSAGE, Callback.MODAL},
    Kind.AUTOCOMPLETE: {Callback.CHOICES},
    Kind.COMPONENT: set(Callback) - {Callback.CHOICES},
    Kind.MODAL: set(Callback) - {Callback.CHOICES, Callback.MODAL},
}


@dataclass(slots=True, eq=False)
class Interaction:
    """One interaction. `settled` is set once the person has their answer, or knows that there is none (`failure`)."""

    id: int
    kind: Kind
    token: str
    person: User
    channel_id: int
    name: str
    created: float
    source_id: int | None = None
    response: Callback | None = None
    original_id: int | None = None
    followup_ids: list[int] = field(default_factory=list)
    modal: "Modal | None" = None
    choices: tuple[Choice, ...] = ()
    failure: str | None = None
    settled: asyncio.Event = field(default_factory=asyncio.Event)
    # set by the first response, or when it is too late for one
    answered: asyncio.Event = field(default_factory=asyncio.Event)
    opener: "Interaction | None" = None

    @property
    def origin(self) -> Origin:
        opener = None if self.opener is None else self.opener.origin
        return Origin(self.id, int(self.kind), self.name, self.person, self.source_id, opener)


@dataclass(frozen=True, slots=True)
class Modal:
    """A form that has opened for a person, in answer to the interaction `opener`, whose token it outlives."""

    opener: Interaction
    form: ModalForm

    @property
    def id(self) -> int:
        return self.opener.id

    @property
    def title(self) -> str:
        return self.form.title

    @property
    def custom_id(self) -> str:
        return self.form.custom_id
