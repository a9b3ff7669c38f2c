"""Who is served, and that nobody else is, anywhere."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from discord import app_commands
from hypothesis import given
from hypothesis import strategies as st

from bot.chat.access import Access
from bot.chat.client import SpotterClient
from bot.chat.commands import TRAINER
from bot.person import Person
from tests.bot.chat.conftest import Chat

IDS = st.integers(1, 50)
REFUSAL = "🔒 This bot trains for its owner only. Ask its owner to add you to SPOTTER_ALLOWED_USER_IDS."


@given(IDS, st.frozensets(IDS), IDS)
def test_the_owner_and_the_allowed_are_served(owner: int, allowed: frozenset[int], user: int) -> None:
    person = Access(owner, allowed).person(user)
    expected = Person(user, is_owner=user == owner) if user == owner or user in allowed else None
    assert person == expected


COMMANDS: list[tuple[str, dict[str, str | float]]] = [
    ("train", {"data": "python-docs", "name": "mine"}),
    ("status", {}),
    ("status", {"run": "swans"}),
    ("runs", {}),
    ("watch", {"run": "swans"}),
    ("unwatch", {"run": "swans"}),
    ("pause", {"run": "swans"}),
    ("resume", {"run": "swans"}),
    ("stop", {"run": "swans"}),
    ("retry", {"run": "swans"}),
    ("land", {"run": "swans"}),
    ("rate", {"run": "swans", "learning_rate": 0.001}),
    ("checkpoint", {"run": "swans"}),
    ("models", {}),
    ("help", {}),
]


def test_every_command_is_tried_here() -> None:
    plain = {command.name for command in TRAINER.commands if not isinstance(command, app_commands.Group)}
    assert plain == {name for name, _ in COMMANDS}


async def test_a_stranger_is_refused_at_every_command(chat: Chat, spotter: SpotterClient) -> None:
    await chat.owner.slash("trainer train", data="python-docs", name="swans")
    before = await chat.runs()
    for command, options in COMMANDS:
        reply = await chat.stranger.slash(f"trainer {command}", options)
        assert (reply.text, reply.ephemeral) == (REFUSAL, True), command
    assert await chat.runs() == before


async def test_a_stranger_is_suggested_nothing(chat: Chat, spotter: SpotterClient) -> None:
    await chat.owner.slash("trainer train", data="python-docs", name="swans")
    options = ("data", "from", "module", "size", "tokenizer")
    for command, option in (*(("train", option) for option in options), ("status", "run"), ("land", "run")):
        assert await chat.stranger.autocomplete(f"trainer {command}", option, "") == []


async def test_whoever_is_no_longer_allowed_is_refused(chat: Chat, spotter: SpotterClient) -> None:
    reply = await chat.friend.slash("trainer train", data="python-docs")
    spotter.access = replace(spotter.access, allowed=frozenset())
    assert (await chat.friend.slash("trainer runs")).text == REFUSAL
    assert (await chat.friend.click(reply, "Stop")).text == REFUSAL


async def test_whoever_is_struck_off_in_mid_command_is_not_served(chat: Chat, spotter: SpotterClient) -> None:
    hold = chat.playground.faults.hold("POST", "/interactions/{interaction_id}/{interaction_token}/callback")
    asked = asyncio.ensure_future(chat.friend.slash("trainer train", data="python-docs"))
    await hold.reached.wait()
    spotter.access = replace(spotter.access, allowed=frozenset())
    hold.release()
    assert (await asked).text.startswith("⚠️ This bot trains for its owner only.")
    assert await chat.runs() == []
