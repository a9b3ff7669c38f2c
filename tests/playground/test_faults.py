"""Faults on demand, met by a plain client and by the real one."""

import asyncio

import aiohttp
import discord
import pytest

from playground.errors import OPENING_DMS_TOO_FAST
from playground.faults import Faults
from playground.people import Person
from playground.server import Playground
from tests.playground.bot import Bot
from tests.playground.conftest import Api

MESSAGES = "/channels/{channel_id}/messages"


@pytest.fixture
def messages(playground: Playground, ada: Person) -> str:
    return f"/channels/{playground.world.open_dm(ada.id).id}/messages"


async def test_an_answer_lost_on_the_way_back_is_a_message_all_the_same(
    playground: Playground, ada: Person, bot: Bot
) -> None:
    channel = await bot.dm(ada.id)
    playground.faults.add("POST", MESSAGES, abort=True, when="after")
    with pytest.raises(aiohttp.ClientError):
        await channel.send("report", nonce="n1")
    assert [exchange.status for exchange in playground.traffic.matching("POST", MESSAGES)] == [None]
    sent = await channel.send("report", nonce="n1")
    assert [message.id for message in ada.inbox()] == [sent.id]
    assert len(ada.notifications()) == 1


async def test_a_connection_aborted_before_the_route_changes_nothing(
    playground: Playground, ada: Person, api: Api, messages: str
) -> None:
    playground.faults.add("*", "/channels/*/messages", abort=True, times=2)
    for _ in range(2):
        with pytest.raises(aiohttp.ClientError):
            await api("POST", messages, {"content": "x"})
    assert ada.inbox() == []
    assert (await api("POST", messages, {"content": "x"})).status == 200


async def test_the_real_client_waits_out_a_rate_limit(playground: Playground, ada: Person, bot: Bot) -> None:
    channel = await bot.dm(ada.id)
    playground.faults.rate_limited("POST", MESSAGES, retry_after=0.01)
    playground.faults.rate_limited("POST", MESSAGES, retry_after=0.01, scope="global")
    playground.faults.rate_limited("POST", MESSAGES, retry_after=0.01, scope="shared")
    await channel.send("after all")
    assert [exchange.status for exchange in playground.traffic.matching("POST", MESSAGES)] == [429, 429, 429, 200]
    assert len(ada.inbox()) == 1


async def test_the_special_limits_say_which_they_are(playground: Playground, ada: Person, api: Api) -> None:
    kind = OPENING_DMS_TOO_FAST
    playground.faults.rate_limited("POST", "/users/@me/channels", retry_after=7.5, kind=kind)
    limited = await api("POST", "/users/@me/channels", {"recipient_id": str(ada.id)})
    assert (limited.status, limited.headers["Retry-After"]) == (429, "8")
    told = {"message": "You are opening direct messages too fast", "code": 40003}
    assert limited.body == {**told, "retry_after": 7.5, "global": False}


async def test_refusals_reach_the_client_with_their_codes(playground: Playground, ada: Person, bot: Bot) -> None:
    channel = await bot.dm(ada.id)
    playground.faults.refused("POST", MESSAGES, 403, 50278, "Cannot send messages to this user")
    with pytest.raises(discord.Forbidden) as refused:
        await channel.send("x")
    assert refused.value.code == 50278
    await channel.send("x")


async def test_a_server_error_answers_what_it_is_told(playground: Playground, api: Api, messages: str) -> None:
    playground.faults.add("POST", messages, status=502, when="after", headers={"X-Where": "edge"})
    broken = await api("POST", messages, {"content": "x"})
    assert (broken.status, broken.body, broken.headers["X-Where"]) == (502, None, "edge")
    assert len((await api("GET", messages)).body) == 1
    playground.faults.add("GET", messages, status=500, times=9)
    playground.faults.clear()
    assert (await api("GET", messages)).status == 200


async def test_a_held_request_waits(playground: Playground, ada: Person, api: Api, messages: str) -> None:
    hold = playground.faults.hold("POST", MESSAGES)
    sending = asyncio.create_task(api("POST", messages, {"content": "x"}))
    await hold.reached.wait()
    assert ada.inbox() == []
    hold.release()
    assert (await sending).status == 200


async def test_a_slow_body_comes_whole(playground: Playground, api: Api, messages: str) -> None:
    playground.faults.add("POST", messages, slow=0.01)
    assert (await api("POST", messages, {"content": "slow"})).body["content"] == "slow"


async def test_bucket_hashes_change_with_the_salt(playground: Playground, ada: Person, bot: Bot) -> None:
    channel = await bot.dm(ada.id)
    await channel.send("one")
    playground.faults.bucket_salt = "pepper"
    await channel.send("two")
    exchanges = playground.traffic.matching("POST", MESSAGES)
    assert len({exchange.headers["X-RateLimit-Bucket"] for exchange in exchanges}) == 2


def test_a_fault_must_do_something() -> None:
    with pytest.raises(ValueError, match="at least one of status, abort or slow"):
        Faults().add("GET", "/users/@me")


async def test_traffic_remembers_as_much_as_it_is_told_to() -> None:
    async with Playground(kept_exchanges=2) as playground, aiohttp.ClientSession() as session:
        api = Api(session, playground.api_url, playground.token)
        for path in ("/gateway", "/gateway/bot", "/users/@me"):
            await api("GET", path)
        assert [exchange.path for exchange in playground.traffic] == ["/gateway/bot", "/users/@me"]
    assert Playground().traffic.exchanges.maxlen is not None
    assert Playground(kept_exchanges=None).traffic.exchanges.maxlen is None


async def test_traffic_can_be_awaited(playground: Playground, api: Api, messages: str) -> None:
    waiting = asyncio.create_task(playground.traffic.until(lambda exchange: exchange.method == "POST"))
    await api("GET", messages)
    await api("POST", messages, {"content": "x"})
    exchange = await waiting
    assert (exchange.template, exchange.payload, exchange.status) == (MESSAGES, {"content": "x"}, 200)
    assert await playground.traffic.until(lambda exchange: exchange.method == "POST") is exchange
    with pytest.raises(TimeoutError):
        await playground.traffic.until(lambda exchange: exchange.method == "PUT", timeout=0.01)
    assert len(playground.traffic) == 2
