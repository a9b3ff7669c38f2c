"""Notifications in a real browser: what shows one, and what it must not cover."""

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from playground.people import Person
from playground.server import Playground
from tests.playground.page.browser import DESKTOP, PHONE, in_browser, opened
from tests.playground.page.elements import composer, message

pytestmark = in_browser


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
async def test_a_notification_covers_nothing_of_the_conversation(
    browser: Browser, playground: Playground, ada: Person, size: tuple[int, int]
) -> None:
    async with opened(browser, playground, ada, size) as page:
        for number in range(30):
            await ada.write(f"(to myself) {'a long line ' * 30} {number}")
        await composer(page).fill("hello " * 60)
        await page.keyboard.press("Enter")
        toast = page.get_by_role("status", name="Notifications").locator(".toast")
        await expect(toast).to_contain_text("You wrote hello")
        await expect(message(page, "You wrote hello")).to_be_in_viewport()
        for other in (page.get_by_role("region", name="Conversation"), composer(page), page.locator(".top > *").last):
            assert not await overlap(toast, other)


async def overlap(one: Locator, other: Locator) -> bool:
    a, b = await one.bounding_box(), await other.bounding_box()
    assert a is not None
    assert b is not None
    return not (
        a["x"] + a["width"] <= b["x"]
        or b["x"] + b["width"] <= a["x"]
        or a["y"] + a["height"] <= b["y"]
        or b["y"] + b["height"] <= a["y"]
    )


async def test_what_buzzes_shows_a_toast_and_what_is_silent_a_mark(page: Page) -> None:
    toasts = page.get_by_role("status", name="Notifications")
    await composer(page).fill("quiet")
    await page.keyboard.press("Enter")
    hush = message(page, "hush")
    await expect(hush.get_by_role("img", name="Silent message")).to_be_visible()
    await expect(toasts).to_be_empty()
    await composer(page).fill("hello")
    await page.keyboard.press("Enter")
    await expect(toasts).to_contain_text("You wrote hello")
    await page.get_by_role("button", name="Dismiss notification").click()
    await expect(toasts).to_be_empty()
