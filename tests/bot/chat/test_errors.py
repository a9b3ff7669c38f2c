"""What becomes of errors while answering: the person, the log, and nothing lost or doubled."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable

import discord
import pytest

from bot.chat.client import SpotterClient
from bot.person import Person
from bot.runs.model import RunStatus
from tests.bot.chat.conftest import Chat, Running
from tests.bot.conftest import Log

CALLBACK = "/interactions/{interaction_id}/{interaction_token}/callback"
ORIGINAL = "/webhooks/{webhook_id}/{webhook_token}/messages/@original"


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.chat.reply._PAUSES", (0.0, 0.0))


async def broken(person: Person, name: str | None = None) -> RunStatus:
    raise RuntimeError("the secret of the machine")


async def test_something_unexpected_is_told_by_a_short_id_and_logged_with_its_traceback(
    chat: Chat, spotter: SpotterClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(chat.service, "status", broken)
    reply = await chat.owner.slash("trainer status")
    found = re.search(r"look in the log for `([0-9a-f]{6})`", reply.text)
    assert found
    assert "secret" not in reply.text
    [record] = [record for record in caplog.records if found[1] in record.getMessage()]
    assert record.exc_info and isinstance(record.exc_info[1], RuntimeError)


async def test_something_unexpected_in_a_button_leaves_its_message_alone(
    chat: Chat, spotter: SpotterClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await chat.owner.slash("trainer train", data="python-docs", name="swans")
    card = await chat.owner.slash("trainer status")
    monkeypatch.setattr(chat.service, "status", broken)
    reply = await chat.owner.click(card, "Refresh")
    assert "Something went wrong" in reply.text
    assert reply.ephemeral
    assert card.embeds[0]["title"] == "🟡 swans · queued"


async def test_something_unexpected_before_the_acknowledgement_is_told_too(
    chat: Chat, spotter: SpotterClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(user_id: int) -> Person | None:
        raise RuntimeError

    reply = await chat.owner.slash("trainer train", data="python-docs", name="swans")
    monkeypatch.setattr("bot.chat.access.Access.person", lambda *_: fails(0))
    pressed = await chat.owner.click(reply, "Stop")
    assert pressed.ephemeral and "Something went wrong" in pressed.text


async def test_a_command_from_another_version_is_said_to_have_changed(chat: Chat, spotter: SpotterClient) -> None:
    spotter.tree.remove_command("trainer")
    reply = await chat.owner.slash("trainer runs")
    assert reply.text.startswith("♻️ This command has changed.")


async def unanswered(asking: Awaitable[object], log: Log, logged: str) -> None:
    """Ask something that gets no answer, until `logged` is in the log."""
    asked = asyncio.ensure_future(asking)
    await log.until(logged)
    asked.cancel()
    await asyncio.wait([asked])


async def test_suggestions_that_fail_are_just_not_there(chat: Chat, spotter: SpotterClient, log: Log) -> None:
    spotter.tree.remove_command("trainer")
    await unanswered(chat.owner.autocomplete("trainer stop", "run", ""), log, "outdated command")


@pytest.mark.parametrize(("status", "code"), [(404, 10062), (400, 40060)])
async def test_an_interaction_that_is_over_is_logged_and_nothing_is_queued(
    chat: Chat, spotter: SpotterClient, log: Log, status: int, code: int
) -> None:
    chat.playground.faults.add("POST", CALLBACK, status=status, body={"code": code, "message": "over"})
    slashing = chat.owner.slash("trainer train", data="python-docs")
    await unanswered(slashing, log, "an interaction was over before its answer")
    assert await chat.runs() == []


@pytest.mark.parametrize("times", [1, 2])
async def test_an_answer_that_gets_lost_is_given_again(chat: Chat, spotter: SpotterClient, times: int) -> None:
    chat.playground.faults.add("PATCH", ORIGINAL, times=times, abort=True)
    reply = await chat.owner.slash("trainer train", data="python-docs", name="swans")
    assert reply.text.startswith("🏋️ **swans**")
    assert len(await chat.runs()) == 1


async def test_a_run_is_queued_even_if_its_answer_never_arrives(chat: Chat, spotter: SpotterClient, log: Log) -> None:
    chat.playground.faults.add("PATCH", ORIGINAL, times=99, abort=True)
    slashing = chat.owner.slash("trainer train", data="python-docs")
    await unanswered(slashing, log, "Discord could not be reached with an answer")
    assert len(await chat.runs()) == 1


async def gibberish(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"this is not HTTP\r\n\r\n")
    await writer.drain()
    writer.close()


@pytest.mark.parametrize(
    ("command", "options", "logged"),
    [
        ("trainer train", {"data": "python-docs"}, "Discord could not be reached with an answer: ClientResponseError"),
        ("trainer stop", {"run": "nothing"}, "could not tell user {owner}: ClientResponseError"),
    ],
)
async def test_a_log_of_lost_answers_holds_no_token(
    chat: Chat,
    spotter: SpotterClient,
    log: Log,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    options: dict[str, str],
    logged: str,
) -> None:
    """aiohttp's error has the whole request in it, its address and its headers: something between us and Discord
    answers in its place once the interaction is acknowledged.
    """
    hold = chat.playground.faults.hold("POST", CALLBACK)
    asked = asyncio.ensure_future(chat.owner.slash(command, file=None, **options))
    await hold.reached.wait()
    async with await asyncio.start_server(gibberish, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()
        monkeypatch.setattr(discord.http.Route, "BASE", f"http://{host}:{port}")
        hold.release()
        await unanswered(asked, log, logged.format(owner=chat.owner.id))
    [path] = [exchange.path for exchange in chat.playground.traffic.exchanges if exchange.path.endswith("/callback")]
    assert path.split("/")[-2] not in caplog.text and chat.playground.token not in caplog.text


async def test_an_answer_that_is_to_wait_for_an_hour_is_given_up(
    chat: Chat, spotter: SpotterClient, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.chat.reply._PATIENCE", 0.5)
    chat.playground.faults.rate_limited("PATCH", ORIGINAL, retry_after=3600.0)
    await unanswered(chat.owner.slash("trainer train", data="python-docs"), log, "is given up")
    assert len(await chat.runs()) == 1


async def test_words_that_do_not_arrive_are_logged(chat: Chat, spotter: SpotterClient, log: Log) -> None:
    chat.playground.faults.add("PATCH", ORIGINAL, status=403, body={"code": 50001, "message": "Missing Access"})
    await unanswered(chat.owner.slash("trainer stop", run="nothing"), log, f"could not tell user {chat.owner.id}")


async def test_the_same_interaction_twice_is_one_run(chat: Chat) -> None:
    async with Running(chat.client(), chat.playground.token), Running(chat.client(), chat.playground.token):
        await chat.owner.slash("trainer train", data="python-docs", name="swans")
        await asyncio.sleep(0)
    assert len(await chat.runs()) == 1
