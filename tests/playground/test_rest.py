"""The REST API, request by request: tokens, forms, limits of size and rate, history."""

import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from playground.clock import Clock
from playground.people import Person
from playground.server import Playground
from tests.playground.conftest import Api

MIB = 1024 * 1024


@pytest.fixture
async def playground() -> AsyncIterator[Playground]:
    """One whose time stands still, so that nothing but a test ends a rate limit."""
    from tests.playground.openapi import validate_traffic

    async with Playground(now=Clock(frozen_at=1_750_000_000.0), kept_exchanges=None) as playground:
        playground.person("Ada")
        yield playground
    assert validate_traffic(playground.traffic, requests=False) == []


@pytest.fixture
def messages(playground: Playground, ada: Person) -> str:
    """The path of Ada's messages."""
    return f"/channels/{playground.world.open_dm(ada.id).id}/messages"


def form(payload: Any, *files: tuple[str, bytes]) -> aiohttp.FormData:
    data = aiohttp.FormData(quote_fields=False)
    text = payload if isinstance(payload, str) else json.dumps(payload)
    data.add_field("payload_json", text, content_type="application/json")
    for number, (name, content) in enumerate(files):
        data.add_field(f"files[{number}]", content, filename=name, content_type="application/octet-stream")
    return data


async def test_tokens_and_unknown_routes(playground: Playground, api: Api) -> None:
    refused = await api("GET", "/users/@me", headers={"Authorization": "Bot wrong"})
    assert (refused.status, refused.body) == (401, {"message": "401: Unauthorized", "code": 0})
    assert (await api("GET", "/users/@me")).headers["Content-Type"] == "application/json"
    assert (await api("DELETE", "/users/@me")).status == 405
    playground.traffic.exchanges.clear()
    unknown = await api("GET", "/guilds/1")
    assert (unknown.status, unknown.body) == (404, {"message": "404: Not Found", "code": 0})
    assert [exchange.path for exchange in playground.traffic.unknown] == ["/guilds/1"]
    playground.traffic.exchanges.clear()


async def test_the_gateway_is_where_it_is(playground: Playground, api: Api) -> None:
    assert (await api("GET", "/gateway")).body == {"url": playground.gateway_url}
    assert (await api("GET", "/gateway/bot")).body["session_start_limit"]["remaining"] == 1000


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/channels/1", 404, 10003),
        ("GET", "/channels/1/messages", 404, 10003),
        ("GET", "/channels/abc", 400, 50035),
        ("GET", "{messages}/1", 404, 10008),
        ("PATCH", "{messages}/1", 404, 10008),
        ("GET", "/users/1", 404, 10013),
        ("GET", "/applications/1/commands", 404, 10002),
        ("GET", "/applications/{application}/commands/1", 404, 10063),
        ("POST", "/webhooks/{application}/nothing", 404, 10015),
        ("GET", "/webhooks/{application}/nothing/messages/@original", 404, 10015),
        ("POST", "/interactions/1/nothing/callback", 404, 10062),
        ("GET", "{messages}?limit=101", 400, 50035),
    ],
)
async def test_what_does_not_exist(
    playground: Playground, api: Api, messages: str, method: str, path: str, status: int, code: int
) -> None:
    answer = await api(method, path.format(messages=messages, application=playground.application_id))
    assert (answer.status, answer.body["code"]) == (status, code)


