"""Who is served, and that nobody else is, anywhere."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.chat.access import Access
from bot.chat.client import SpotterClient
from bot.person import Person
from tests.bot.chat.conftest import Chat

IDS = st.integers(1, 50)
REFUSAL = "🔒 This bot trains for its owner only. Ask its owner to add you to SPOTTER_ALLOWED_USER_IDS."


@given(IDS, st.frozensets(IDS), IDS)
def test_the_owner_and_the_allowed_are_served(owner: int, allowed: frozenset[int], user: int) -> None:
    person = Access(owner, allowed).person(user)
    expected = Person(user, is_owner=user == owner) if user == owner or user in allowed else None
    assert person == expected


@pytest.mark.parametrize(
    ("command", "options"),
    [
        ("train", {"data": "python-docs", "name": "mine"}),
        ("status", {}),
        ("status", {"run": "swans"}),
        ("runs", {}),
        ("watch", {"run": "swans"}),
        ("unwatch", {"run": "swans"}),
        ("pause", {"run": "swans"}),
        ("resume", {"run": "swans"}),
        ("stop", {"run": "swans"}),
        ("help", {}),
    ],
)
async def test_a_stranger_is_refused_at_every_command(
    chat: Chat, spotter: SpotterClient, command: str, options: dict[str, str]
) -> None:
    await chat.owner.slash("trainer train", data="python-docs", name="swans")
    before = await chat.runs()
    reply = await chat.stranger.slash(f"trainer {command}", file=None, **options)
    assert reply.text == REFUSAL
    assert reply.ephemeral
    assert await chat.runs() == before


@pytest.mark.parametrize(("command", "option"), [("train", "data"), ("status", "run"), ("stop", "run")])
async def test_a_stranger_is_suggested_nothing(chat: Chat, spotter: SpotterClient, command: str, option: str) -> None:
    await chat.owner.slash("trainer train", data="python-docs", name="swans")
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
