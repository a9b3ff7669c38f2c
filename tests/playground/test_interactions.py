"""Interactions answered request by request, rightly and wrongly."""

from dataclasses import dataclass
from typing import Any

import pytest

from playground.interaction import Interaction, Kind
from playground.interactions import TOKEN_LIFE
from playground.people import Person
from playground.server import Playground
from playground.world import InteractionCreated, InteractionFailed, ModalOpened
from tests.playground.conftest import Answer, Api

EPHEMERAL = 64
FIELD = {"type": 4, "custom_id": "name", "style": 1}


def label(component: dict[str, Any]) -> dict[str, Any]:
    return {"type": 18, "label": "Name", "component": component}


@dataclass(frozen=True)
class Conversation:
    """One interaction, answered through the API."""

    api: Api
    playground: Playground
    interaction: Interaction

    async def respond(self, type_: int, data: Any = None, query: str = "?with_response=1") -> Answer:
        path = f"/interactions/{self.interaction.id}/{self.interaction.token}/callback{query}"
        return await self.api("POST", path, {"type": type_, "data": data}, headers={})

    async def webhook(self, method: str, below: str = "", payload: Any = None) -> Answer:
        path = f"/webhooks/{self.playground.application_id}/{self.interaction.token}{below}"
        return await self.api(method, path, payload, headers={})


@pytest.fixture
async def slash(playground: Playground, ada: Person, api: Api) -> Conversation:
    return Conversation(api, playground, playground.interactions.start(Kind.COMMAND, ada.user, "go", {}))


async def test_an_answer_and_its_resource(playground: Playground, ada: Person, slash: Conversation) -> None:
    answer = await slash.respond(4, {"content": "hi", "flags": EPHEMERAL})
    about, resource = answer.body["interaction"], answer.body["resource"]
    assert (about["id"], about["type"]) == (str(slash.interaction.id), 2)
    assert (about["response_message_loading"], about["response_message_ephemeral"]) == (False, True)
    assert (resource["type"], resource["message"]["content"], resource["message"]["type"]) == (4, "hi", 20)
    assert resource["message"]["interaction_metadata"]["user"]["id"] == str(ada.id)
    second = playground.interactions.start(Kind.COMMAND, ada.user, "go", {})
    quiet = await Conversation(slash.api, playground, second).respond(5, query="")
    assert (quiet.status, quiet.body) == (204, None)
    assert (await slash.respond(4, {"content": "again"})).body["code"] == 40060


@pytest.mark.parametrize(
    ("kind", "type_"),
    [(Kind.COMMAND, 6), (Kind.COMMAND, 8), (Kind.AUTOCOMPLETE, 4), (Kind.MODAL, 9), (Kind.MODAL, 7)],
)
async def test_answers_that_do_not_fit(playground: Playground, ada: Person, api: Api, kind: Kind, type_: int) -> None:
    interaction = playground.interactions.start(kind, ada.user, "go", {})
    refused = await Conversation(api, playground, interaction).respond(type_, {"content": "x"})
    assert refused.body["errors"]["type"]["_errors"][0]["code"] == "INTERACTION_CALLBACK_TYPE_INVALID"
    assert interaction.response is None


async def test_a_bad_answer_leaves_time_for_a_better_one(slash: Conversation) -> None:
    bad = await slash.respond(4, {"content": "x" * 2001})
    assert bad.body["errors"]["data"]["content"]["_errors"][0]["code"] == "BASE_TYPE_MAX_LENGTH"
    assert (await slash.respond(99)).body["errors"]["type"]["_errors"][0]["code"] == "BASE_TYPE_CHOICES"
    assert (await slash.respond(4, {"content": "x"})).status == 200


async def test_a_modal_has_distinct_fields_and_no_message(playground: Playground, slash: Conversation) -> None:
    opened: list[ModalOpened] = []
    playground.world.listen(lambda event: opened.append(event) if isinstance(event, ModalOpened) else None)
    twice = {"custom_id": "form", "title": "Form", "components": [label(FIELD), label(FIELD)]}
    assert (await slash.respond(9, twice)).body["code"] == 50035
    assert (await slash.respond(9, {"custom_id": "form", "title": "x" * 46, "components": []})).body["code"] == 50035
    answer = await slash.respond(9, {"custom_id": "form", "title": "Form", "components": [label(FIELD)]})
    assert "resource" not in answer.body
    assert "response_message_id" not in answer.body["interaction"]
    assert [event.modal.custom_id for event in opened] == ["form"]
    assert (await slash.webhook("GET", "/messages/@original")).body["code"] == 10008