@pytest.mark.parametrize(
    ("payload", "at", "code"),
    [
        ({"content": "x" * 2001}, "content", "BASE_TYPE_MAX_LENGTH"),
        ({"content": 5}, "content", "BASE_TYPE_INVALID"),
        ({"flags": -1}, "flags", "NUMBER_TYPE_MIN"),
        ({"embeds": [{"color": 0x1000000}]}, "embeds.0.color", "NUMBER_TYPE_MAX"),
        ({"embeds": [{"title": "x"}] * 11}, "embeds", "BASE_TYPE_MAX_LENGTH"),
        ({"embeds": [{"title": "x" * 257}]}, "embeds.0.title", "BASE_TYPE_MAX_LENGTH"),
        ({"embeds": [{"fields": [{"name": "", "value": "x"}]}]}, "embeds.0.fields.0.name", "BASE_TYPE_REQUIRED"),
        ({"embeds": [{"fields": [{"name": "x", "value": " \n"}]}]}, "embeds.0.fields.0.value", "BASE_TYPE_REQUIRED"),
        ({"embeds": [{}]}, "embeds.0.description", "BASE_TYPE_REQUIRED"),
        ({"embeds": [{"title": "  ", "color": 1, "fields": []}]}, "embeds.0.description", "BASE_TYPE_REQUIRED"),
        ({"embeds": [{"author": {"name": " "}}]}, "embeds.0.author.name", "BASE_TYPE_REQUIRED"),
        ({"embeds": [{"fields": [{"name": "x"}]}]}, "embeds.0.fields.0.value", "BASE_TYPE_REQUIRED"),
        ({"embeds": [{"image": {"url": "file:///x"}}]}, "embeds.0.image.url", "URL_TYPE_INVALID_SCHEME"),
        ({"embeds": [{"title": "x", "url": "attachment://a.png"}]}, "embeds.0.url", "URL_TYPE_INVALID_SCHEME"),
        ({"embeds": [{"title": "x", "url": "javascript:alert(1)"}]}, "embeds.0.url", "URL_TYPE_INVALID_SCHEME"),
        ({"embeds": [{"title": "x", "url": "example.org"}]}, "embeds.0.url", "URL_TYPE_INVALID_URL"),
        ({"embeds": [{"title": "x", "url": "https://["}]}, "embeds.0.url", "URL_TYPE_INVALID_URL"),
        (
            {"embeds": [{"author": {"name": "x", "url": "attachment://a.png"}}]},
            "embeds.0.author.url",
            "URL_TYPE_INVALID_SCHEME",
        ),
        (
            {
                "components": [
                    {"type": 1, "components": [{"type": 2, "style": 5, "label": "x", "url": "javascript:alert(1)"}]}
                ]
            },
            "components.0.components.0.url",
            "URL_TYPE_INVALID_SCHEME",
        ),
        ({"embeds": [{"description": "x" * 3001}] * 2}, "embeds", "MAX_EMBED_SIZE_EXCEEDED"),
        ({"components": [{"type": 7}]}, "components.0.type", "BASE_TYPE_CHOICES"),
        ({"components": [{"type": 1, "components": [{"type": 9}]}]}, "components.0.components.0", "BASE_TYPE_CHOICES"),
        (
            {"components": [{"type": 1, "components": [{"type": 2, "style": 1, "label": "x"}]}]},
            "components.0.components.0",
            "BUTTON_COMPONENT_CUSTOM_ID_REQUIRED",
        ),
        (
            {"components": [{"type": 1, "components": [{"type": 2, "style": 1, "custom_id": "x"}]}]},
            "components.0.components.0",
            "BUTTON_COMPONENT_LABEL_REQUIRED",
        ),
        (
            {"components": [{"type": 1, "components": [{"type": 2, "style": 5, "label": "x"}]}]},
            "components.0.components.0",
            "BUTTON_COMPONENT_INVALID_URL",
        ),
        (
            {
                "components": [
                    {"type": 1, "components": [{"type": 2, "style": 1, "label": "x", "custom_id": "x" * 101}]}
                ]
            },
            "components.0.components.0.custom_id",
            "BASE_TYPE_MAX_LENGTH",
        ),
        (
            {"components": [{"type": 1, "components": [{"type": 2, "style": 1, "label": "x", "custom_id": "x"}] * 2}]},
            "components",
            "COMPONENT_CUSTOM_ID_DUPLICATED",
        ),
        (
            {
                "components": [
                    {
                        "type": 1,
                        "components": [
                            {"type": 3, "custom_id": i, "options": [{"label": "x", "value": "x"}]} for i in "ab"
                        ],
                    }
                ]
            },
            "components.0",
            "COMPONENT_LAYOUT_WIDTH_EXCEEDED",
        ),
        ({"attachments": [{"id": 7}]}, "attachments.0.id", "ATTACHMENT_NOT_FOUND"),
        ([], "", "BASE_TYPE_INVALID"),
    ],
)
async def test_bad_forms_are_told_where_they_are_bad(api: Api, messages: str, payload: Any, at: str, code: str) -> None:
    answer = await api("POST", messages, data=json.dumps(payload))
    assert (answer.status, answer.body["code"]) == ((400, 50006) if payload == [] else (400, 50035))
    node = answer.body.get("errors")
    for part in at.split(".") if at else ():
        node = node[part]
    if node is not None:
        assert node["_errors"][0]["code"] == code


