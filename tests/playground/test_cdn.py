"""Attachments and their links."""

from dataclasses import replace
from io import BytesIO
from urllib.parse import urlsplit

import aiohttp
import pytest
from PIL import Image

from playground.cdn import LINK_LIFE, RETIRED_LIFE, Upload
from playground.commands import Command
from playground.messages import Message
from playground.people import Person
from playground.server import Playground
from playground.world import InteractionCreated


async def fetch(url: str) -> tuple[int, bytes, str | None]:
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return response.status, await response.read(), response.headers.get("Content-Disposition")


async def test_a_link_lives_a_day_and_is_signed_anew_when_read(playground: Playground, ada: Person) -> None:
    channel = playground.world.open_dm(ada.id)
    attachment = playground.world.store(channel.id, Upload("ünï code.txt", b"text"))
    url = attachment.url
    assert await fetch(url) == (200, b"text", "attachment")
    playground.clock.advance(LINK_LIFE + 1)
    assert (await fetch(url))[0] == 404
    assert (await fetch(attachment.url))[0] == 200


@pytest.mark.parametrize("format", ["PNG", "JPEG", "GIF", "WEBP", "BMP", None])
async def test_what_discord_shows_as_a_picture_has_its_extent(
    playground: Playground, ada: Person, format: str | None
) -> None:
    content = BytesIO(b"<svg/>")
    if format is not None:
        Image.new("L", (40, 30)).save(content, format)
    channel = playground.world.open_dm(ada.id)
    wire = playground.world.store(channel.id, Upload("picture", content.getvalue())).to_dict()
    expected = (40, 30) if format not in ("BMP", None) else (None, None)
    assert (wire.get("width"), wire.get("height")) == expected


async def test_a_link_cannot_be_made_up(playground: Playground, ada: Person) -> None:
    channel = playground.world.open_dm(ada.id)
    picture = playground.world.store(channel.id, Upload("a.png", b"png"))
    assert await fetch(picture.url) == (200, b"png", None)
    address = urlsplit(picture.url)
    assert (await fetch(f"{playground.origin}{address.path}"))[0] == 404
    assert (await fetch(picture.url.replace("ex=", "ex=f")))[0] == 404
    assert (await fetch(picture.url.replace("a.png", "b.png")))[0] == 404


async def test_what_an_edit_takes_away_goes_soon_and_what_it_keeps_stays(playground: Playground, ada: Person) -> None:
    world = playground.world
    channel = world.open_dm(ada.id)
    old, kept, new = (world.store(channel.id, Upload(name, name.encode())) for name in ("old", "kept", "new"))
    message = world.post(
        Message(world.snowflake(), channel.id, world.bot, world.clock.now(), "card", files=(old, kept))
    )
    world.update(replace(message, files=(kept, new)))
    playground.clock.advance(RETIRED_LIFE / 2)
    assert await fetch(old.url) == (200, b"old", "attachment"), "a page may just be fetching it"
    playground.clock.advance(RETIRED_LIFE / 2)
    assert [(await fetch(file.url))[0] for file in (old, kept, new)] == [404, 200, 200]
    world.delete(world.message(channel.id, message.id))
    playground.clock.advance(RETIRED_LIFE)
    assert [(await fetch(file.url))[0] for file in (kept, new)] == [404, 404]


async def test_a_commands_file_goes_with_its_link(playground: Playground, ada: Person) -> None:
    option = {"type": 11, "name": "data", "description": "x"}
    playground.world.set_commands([Command.model_validate({"name": "read", "description": "x", "options": [option]})])
    created: list[InteractionCreated] = []
    playground.world.listen(lambda event: created.append(event) if isinstance(event, InteractionCreated) else None)
    ada.patience = 0.01
    with pytest.raises(TimeoutError):
        await ada.slash("read", file=("a.txt", b"text"))
    (attachment,) = created[0].payload["data"]["resolved"]["attachments"].values()
    assert (await fetch(attachment["url"]))[1] == b"text"
    playground.clock.advance(LINK_LIFE)
    assert (await fetch(attachment["url"]))[0] == 404


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("a b.txt", "a_b.txt"),
        ("..", "unknown"),
        ("C:\\x\\y.txt", "y.txt"),
        ("", "unknown"),
    ],
)
async def test_file_names_are_made_safe(playground: Playground, ada: Person, given: str, kept: str) -> None:
    channel = playground.world.open_dm(ada.id)
    assert playground.world.store(channel.id, Upload(given, b"")).filename == kept
