"""People without a bot: what they see, wait for and fill in."""

import asyncio
from dataclasses import replace

import pytest

from playground.cdn import Attachment, Upload
from playground.commands import Refused
from playground.components import ModalForm
from playground.filling import Given, submission
from playground.messages import Message
from playground.people import Person
from playground.server import Playground


def said(playground: Playground, person: Person, text: str) -> Message:
    """A message of the bot to that person."""
    world = playground.world
    channel = world.open_dm(person.id)
    return world.post(Message(world.snowflake(), channel.id, world.bot, world.clock.now(), text))


async def test_until_sees_what_is_there_what_comes_and_what_changes(playground: Playground, ada: Person) -> None:
    grace = playground.person("Grace")
    assert ada.inbox() == []
    waiting = asyncio.create_task(ada.until(lambda message: message.content == "done"))
    await asyncio.sleep(0)
    said(playground, grace, "done")
    message = said(playground, ada, "half")
    assert await ada.until(lambda message: message.content == "half") == message
    done = playground.world.update(replace(message, content="done"))
    playground.world.update(replace(message, content="done"))
    assert await waiting == done
    with pytest.raises(TimeoutError):
        await ada.until(lambda message: message.content == "never", timeout=0.01)


async def test_people_are_known_by_name_and_the_first_owns_the_bot(playground: Playground, ada: Person) -> None:
    stranger = playground.person("Mallory", 42)
    assert playground.person("Mallory") is stranger
    assert (stranger.id, stranger.name) == (42, "Mallory")
    assert playground.world.owner == ada.user


async def test_a_world_without_people_has_an_owner_all_the_same() -> None:
    playground = Playground()
    assert playground.world.owner == playground.world.owner


async def test_a_message_that_is_gone_cannot_be_used(playground: Playground, ada: Person) -> None:
    message = said(playground, ada, "x")
    playground.world.delete(message)
    with pytest.raises(Refused, match="no longer there"):
        await ada.click(message, "Stop")


async def test_a_disabled_button_cannot_be_pressed(playground: Playground, ada: Person) -> None:
    message = said(playground, ada, "x")
    button = {"type": 2, "id": 2, "style": 1, "label": "Stop", "custom_id": "stop", "disabled": True}
    playground.world.update(replace(message, components=({"type": 1, "id": 1, "components": [button]},)))
    with pytest.raises(Refused, match="Stop: this is disabled"):
        await ada.click(message, "Stop")


def form() -> ModalForm:
    options = [{"label": "A", "value": "a"}, {"label": "B", "value": "b"}]

    def labelled(label: str, **component: object) -> dict[str, object]:
        return {"type": 18, "label": label, "component": component}

    return ModalForm.model_validate(
        {
            "custom_id": "form",
            "title": "Form",
            "components": [
                {"type": 10, "content": "Read this first"},
                labelled("Radio", type=21, custom_id="radio", options=options, required=False),
                labelled("Boxes", type=22, custom_id="boxes", options=[*options[:1], options[1] | {"default": True}]),
                labelled("Box", type=23, custom_id="box"),
                labelled("Files", type=19, custom_id="files", max_values=1),
            ],
        }
    )


@pytest.fixture
def attachment(playground: Playground, ada: Person) -> Attachment:
    return playground.world.store(playground.world.open_dm(ada.id).id, Upload("a.txt", b"a"))


async def test_every_kind_of_field_is_submitted(attachment: Attachment) -> None:
    data = submission(form(), {"Radio": "a", "box": True, "files": [attachment]})
    values = [component["component"] for component in data["components"]]
    assert [value.get("value", value.get("values")) for value in values] == ["a", ["b"], True, [str(attachment.id)]]
    assert list(data["resolved"]["attachments"]) == [str(attachment.id)]
    empty = submission(form(), {"boxes": ["a"], "files": [attachment]})
    with pytest.raises(Refused, match="Boxes: choose between 1 and 1"):
        submission(form(), {"boxes": [], "files": [attachment]})
    values = [component["component"] for component in empty["components"]]
    assert [value.get("value", value.get("values")) for value in values[:3]] == [None, ["a"], False]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({}, "Files: choose between 1 and 1"),
        ({"files": "a.txt"}, "Files: choose between 1 and 1"),
        ({"radio": ["a", "b"]}, "Radio: choose between 0 and 1"),
        ({"radio": "c"}, "Radio: c is not offered. Choose from: a, b"),
        ({"boxes": ["a", "b"]}, "Boxes: choose between 1 and 1"),
    ],
)
def test_forms_that_cannot_be_sent(given: dict[str, Given], sentence: str) -> None:
    with pytest.raises(Refused, match=sentence):
        submission(form(), given)


async def test_a_file_is_no_choice(attachment: Attachment) -> None:
    with pytest.raises(Refused, match="Radio: this field does not take files"):
        submission(form(), {"radio": [attachment]})
