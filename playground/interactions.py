"""Interactions: from a person's action, through the bot's answer within three seconds, to the end of its token."""

import asyncio
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Literal

from pydantic import Field

from playground.cdn import Upload
from playground.commands import Choice
from playground.components import ModalForm
from playground.drafts import Draft
from playground.errors import (
    ALREADY_ACKNOWLEDGED,
    INVALID_WEBHOOK_TOKEN,
    TOO_MANY_FOLLOWUPS,
    UNKNOWN_INTERACTION,
    UNKNOWN_MESSAGE,
    UNKNOWN_WEBHOOK,
    ApiError,
    Problem,
    invalid_form,
)
from playground.forms import WireModel, parse
from playground.interaction import ALLOWED, Callback, Interaction, Kind, Modal
from playground.messages import EPHEMERAL, LOADING, SUPPRESS_NOTIFICATIONS, Message, User
from playground.wire import Wire
from playground.world import Event, InteractionCreated, InteractionFailed, MessageUpdated, ModalOpened, World

RESPONSE_DEADLINE = 3.0
TOKEN_LIFE = 15 * 60.0
MAX_FOLLOWUPS = 5
FILE_LIMIT = 10 * 1024 * 1024
NO_RESPONSE = "The application did not respond"
_PERMISSIONS = "562949953863680"
_DM_CONTEXT = 1
_KEPT_FLAGS = EPHEMERAL | SUPPRESS_NOTIFICATIONS


class CallbackBody(WireModel):
    type: Literal[4, 5, 6, 7, 8, 9]
    data: Wire | None = None


class ChoicesData(WireModel):
    choices: Annotated[list[Choice], Field(max_length=25)]


