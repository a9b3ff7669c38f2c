"""Chromium, when a test can have it, and the page opened in it."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Browser, Page, expect

from playground.people import Person
from playground.server import Playground

CHROMIUM = shutil.which("chromium")
ARGUMENTS = (
    "--no-sandbox --disable-gpu --disable-background-networking --disable-component-update --disable-sync "
    "--no-first-run --disable-quic"
).split()
DESKTOP, PHONE = (1280, 860), (390, 844)

in_browser = [
    pytest.mark.asyncio(loop_scope="package"),
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium on the path (Debian: apt install chromium)"),
]


@asynccontextmanager
async def opened(
    browser: Browser, playground: Playground, person: Person, size: tuple[int, int] = DESKTOP
) -> AsyncIterator[Page]:
    """The page as that person sees it. An error in the page's own scripts, or its policy, fails the test."""
    page = await browser.new_page(viewport={"width": size[0], "height": size[1]})
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda line: errors.append(line.text) if line.type == "error" else None)
    await page.goto(f"{playground.page_url}?person={person.id}")
    await expect(page.get_by_text("Online")).to_be_visible()
    yield page
    await page.close()
    assert errors == []
