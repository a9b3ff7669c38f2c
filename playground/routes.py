"""The REST routes that a bot with slash commands and direct messages uses."""

from pydantic import Field

from playground.commands import Command
from playground.drafts import Draft
from playground.errors import (
    NOT_ANOTHERS_MESSAGE,
    OLD_EDITS_LIMITED,
    UNKNOWN_APPLICATION,
    UNKNOWN_COMMAND,
    UNKNOWN_MESSAGE,
    UNKNOWN_USER,
    ApiError,
    Problem,
    invalid_form,
)
from playground.forms import WireModel, parse
from playground.gateway import Gateway
from playground.interactions import Interactions
from playground.messages import SUPPRESS_NOTIFICATIONS, Message, referenced
from playground.ratelimit import OLD_EDIT, Limit, RateLimitedError, RateLimits
from playground.route import Answer, Call, Route
from playground.wire import Wire
from playground.world import TypingStarted, World

OLD_AFTER = 3600.0


class DmRequest(WireModel):
    recipient_id: int


class History(WireModel):
    """Which messages of a channel are asked for."""

    before: int | None = None
    after: int | None = None
    around: int | None = None
    limit: int = Field(50, ge=1, le=100)


class Routes:
    """The routes and their handlers; each handler takes a `Call` and returns an `Answer` or raises an ApiError."""

    def __init__(self, world: World, interactions: Interactions, gateway: Gateway, limits: RateLimits) -> None:
        self._world = world
        self._interactions = interactions
        self._gateway = gateway
        self._limits = limits
        get, post, put, patch, delete = "GET", "POST", "PUT", "PATCH", "DELETE"
        commands = "/applications/{application_id}/commands"
        command = f"{commands}/{{command_id}}"
        messages = "/channels/{channel_id}/messages"
        message = f"{messages}/{{message_id}}"
        webhook = "/webhooks/{webhook_id}/{webhook_token}"
        original = f"{webhook}/messages/@original"
        sent = f"{webhook}/messages/{{message_id}}"
        callback = "/interactions/{interaction_id}/{interaction_token}/callback"
        self._routes = [
            Route(get, "/users/@me", self._me, Limit("me", 30, 30.0)),
            Route(get, "/users/{user_id}", self._user, Limit("user", 30, 30.0)),
            Route(get, "/oauth2/applications/@me", self._application, Limit("application", 30, 30.0)),
            Route(get, "/gateway", self._gateway_url, Limit("gateway", 30, 30.0)),
            Route(get, "/gateway/bot", self._gateway_bot, Limit("gateway-bot", 2, 5.0)),
            Route(get, commands, self._commands, Limit("commands", 20, 20.0)),
            Route(put, commands, self._set_commands, Limit("commands-put", 10, 20.0)),
            Route(get, command, self._command, Limit("command", 20, 20.0)),
            Route(post, "/users/@me/channels", self._open_dm, Limit("open-dm", 10, 10.0)),
            Route(get, "/channels/{channel_id}", self._channel, Limit("channel", 10, 10.0)),
            Route(post, "/channels/{channel_id}/typing", self._typing, Limit("typing", 5, 5.0)),
            Route(get, messages, self._history, Limit("history", 5, 5.0)),
            Route(post, messages, self._create, Limit("message-create", 5, 5.0)),
            Route(get, message, self._message, Limit("message", 5, 5.0)),
            Route(patch, message, self._edit, Limit("message-edit", 5, 5.0)),
            Route(delete, message, self._delete, Limit("message-delete", 5, 5.0)),
            Route(post, callback, self._callback, Limit("callback", 5, 2.0), by_token_in_path=True),
            Route(post, webhook, self._follow_up, Limit("follow-up", 5, 2.0), by_token_in_path=True),
        ]
        for template in (original, sent):
            self._routes += [
                Route(get, template, self._webhook_message, Limit("webhook-message", 5, 2.0), by_token_in_path=True),
                Route(
                    patch, template, self._edit_webhook_message, Limit("webhook-edit", 5, 2.0), by_token_in_path=True
                ),
                Route(
                    delete,
                    template,
                    self._delete_webhook_message,
                    Limit("webhook-delete", 5, 2.0),
                    by_token_in_path=True,
                ),
            ]

    def find(self, method: str, path: str) -> tuple[Route | None, dict[str, str]]:
        """The route of that method and path, and the path's parameters."""
        for route in self._routes:
            if route.method == method and (params := route.match(path)) is not None:
                return route, params
        return None, {}

    def knows(self, path: str) -> bool:
        """Whether some method is served at that path."""
        return any(route.match(path) is not None for route in self._routes)

    def _me(self, _: Call) -> Answer:
        return Answer(200, {**self._world.bot.to_dict(), "mfa_enabled": True, "locale": "en-US", "verified": True})

    def _user(self, call: Call) -> Answer:
        user_id = _snowflake(call, "user_id")
        known = {self._world.bot.id: self._world.bot, **self._world.users}
        if user_id not in known:
            raise ApiError(UNKNOWN_USER)
        return Answer(200, known[user_id].to_dict())

    def _application(self, _: Call) -> Answer:
        world = self._world
        return Answer(
            200,
            {
                "id": str(world.application_id),
                "name": world.bot.name,
                "icon": None,
                "description": "",
                "type": None,
                "bot": world.bot.to_dict(),
                "bot_public": False,
                "bot_require_code_grant": False,
                "verify_key": "0" * 64,
                "flags": 0,
                "flags_new": "0",
                "redirect_uris": [],
                "interactions_endpoint_url": None,
                "role_connections_verification_url": None,
                "integration_types_config": {"0": {}, "1": {}},
                "owner": world.owner.to_dict(),
                "approximate_guild_count": 0,
                "approximate_user_install_count": len(world.users),
                "approximate_user_authorization_count": 0,
                "explicit_content_filter": 0,
                "team": None,
                "eligible_oauth2_scopes": [],
            },
        )

    def _gateway_url(self, _: Call) -> Answer:
        return Answer(200, {"url": self._gateway.url})

    def _gateway_bot(self, _: Call) -> Answer:
        limit = self._gateway.session_start_limit()
        return Answer(200, {"url": self._gateway.url, "shards": 1, "session_start_limit": limit})

    def _commands(self, call: Call) -> Answer:
        self._check_application(call, "application_id")
        return Answer(200, [self._command_wire(command) for command in self._world.commands])

    def _set_commands(self, call: Call) -> Answer:
        self._check_application(call, "application_id")
        commands = [parse(Command, item, (index,)) for index, item in enumerate(call.payload or [])]
        names = [command.name for command in commands]
        for index, name in enumerate(names):
            if name in names[:index]:
                code = "APPLICATION_COMMANDS_DUPLICATE_NAME"
                raise invalid_form([Problem((index,), code, "Application command names must be unique")])
        return Answer(200, [self._command_wire(command) for command in self._world.set_commands(commands)])

    def _command(self, call: Call) -> Answer:
        self._check_application(call, "application_id")
        for command in self._world.commands:
            if command.id == call.params["command_id"]:
                return Answer(200, self._command_wire(command))
        raise ApiError(UNKNOWN_COMMAND)

    def _command_wire(self, command: Command) -> Wire:
        permissions = command.default_member_permissions
        return {
            **command.to_dict(),
            "application_id": str(self._world.application_id),
            "version": command.id,
            "default_member_permissions": None if permissions is None else str(permissions),
            "contexts": command.contexts,
            "integration_types": command.integration_types or [0, 1],
        }

    def _open_dm(self, call: Call) -> Answer:
        request = parse(DmRequest, call.payload)
        return Answer(200, self._world.open_dm(request.recipient_id).to_dict())

    def _channel(self, call: Call) -> Answer:
        return Answer(200, self._world.channel(_snowflake(call, "channel_id")).to_dict())

    def _typing(self, call: Call) -> Answer:
        channel = self._world.channel(_snowflake(call, "channel_id"))
        self._world.check_open_to_bot(channel)
        self._world.emit(TypingStarted(channel.person.id))
        return Answer(204, None)

    def _history(self, call: Call) -> Answer:
        asked = parse(History, dict(call.query))
        messages = [m for m in self._world.messages(_snowflake(call, "channel_id")) if not m.ephemeral]
        if asked.around is not None:
            half = asked.limit // 2
            before = [m for m in messages if m.id < asked.around][-half:] if half else []
            found = before + [m for m in messages if m.id >= asked.around][: asked.limit - half]
        elif asked.after is not None:
            found = [m for m in messages if m.id > asked.after][: asked.limit]
        else:
            found = [m for m in messages if asked.before is None or m.id < asked.before][-asked.limit :]
        return Answer(200, [message.to_dict() for message in reversed(found)])

    def _create(self, call: Call) -> Answer:
        world = self._world
        channel = world.channel(_snowflake(call, "channel_id"))
        world.check_open_to_bot(channel)
        draft = parse(Draft, call.payload or {})
        if draft.nonce is not None and draft.enforce_nonce:
            earlier = world.earlier_with_nonce(channel.id, world.bot.id, draft.nonce)
            if earlier is not None:
                return Answer(200, earlier.to_dict())
        flags = (draft.flags or 0) & SUPPRESS_NOTIFICATIONS
        now = world.clock.now()
        answered = referenced(draft.message_reference, channel.id, world.messages(channel.id))
        message_id, nonce = world.snowflake(), draft.nonce
        blank = Message(message_id, channel.id, world.bot, now, flags=flags, nonce=nonce, reference=answered)
        return Answer(200, world.post(world.drafted(blank, draft, call.uploads)).to_dict())

    def _message(self, call: Call) -> Answer:
        return Answer(200, self._stored(call).to_dict())

    def _edit(self, call: Call) -> Answer:
        message = self._own(call)
        now = self._world.clock.now()
        if now - message.created > OLD_AFTER:
            standing = self._limits.take(OLD_EDIT, str(message.channel_id), now)
            if not standing.allowed:
                raise RateLimitedError(standing, "user", OLD_EDITS_LIMITED)
        draft = parse(Draft, call.payload or {})
        return Answer(200, self._world.update(self._world.drafted(message, draft, call.uploads)).to_dict())

    def _delete(self, call: Call) -> Answer:
        self._world.delete(self._own(call))
        return Answer(204, None)

    def _callback(self, call: Call) -> Answer:
        interaction_id, token = _snowflake(call, "interaction_id"), call.params["interaction_token"]
        answer = self._interactions.respond(interaction_id, token, call.payload, call.uploads)
        wanted = call.query.get("with_response", "").lower() in ("1", "true")
        return Answer(200, answer) if wanted else Answer(204, None)

    def _follow_up(self, call: Call) -> Answer:
        application_id, token = _snowflake(call, "webhook_id"), call.params["webhook_token"]
        message = self._interactions.follow_up(application_id, token, call.payload or {}, call.uploads)
        # an interaction's webhook answers with the message whether or not it is asked to wait
        return Answer(200, message.to_dict())

    def _webhook_message(self, call: Call) -> Answer:
        return Answer(200, self._interactions.message(*self._webhook(call)).to_dict())

    def _edit_webhook_message(self, call: Call) -> Answer:
        message = self._interactions.edit(*self._webhook(call), call.payload or {}, call.uploads)
        return Answer(200, message.to_dict())

    def _delete_webhook_message(self, call: Call) -> Answer:
        self._interactions.delete(*self._webhook(call))
        return Answer(204, None)

    def _webhook(self, call: Call) -> tuple[int, str, str]:
        which = call.params.get("message_id", "@original")
        return _snowflake(call, "webhook_id"), call.params["webhook_token"], which

    def _stored(self, call: Call) -> Message:
        message = self._world.message(_snowflake(call, "channel_id"), _snowflake(call, "message_id"))
        if message.ephemeral:
            # only its interaction's token reaches it
            raise ApiError(UNKNOWN_MESSAGE)
        return message

    def _own(self, call: Call) -> Message:
        message = self._stored(call)
        if message.author.id != self._world.bot.id:
            raise ApiError(NOT_ANOTHERS_MESSAGE)
        return message

    def _check_application(self, call: Call, name: str) -> None:
        if _snowflake(call, name) != self._world.application_id:
            raise ApiError(UNKNOWN_APPLICATION)


def _snowflake(call: Call, name: str) -> int:
    value = call.params[name]
    if not value.isdecimal():
        message = f'Value "{value}" is not snowflake.'
        raise invalid_form([Problem((name,), "NUMBER_TYPE_COERCE", message)])
    return int(value)
