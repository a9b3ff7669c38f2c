"""`/trainer status`, `runs`, `watch`, `unwatch` and `help`, and whose runs all commands are for."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from itertools import product

import pytest

from bot.chat.client import SpotterClient
from bot.runs.model import RunState
from playground.people import Person
from tests.bot.chat import stories
from tests.bot.chat.conftest import Chat


@pytest.fixture(autouse=True)
def _connected(spotter: SpotterClient) -> None:
    """Every test here has the client connected."""


async def train(person: Person, name: str) -> None:
    await person.slash("trainer train", data="python-docs", name=name)


async def state_of(chat: Chat, name: str) -> RunState:
    return next(run.state for run in await chat.runs() if run.name == name)


async def watchers(chat: Chat, name: str) -> Collection[int]:
    status = await chat.service.status_for_view(name)
    assert status
    return status.watchers.keys()


async def test_the_status_is_the_card_with_its_curve(chat: Chat) -> None:
    await train(chat.owner, "swans")
    await chat.reported("swans", stories.events(430))
    reply = await chat.owner.slash("trainer status", run=" SWANS")
    [embed] = reply.embeds
    assert embed["title"] == "🟢 swans · training"
    assert "step 430 of about 1,000" in embed["description"]
    assert (embed["image"]["width"], embed["image"]["height"]) == (1280, 660)
    assert not reply.ephemeral


async def test_without_a_name_the_status_is_the_newest_that_goes_on(chat: Chat) -> None:
    for name in ("swans", "geese"):
        await train(chat.owner, name)
    await chat.owner.slash("trainer stop", run="geese")
    for reply in (await chat.owner.slash("trainer status"), await chat.owner.slash("trainer status", run=" ")):
        assert reply.embeds[0]["title"] == "🟡 swans · queued"


async def test_there_is_no_status_before_the_first_run(chat: Chat) -> None:
    reply = await chat.owner.slash("trainer status")
    assert reply.text == "⚠️ **run**: you have no runs yet.\n➡️ Start one with `/trainer train`."


async def test_runs_lists_the_persons_own_and_for_the_owner_all_that_go_on(chat: Chat) -> None:
    await train(chat.owner, "swans")
    await train(chat.friend, "geese")
    mine = (await chat.owner.slash("trainer runs")).embeds[0]["description"]
    theirs = (await chat.friend.slash("trainer runs")).embeds[0]["description"]
    assert "**swans**" in mine and "**geese**" in mine
    assert "**swans**" not in theirs and "**geese** queued · place 2 in the queue" in theirs


VERBS = ("stop", "pause", "resume", "watch", "unwatch", "land", "checkpoint", "retry")
"""Those that take a run and nothing else."""


async def test_a_blank_name_is_refused(chat: Chat) -> None:
    for verb in VERBS:
        reply = await chat.owner.slash(f"trainer {verb}", run="  ")
        assert reply.text == "⚠️ **run**: name the run.\n➡️ `/trainer runs` lists your runs."


async def test_a_run_of_somebody_else_is_a_run_that_does_not_exist(chat: Chat) -> None:
    await train(chat.owner, "swans")
    for verb, name in product(("status", *VERBS), ("swans", "no-such-run", "`@everyone`")):
        reply = await chat.friend.slash(f"trainer {verb}", run=name)
        assert reply.text.startswith("⚠️ **run**: you have no run called `"), verb
        assert "@everyone" not in reply.text
    assert await state_of(chat, "swans") is RunState.QUEUED
    assert await watchers(chat, "swans") == {chat.owner.id}


async def test_the_owner_may_watch_and_stop_everybodys_runs(chat: Chat) -> None:
    await train(chat.friend, "geese")
    assert "You watch **geese**" in (await chat.owner.slash("trainer watch", run="geese")).text
    assert await watchers(chat, "geese") == {chat.owner.id, chat.friend.id}
    assert "already" in (await chat.owner.slash("trainer watch", run="geese")).text
    assert "no longer watch" in (await chat.owner.slash("trainer unwatch", run="geese")).text
    assert await watchers(chat, "geese") == {chat.friend.id}
    assert "do not watch" in (await chat.owner.slash("trainer unwatch", run="geese")).text
    await chat.owner.slash("trainer stop", run="geese")
    assert await state_of(chat, "geese") is RunState.STOPPED


async def test_suggestions_are_the_runs_for_which_the_verb_means_something(chat: Chat) -> None:
    for name in ("swans", "geese", "swifts", "ducks"):
        await train(chat.owner, name)
    await chat.owner.slash("trainer stop", run="swans")
    await chat.owner.slash("trainer pause", run="ducks")

    async def offered(verb: str, typed: str) -> set[str]:
        return {str(choice.value) for choice in await chat.owner.autocomplete(f"trainer {verb}", "run", typed)}

    assert await offered("status", "sw") == {"swans", "swifts"}
    assert await offered("stop", "SW") == {"swifts"}
    assert await offered("watch", "") == {"geese", "swifts", "ducks"}
    assert await offered("pause", "") == {"geese", "swifts"}
    assert await offered("resume", "") == {"ducks"}
    assert await offered("unwatch", "x") == set()
    assert await chat.friend.autocomplete("trainer status", "run", "") == []


async def test_help_is_a_card(chat: Chat) -> None:
    reply = await chat.owner.slash("trainer help")
    assert "/trainer train data:python-docs" in reply.embeds[0]["description"]


async def test_outside_of_direct_messages_only_the_person_sees_the_answer(
    chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("playground.interactions._DM_CONTEXT", 0)
    assert (await chat.owner.slash("trainer help")).ephemeral


async def test_ten_at_once_are_all_answered(chat: Chat) -> None:
    await asyncio.gather(*(train(chat.owner, f"swan-{number}") for number in range(10)))
    assert len(await chat.runs()) == 10