async def test_the_token_reaches_its_own_messages_only(ada: Person, slash: Conversation) -> None:
    assert (await slash.webhook("POST", "", {"content": "too early"})).body["code"] == 10015
    first = (await slash.respond(4, {"content": "one", "flags": EPHEMERAL})).body["resource"]["message"]
    other = await ada.write("mine")
    assert (await slash.webhook("GET", f"/messages/{other.id}")).body["code"] == 10008
    assert (await slash.webhook("GET", "/messages/nonsense")).body["code"] == 10008
    assert (await slash.webhook("GET", f"/messages/{first['id']}")).body["content"] == "one"
    ordinary = f"/channels/{other.channel_id}/messages"
    assert (await slash.api("GET", f"{ordinary}/{first['id']}")).body["code"] == 10008
    assert [message["content"] for message in (await slash.api("GET", ordinary)).body] == ["mine"]
    assert (await slash.webhook("DELETE", "/messages/@original")).status == 204
    assert (await slash.webhook("GET", "/messages/@original")).body["code"] == 10008
    assert (await slash.webhook("POST", "", {"content": "later"})).body["content"] == "later"


async def test_the_person_is_told_once_that_nothing_came(playground: Playground, slash: Conversation) -> None:
    failed: list[InteractionFailed] = []
    playground.world.listen(lambda event: failed.append(event) if isinstance(event, InteractionFailed) else None)
    playground.clock.advance(2.9)
    assert failed == []
    playground.clock.advance(0.2)
    playground.clock.advance(3600)
    assert [event.reason for event in failed] == ["The application did not respond"]
    assert (await slash.respond(4, {"content": "x"})).body["code"] == 10062


async def test_an_update_deferred_for_ever_is_no_failure(playground: Playground, ada: Person, api: Api) -> None:
    message = await ada.write("x")
    interaction = playground.interactions.start(Kind.COMPONENT, ada.user, "", {}, source=message)
    assert (await Conversation(api, playground, interaction).respond(6)).body["interaction"]["type"] == 3
    playground.clock.advance(3600)
    assert interaction.failure is None


async def test_an_interaction_is_forgotten_when_its_token_expires(
    playground: Playground, ada: Person, slash: Conversation
) -> None:
    message = await ada.write("x")
    older = playground.interactions.start(Kind.COMPONENT, ada.user, "", {}, source=message)
    await Conversation(slash.api, playground, older).respond(6)
    await slash.respond(5)
    playground.clock.advance(60)
    younger = playground.interactions.start(Kind.COMPONENT, ada.user, "", {}, source=message)
    await Conversation(slash.api, playground, younger).respond(6)
    assert len(playground.interactions) == 3
    playground.clock.advance(TOKEN_LIFE - 60)
    assert len(playground.interactions) == 1
    assert (await slash.webhook("POST", "", {"content": "late"})).body["code"] == 50027
    forged = slash.interaction.token[:-1] + ("0" if slash.interaction.token[-1] != "0" else "1")
    path = f"/webhooks/{playground.application_id}/{forged}"
    assert (await slash.api("POST", path, {"content": "late"}, headers={})).body["code"] == 10015
    playground.world.update(message)
    assert not older.settled.is_set()
    assert younger.settled.is_set()
    playground.clock.advance(60)
    assert len(playground.interactions) == 0


async def test_a_form_outlives_the_token_that_opened_it(
    playground: Playground, ada: Person, slash: Conversation
) -> None:
    await slash.respond(9, {"custom_id": "form", "title": "Form", "components": [label(FIELD)]})
    modal = slash.interaction.modal
    assert modal is not None
    playground.clock.advance(TOKEN_LIFE + 1)
    submitted: list[InteractionCreated] = []
    playground.world.listen(lambda event: submitted.append(event) if isinstance(event, InteractionCreated) else None)
    ada.patience = 0.01
    with pytest.raises(TimeoutError):
        await ada.fill(modal, Name="late, but there")
    (component,) = submitted[0].payload["data"]["components"]
    assert component["component"]["value"] == "late, but there"


async def test_the_world_survives_a_restart_of_the_server(playground: Playground, ada: Person, api: Api) -> None:
    message = await ada.write("still here")
    address = playground.api_url
    await playground.stop()
    with pytest.raises(OSError, match=r"Cannot connect"):
        await api("GET", "/users/@me")
    await playground.start()
    assert playground.api_url == address
    history = await api("GET", f"/channels/{message.channel_id}/messages")
    assert [message["content"] for message in history.body] == ["still here"]
