"""Attachments and their links."""

from urllib.parse import urlsplit

import aiohttp
import pytest

from playground.cdn import LINK_LIFE, Upload
from playground.people import Person
from playground.server import Playground


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


async def test_a_link_cannot_be_made_up(playground: Playground, ada: Person) -> None:
    channel = playground.world.open_dm(ada.id)
    picture = playground.world.store(channel.id, Upload("a.png", b"png"))
    assert await fetch(picture.url) == (200, b"png", None)
    address = urlsplit(picture.url)
    assert (await fetch(f"{playground.origin}{address.path}"))[0] == 404
    assert (await fetch(picture.url.replace("ex=", "ex=f")))[0] == 404
    assert (await fetch(picture.url.replace("a.png", "b.png")))[0] == 404


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