async def test_an_embeds_texts_are_trimmed_before_they_are_measured(api: Api, messages: str) -> None:
    embed = {"title": " ", "description": f" {'x' * 4096}\n", "footer": {"text": " end "}}
    (shown,) = (await api("POST", messages, {"embeds": [embed]})).body["embeds"]
    assert shown == {"type": "rich", "description": "x" * 4096, "footer": {"text": "end"}}


@pytest.mark.parametrize("url", ["https://example.org/x", "HTTP://example.org", "discord://-/channels/@me"])
async def test_where_a_button_may_lead(api: Api, messages: str, url: str) -> None:
    button = {"type": 2, "style": 5, "label": "x", "url": url}
    sent = (await api("POST", messages, {"components": [{"type": 1, "components": [button]}]})).body
    assert sent["components"][0]["components"][0]["url"] == url


async def test_an_empty_message_and_bad_json(api: Api, messages: str) -> None:
    assert (await api("POST", messages, {"content": "  "})).body["code"] == 50006
    assert (await api("POST", messages, data="{")).body["code"] == 50109
    assert (await api("POST", messages, data=form("{"))).body["code"] == 50109
    mixed = form({"content": "hi"})
    mixed.add_field("files[x]", b"", filename="x")
    mixed.add_field("other", "y")
    assert (await api("POST", messages, data=mixed)).body["attachments"] == []


async def test_files_over_the_limits(playground: Playground, api: Api, messages: str, ada: Person) -> None:
    too_big = await api("POST", messages, data=form({}, ("a", bytes(10 * MIB + 1))))
    assert (too_big.status, too_big.body["code"]) == (413, 40005)
    too_much = await api("POST", messages, data=form({}, *[(name, bytes(9 * MIB)) for name in "abc"]))
    assert too_much.body["code"] == 40005
    assert (await api("POST", messages, data=b"x" * (25 * MIB + 1))).body["code"] == 40005
    assert (await api("POST", messages, data=form({}, *[(name, b"") for name in "abcdefghijk"]))).body["code"] == 30015
    assert ada.inbox() == []


async def test_files_are_kept_by_id_replaced_and_added(api: Api, messages: str) -> None:
    sent = (await api("POST", messages, data=form({"content": "x"}, ("a.txt", b"a"), ("b.txt", b"b")))).body
    first, second = sent["attachments"]
    assert (first["filename"], first["size"], first["content_type"]) == ("a.txt", 1, "text/plain")
    path = f"{messages}/{sent['id']}"
    replaced = form({"attachments": [{"id": second["id"]}, {"id": 0, "filename": "c d.txt"}]}, ("c", b"c"))
    edited = (await api("PATCH", path, data=replaced)).body
    assert [file["filename"] for file in edited["attachments"]] == ["b.txt", "c_d.txt"]
    added = (await api("PATCH", path, data=form({}, ("d.txt", b"d")))).body
    assert [file["filename"] for file in added["attachments"]] == ["b.txt", "c_d.txt", "d.txt"]
    cleared = (await api("PATCH", path, {"attachments": None, "content": "y", "embeds": None, "components": None})).body
    assert (cleared["attachments"], cleared["content"]) == ([], "y")