class Interactions:
    """The interactions whose tokens are alive, by id and by token."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._key = secrets.token_bytes(32)
        self._by_id: dict[int, Interaction] = {}
        self._by_token: dict[str, Interaction] = {}
        # deferred updates by the id of the message that is to be edited
        self._awaiting_edit: dict[int | None, set[Interaction]] = {}
        world.listen(self._on_event)

    def __len__(self) -> int:
        """How many interactions are kept."""
        return len(self._by_id)

    def start(
        self,
        kind: Kind,
        person: User,
        name: str,
        data: Wire,
        *,
        source: Message | None = None,
        opener: Interaction | None = None,
    ) -> Interaction:
        """Create an interaction and hand it to the bot.

        `source` is the message whose component was used; `opener` is the interaction whose modal was filled in.
        """
        world, channel = self._world, self._world.open_dm(person.id)
        source_id = None if source is None else source.id
        interaction_id, now = world.snowflake(), world.clock.now()
        token = self._token(interaction_id)
        interaction = Interaction(interaction_id, kind, token, person, channel.id, name, now, source_id, opener=opener)
        self._by_id[interaction.id] = self._by_token[token] = interaction
        world.clock.call_at(now + RESPONSE_DEADLINE, lambda: self._give_up(interaction, interaction.answered))
        world.clock.call_at(now + TOKEN_LIFE, lambda: self._expire(interaction))
        payload: Wire = {
            "id": str(interaction.id),
            "application_id": str(world.application_id),
            "type": int(kind),
            "data": data,
            "channel_id": str(channel.id),
            "channel": {"id": str(channel.id), "type": 1, "flags": 0},
            "user": person.to_dict(),
            "token": token,
            "version": 1,
            "locale": "en-US",
            "context": _DM_CONTEXT,
            "authorizing_integration_owners": {"1": str(person.id)},
            "entitlements": [],
            "app_permissions": _PERMISSIONS,
            "attachment_size_limit": FILE_LIMIT,
        }
        if source is not None:
            payload["message"] = source.to_dict()
        world.emit(InteractionCreated(person.id, payload))
        return interaction

    def respond(self, interaction_id: int, token: str, payload: object, uploads: Mapping[int, Upload]) -> Wire:
        """The first response. Returns the callback's answer.

        Raises ApiError: 10062 if there is no such interaction or its time is over, 40060 if it was already
        acknowledged, 50035 for a response that does not fit, and those of `World.drafted`.
        """
        interaction = self._by_id.get(interaction_id)
        if interaction is None or interaction.token != token or interaction.failure is not None:
            raise ApiError(UNKNOWN_INTERACTION)
        if interaction.response is not None:
            raise ApiError(ALREADY_ACKNOWLEDGED)
        body = parse(CallbackBody, payload)
        callback = Callback(body.type)
        updates = callback in (Callback.UPDATE, Callback.DEFERRED_UPDATE)
        if callback not in ALLOWED[interaction.kind] or (updates and interaction.source_id is None):
            message = f"An interaction of type {int(interaction.kind)} cannot be answered with type {int(callback)}"
            raise invalid_form([Problem(("type",), "INTERACTION_CALLBACK_TYPE_INVALID", message)])
        resource = self._apply(interaction, callback, body.data or {}, uploads)
        interaction.response = callback
        interaction.answered.set()
        if callback is Callback.DEFERRED_MESSAGE:
            end = interaction.created + TOKEN_LIFE
            self._world.clock.call_at(end, lambda: self._give_up(interaction, interaction.settled))
        elif callback is Callback.DEFERRED_UPDATE:
            self._awaiting_edit.setdefault(interaction.source_id, set()).add(interaction)
        else:
            interaction.settled.set()
        return self._answer(interaction, resource)

    def _apply(
        self, interaction: Interaction, callback: Callback, data: Wire, uploads: Mapping[int, Upload]
    ) -> Message | None:
        """Do what the response asks for. Returns the message that it made or changed."""
        world = self._world
        match callback:
            case Callback.MESSAGE:
                draft = parse(Draft, data, ("data",))
                message = world.post(world.drafted(self._blank(interaction, draft), draft, uploads))
                interaction.original_id = message.id
                return message
            case Callback.DEFERRED_MESSAGE:
                blank = self._blank(interaction, parse(Draft, data, ("data",)))
                interaction.original_id = world.post(replace(blank, flags=blank.flags | LOADING)).id
            case Callback.UPDATE:
                interaction.original_id = interaction.source_id
                draft = parse(Draft, data, ("data",))
                return world.update(world.drafted(self._original(interaction), draft, uploads))
            case Callback.DEFERRED_UPDATE:
                interaction.original_id = interaction.source_id
            case Callback.CHOICES:
                interaction.choices = tuple(parse(ChoicesData, data, ("data",)).choices)
            case Callback.MODAL:
                interaction.modal = Modal(interaction, parse(ModalForm, data, ("data",)))
                world.emit(ModalOpened(interaction.person.id, interaction.modal))
        return None

    def _answer(self, interaction: Interaction, resource: Message | None) -> Wire:
        about: Wire = {
            "id": str(interaction.id),
            "type": int(interaction.kind),
            "channel_id": str(interaction.channel_id),
        }
        if interaction.original_id is not None:
            original = self._original(interaction)
            about["response_message_id"] = str(original.id)
            about["response_message_loading"] = original.loading
            about["response_message_ephemeral"] = original.ephemeral
        answer: Wire = {"interaction": about}
        if resource is not None and interaction.response is not None:
            answer["resource"] = {"type": int(interaction.response), "message": resource.to_dict()}
        return answer

    def follow_up(self, application_id: int, token: str, payload: object, uploads: Mapping[int, Upload]) -> Message:
        """A further message. The first one after a deferral takes the place of "is thinking…".

        Raises ApiError: 10015 before the first response, 50027 after fifteen minutes, 40094 after five follow-ups,
        50035 for a bad form, and those of `World.drafted`.
        """
        interaction = self._answered(application_id, token)
        draft = parse(Draft, payload)
        world = self._world
        for awaited in self._world.messages(interaction.channel_id):
            if awaited.id == interaction.original_id and awaited.loading:
                return self._edit(interaction, awaited, draft, uploads)
        if len(interaction.followup_ids) >= MAX_FOLLOWUPS:
            raise ApiError(TOO_MANY_FOLLOWUPS)
        message = world.post(world.drafted(self._blank(interaction, draft), draft, uploads))
        interaction.followup_ids.append(message.id)
        interaction.settled.set()
        return message

    def message(self, application_id: int, token: str, which: str) -> Message:
        """The message `which`: "@original" or an id. Raises ApiError 10008 and those of `follow_up`."""
        interaction = self._answered(application_id, token)
        if which == "@original":
            return self._original(interaction)
        if not which.isdecimal() or int(which) not in (interaction.original_id, *interaction.followup_ids):
            raise ApiError(UNKNOWN_MESSAGE)
        return self._world.message(interaction.channel_id, int(which))

    def edit(
        self, application_id: int, token: str, which: str, payload: object, uploads: Mapping[int, Upload]
    ) -> Message:
        interaction = self._answered(application_id, token)
        return self._edit(interaction, self.message(application_id, token, which), parse(Draft, payload), uploads)

    def delete(self, application_id: int, token: str, which: str) -> None:
        interaction = self._answered(application_id, token)
        self._world.delete(self.message(application_id, token, which))
        interaction.settled.set()

    def _edit(self, interaction: Interaction, message: Message, draft: Draft, uploads: Mapping[int, Upload]) -> Message:
        loading = message.loading
        drafted = self._world.drafted(message, draft, uploads)
        if loading:
            drafted = replace(drafted, flags=drafted.flags & ~LOADING)
        message = self._world.update(drafted, visible_edit=not loading)
        interaction.settled.set()
        return message

    def _answered(self, application_id: int, token: str) -> Interaction:
        interaction = self._by_token.get(token)
        if interaction is None and self._was_issued(token):
            raise ApiError(INVALID_WEBHOOK_TOKEN)
        if interaction is None or application_id != self._world.application_id or interaction.response is None:
            raise ApiError(UNKNOWN_WEBHOOK)
        return interaction

    def _token(self, interaction_id: int) -> str:
        """Signed, so that a token that has expired can be told from one that never was."""
        signature = hmac.new(self._key, str(interaction_id).encode(), hashlib.sha512).hexdigest()
        return f"{interaction_id}.{signature}"

    def _was_issued(self, token: str) -> bool:
        interaction_id = token.partition(".")[0]
        return interaction_id.isdecimal() and token == self._token(int(interaction_id))

    def _original(self, interaction: Interaction) -> Message:
        if interaction.original_id is None:
            raise ApiError(UNKNOWN_MESSAGE)
        return self._world.message(interaction.channel_id, interaction.original_id)

    def _blank(self, interaction: Interaction, draft: Draft) -> Message:
        world = self._world
        flags = (draft.flags or 0) & _KEPT_FLAGS
        now, origin = world.clock.now(), interaction.origin
        return Message(world.snowflake(), interaction.channel_id, world.bot, now, flags=flags, origin=origin)

    def _give_up(self, interaction: Interaction, awaited: asyncio.Event) -> None:
        """The three seconds for a response, or the fifteen minutes of "is thinking…", are over."""
        if awaited.is_set():
            return
        interaction.failure = NO_RESPONSE
        interaction.answered.set()
        interaction.settled.set()
        self._world.emit(InteractionFailed(interaction.person.id, interaction.id, NO_RESPONSE))

    def _expire(self, interaction: Interaction) -> None:
        del self._by_id[interaction.id], self._by_token[interaction.token]
        awaiting = self._awaiting_edit.get(interaction.source_id, set())
        awaiting.discard(interaction)
        if not awaiting:
            self._awaiting_edit.pop(interaction.source_id, None)

    def _on_event(self, event: Event) -> None:
        """A deferred update is settled by any edit of its message, also by one that does not use the token."""
        if isinstance(event, MessageUpdated):
            for interaction in self._awaiting_edit.pop(event.message.id, ()):
                interaction.settled.set()
