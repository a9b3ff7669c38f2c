"""Finding a message that Discord has although nobody noted its id: the bot died, or the answer was lost on the way.

Discord knows a second sending by its nonce for some minutes only, and gives no nonce back when asked for a channel's
messages. What is left is what a person would go by: whose message it is, and what it says about which run.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import dataclass

import discord

from bot.chat.notify import policy
from bot.chat.notify.kinds import Kind
from bot.chat.render.message import Act, Button
from bot.chat.ui.buttons import RunButton
from bot.store.outbox import Letter

_DEPTH = 100
"""Messages looked through, as many as one request brings."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A message of ours as Discord shows it."""

    id: int
    content: str
    buttons: frozenset[str]
    """Their `custom_id`s."""
    nonce: str | None = None


async def own_messages(channel: discord.PartialMessageable, own_id: int) -> list[Seen]:
    """The newest messages we sent by ourselves, newest first. Raises discord.HTTPException, and as sending does."""
    return [
        Seen(message.id, message.content, _custom_ids(message), None if message.nonce is None else str(message.nonce))
        async for message in channel.history(limit=_DEPTH)
        if message.author.id == own_id and message.interaction_metadata is None
    ]


def _custom_ids(message: discord.Message) -> frozenset[str]:
    items = (item for row in message.components if isinstance(row, discord.ActionRow) for item in row.children)
    return frozenset(item.custom_id for item in items if item.custom_id)


def matching(seen: Iterable[Seen], letter: Letter, content: str | None, known: Container[int]) -> int | None:
    """The id of the message that is this letter's, whose text would be `content`; `known` are those of other letters.

    Numbers change from one moment to the next, so the text counts up to the run's name. What is edited later, to say
    something else or nothing, is known by its buttons, which nothing else we send by ourselves has.
    """
    candidates = list(seen)
    nonce = policy.nonce(letter.key)
    for message in candidates:
        if message.nonce == nonce:
            return message.id
    for message in candidates:
        if message.id not in known and _says_the_same(message, letter, content):
            return message.id
    return None


def _says_the_same(message: Seen, letter: Letter, content: str | None) -> bool:
    match letter.kind:
        case Kind.LIVE:
            return _offers(message, letter.run, Act.UNWATCH)
        case Kind.STALLED:
            return _offers(message, letter.run, Act.STOP, but=(Act.UNWATCH, Act.RESUME, Act.GO_ON))
        case Kind.ASKED:
            return _offers(message, letter.run, Act.GO_ON, but=(Act.UNWATCH,))
        case Kind.PAUSED:
            return _offers(message, letter.run, Act.RESUME, but=(Act.UNWATCH,))
    name = f"**{letter.run}**"
    head, found, _ = (content or "").partition(name)
    return bool(found) and message.content.startswith(head + name)


def _offers(message: Seen, run: str, act: Act, but: Iterable[Act] = ()) -> bool:
    """Whether the message has the button for the act on the run, and none of those `but`."""
    return _custom_id(run, act) in message.buttons and message.buttons.isdisjoint(_custom_id(run, each) for each in but)


def _custom_id(run: str, act: Act) -> str:
    return RunButton(Button(run, act)).custom_id