async def test_an_embed_shows_what_was_attached_and_nothing_else(api: Api, messages: str) -> None:
    embed = {
        "title": "x",
        "image": {"url": "attachment://a.png"},
        "thumbnail": {"url": "attachment://missing.png"},
        "author": {"name": "x", "icon_url": "attachment://a.png"},
        "footer": {"text": "x", "icon_url": "attachment://missing.png"},
    }
    sent = (await api("POST", messages, data=form({"embeds": [embed]}, ("a.png", b"not really")))).body
    shown = sent["embeds"][0]
    assert sent["attachments"] == []
    assert shown["image"]["url"].startswith("http://127.0.0.1:")
    assert shown["author"]["icon_url"] == shown["image"]["url"]
    assert "thumbnail" not in shown
    assert shown["footer"] == {"text": "x"}


async def test_mentions_are_those_that_are_allowed(api: Api, messages: str, ada: Person) -> None:
    text = f"<@{ada.id}> <@1>"
    for allowed, mentioned in (
        (None, True),
        ({"parse": []}, False),
        ({"parse": ["users"]}, True),
        ({"users": [str(ada.id)]}, True),
    ):
        sent = (await api("POST", messages, {"content": text, "allowed_mentions": allowed})).body
        assert [user["id"] for user in sent["mentions"]] == ([str(ada.id)] if mentioned else [])


async def test_history(api: Api, ada: Person, messages: str) -> None:
    ids = [(await ada.write(str(number))).id for number in range(6)]

    async def contents(query: str) -> list[str]:
        return [message["content"] for message in (await api("GET", f"{messages}?{query}")).body]

    assert await contents("limit=2") == ["5", "4"]
    assert await contents(f"before={ids[2]}") == ["1", "0"]
    assert await contents(f"after={ids[1]}&limit=2") == ["3", "2"]
    assert await contents(f"around={ids[3]}&limit=3") == ["4", "3", "2"]
    assert await contents(f"around={ids[3]}&limit=1") == ["3"]


async def test_five_messages_in_five_seconds(playground: Playground, api: Api, messages: str) -> None:
    for remaining in (4, 3, 2, 1, 0):
        answer = await api("POST", messages, {"content": "x"})
        assert answer.headers["X-RateLimit-Remaining"] == str(remaining)
    assert answer.headers["X-RateLimit-Limit"] == "5"
    assert answer.headers["X-RateLimit-Reset-After"] == "5.000"
    assert answer.headers["X-RateLimit-Reset"] == "1750000005.000"
    playground.clock.advance(2)
    limited = await api("POST", messages, {"content": "x"})
    assert limited.status == 429
    assert limited.body == {"message": "You are being rate limited.", "retry_after": 3.0, "global": False, "code": 0}
    assert (limited.headers["Retry-After"], limited.headers["X-RateLimit-Scope"]) == ("4", "user")
    assert limited.headers["Via"]
    assert limited.headers["X-RateLimit-Bucket"] == answer.headers["X-RateLimit-Bucket"]
    playground.clock.advance(3)
    assert (await api("POST", messages, {"content": "x"})).status == 200


async def test_fifty_requests_a_second_in_all(playground: Playground, api: Api) -> None:
    limits = [f"/users/{number}" for number in range(20)] + ["/users/@me"] * 30
    for path in limits:
        await api("GET", path)
    limited = await api("GET", "/gateway")
    assert (limited.status, limited.body["global"]) == (429, True)
    assert limited.headers["X-RateLimit-Scope"] == "global"
    assert limited.headers["X-RateLimit-Global"] == "true"
    playground.clock.advance(1)
    assert (await api("GET", "/gateway")).status == 200


async def test_edits_of_messages_over_an_hour_old(playground: Playground, api: Api, messages: str) -> None:
    path = f"{messages}/{(await api('POST', messages, {'content': 'x'})).body['id']}"
    playground.clock.advance(3601)
    for _ in range(3):
        assert (await api("PATCH", path, {"content": "y"})).status == 200
    limited = await api("PATCH", path, {"content": "y"})
    assert (limited.status, limited.body["code"], limited.body["retry_after"]) == (429, 30046, 6.0)
    playground.clock.advance(6)
    assert (await api("PATCH", path, {"content": "z"})).body["content"] == "z"


