"""A browser, a playground and its bot for the whole folder; for each test a person and the page they see."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright

from playground.people import Person
from playground.server import Playground
from tests.playground.page.browser import ARGUMENTS, CHROMIUM, opened
from tests.playground.page_bot import PageBot, connected


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield running
        await running.close()


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def playground() -> AsyncIterator[Playground]:
    async with Playground() as running:
        running.person("Owner")
        yield running


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def bot(playground: Playground) -> AsyncIterator[PageBot]:
    async with connected(playground) as client:
        client.carry_on.set()
        yield client


@pytest_asyncio.fixture(loop_scope="package")
async def ada(playground: Playground, bot: PageBot, request: pytest.FixtureRequest) -> Person:
    """A person of the test's own, and so an empty conversation."""
    return playground.person(f"Ada {request.node.name}")


@pytest_asyncio.fixture(loop_scope="package")
async def page(browser: Browser, playground: Playground, ada: Person) -> AsyncIterator[Page]:
    async with opened(browser, playground, ada) as shown:
        yield shown
