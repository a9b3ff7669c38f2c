"""The validator itself: it must find what is wrong."""

from dataclasses import replace
from typing import Any

import pytest

from playground.server import Playground
from playground.traffic import Exchange
from tests.playground.conftest import Api
from tests.playground.openapi import DESCRIPTION, OpenApi

pytestmark = pytest.mark.skipif(not DESCRIPTION.exists(), reason="Discord's description of its API is not here")

MESSAGES = "/channels/1/messages"


@pytest.fixture(scope="module")
def description() -> OpenApi:
    return OpenApi(DESCRIPTION)


def exchange(method: str, path: str, payload: Any = None, status: int | None = 204, answer: Any = None) -> Exchange:
    return Exchange(0.0, method, path, None, {}, payload, [], status, answer, {})


@pytest.mark.parametrize(
    ("payload", "problem"),
    [
        ({"content": "x" * 2001}, "more than 2000 characters"),
        (
            {"embeds": [{"fields": [{"name": "x" * 200, "value": "y" * 1000}] * 6}]},
            "more than 6000 characters",
        ),
        ({"embeds": [{"title": "x" * 257}]}, "at $.embeds[0].title"),
        ({"nonce": "x" * 26}, "at $.nonce"),
        ({"components": [{"type": 1, "components": []}]}, "at $.components[0]"),
    ],
)
def test_bad_requests_are_found(description: OpenApi, payload: Any, problem: str) -> None:
    found = description.problems(exchange("POST", MESSAGES, payload, status=None))
    assert any(problem in sentence for sentence in found)


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        (exchange("GET", "/nowhere"), "Discord has no such route"),
        (exchange("TRACE", MESSAGES), "Discord has no such route"),
        (exchange("GET", MESSAGES, {"x": 1}, 200, []), "request has a body where none belongs"),
        (exchange("DELETE", f"{MESSAGES}/2", None, 204, {}), "answer 204 has a body where none belongs"),
        (exchange("DELETE", f"{MESSAGES}/2", None, 301), "answer 301 has a status that is not described"),
        (exchange("GET", f"{MESSAGES}/2", None, 200, {"id": 2}), "answer 200 at"),
        (exchange("GET", f"{MESSAGES}/2", None, 404, {"message": "x"}), "'code' is a required property"),
        (exchange("GET", f"{MESSAGES}/2", None, 429, {"message": "x", "code": 0}), "'retry_after' is a required"),
    ],
)
def test_bad_exchanges_are_found(description: OpenApi, bad: Exchange, problem: str) -> None:
    assert any(problem in found for found in description.problems(bad))


async def test_good_exchanges_pass_and_spoilt_ones_do_not(
    playground: Playground, api: Api, description: OpenApi
) -> None:
    await api("GET", "/users/@me")
    (good,) = playground.traffic
    assert list(description.problems(good)) == []
    assert list(description.problems(replace(good, answer=good.answer | {"id": 5}))) != []