async def test_opening_a_direct_message(playground: Playground, api: Api, ada: Person) -> None:
    opened = await api("POST", "/users/@me/channels", {"recipient_id": str(ada.id)})
    assert opened.body["recipients"][0]["global_name"] == "Ada"
    assert (await api("POST", "/users/@me/channels", {"recipient_id": "1"})).body["code"] == 50033
    assert "recipient_id" in (await api("POST", "/users/@me/channels", {})).body["errors"]
    assert (await api("GET", f"/users/{ada.id}")).body["username"] == "ada"


def option(**fields: Any) -> dict[str, Any]:
    return {"type": 3, "name": "data", "description": "x"} | fields


def command(**fields: Any) -> dict[str, Any]:
    return {"name": "train", "description": "x"} | fields


@pytest.mark.parametrize(
    ("commands", "at", "code"),
    [
        ([command(name="Train")], "commands.0.name", "APPLICATION_COMMAND_INVALID_NAME"),
        ([command(name="tr ain")], "commands.0.name", "APPLICATION_COMMAND_INVALID_NAME"),
        ([command(description="")], "commands.0.description", "BASE_TYPE_MIN_LENGTH"),
        ([{"name": "train"}], "commands.0.description", "BASE_TYPE_REQUIRED"),
        ([command(contexts=[7])], "commands.0.contexts.0", "BASE_TYPE_CHOICES"),
        ([command(), command()], "1", "APPLICATION_COMMANDS_DUPLICATE_NAME"),
        ([command(options=[option(name=f"o{n}") for n in range(26)])], "commands.0.options", "BASE_TYPE_MAX_LENGTH"),
        ([command(options=[option(), option()])], "commands.0", "APPLICATION_COMMAND_OPTIONS_NAME_ALREADY_EXISTS"),
        (
            [command(options=[option(), option(name="b", required=True)])],
            "commands.0",
            "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID",
        ),
        (
            [command(options=[option(), option(name="b", type=1)])],
            "commands.0",
            "APPLICATION_COMMAND_OPTIONS_TYPE_INVALID",
        ),
        (
            [command(options=[option(autocomplete=True, choices=[{"name": "x", "value": "x"}])])],
            "commands.0.options.0",
            "APPLICATION_COMMAND_OPTIONS_CHOICES_AUTOCOMPLETE",
        ),
        (
            [command(options=[option(type=5, autocomplete=True)])],
            "commands.0.options.0",
            "APPLICATION_COMMAND_OPTIONS_TYPE_INVALID",
        ),
        (
            [
                command(
                    options=[
                        option(name=f"o{n}", choices=[{"name": f"{c}" * 100, "value": "y" * 100} for c in range(10)])
                        for n in range(5)
                    ]
                )
            ],
            "commands.0",
            "APPLICATION_COMMAND_TOO_LARGE",
        ),
    ],
)
async def test_commands_that_discord_would_not_take(
    playground: Playground, api: Api, commands: list[dict[str, Any]], at: str, code: str
) -> None:
    answer = await api("PUT", f"/applications/{playground.application_id}/commands", commands)
    assert (answer.status, answer.body["code"]) == (400, 50035)
    node = answer.body["errors"]
    for part in at.removeprefix("commands.").split("."):
        node = node[part]
    assert node["_errors"][0]["code"] == code
    assert playground.world.commands == ()


async def test_a_hundred_commands_and_no_more(playground: Playground, api: Api) -> None:
    path = f"/applications/{playground.application_id}/commands"
    many = [command(name=f"c{number}", default_member_permissions="0") for number in range(101)]
    assert (await api("PUT", path, many)).body["code"] == 30032
    assert len((await api("PUT", path, many[:100])).body) == 100
    assert len((await api("GET", path)).body) == 100
