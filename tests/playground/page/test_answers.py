"""Answers to a command in a real browser: changed in place, seen by one person alone, or never come."""

from playwright.async_api import Page, expect

from playground.server import Playground
from tests.playground.page.browser import in_browser
from tests.playground.page.elements import call, composer, message
from tests.playground.page_bot import PageBot

pytestmark = in_browser


async def test_a_live_report_changes_where_it_stands(page: Page) -> None:
    await call(page, "gym train")
    await page.keyboard.type("||mine||")
    await page.keyboard.press("Enter")
    report = message(page, "used /gym train")
    await report.get_by_role("button", name="Spoiler").click()
    picture = report.locator(".embed-image img")
    before, first = await picture.element_handle(), await picture.get_attribute("src")
    await composer(page).fill("again")
    await page.keyboard.press("Enter")
    await expect(report.get_by_role("article")).to_contain_text("999")
    await expect(picture).not_to_have_attribute("src", str(first))
    assert await picture.evaluate("(now, before) => now === before", before), "the old picture stays until the new one"
    await expect(report.get_by_text("mine", exact=True)).to_be_visible()
    await expect(message(page, "again")).to_be_in_viewport()


async def test_an_ephemeral_answer_is_marked_and_can_be_dismissed(page: Page) -> None:
    await call(page, "gym secret")
    await page.keyboard.press("Enter")
    secret = message(page, "between us")
    await expect(secret).to_contain_text("Only you can see this")
    await secret.get_by_role("button", name="Dismiss message").click()
    await expect(secret).to_have_count(0)


async def test_a_command_without_an_answer_says_so(page: Page, bot: PageBot, playground: Playground) -> None:
    bot.left_unanswered.clear()
    await call(page, "gym silence")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("Sending command…")).to_be_visible()
    await bot.left_unanswered.wait()
    playground.clock.advance(3)
    await expect(page.get_by_text("The application did not respond")).to_be_visible()
    await page.get_by_role("button", name="Dismiss", exact=True).click()
    await expect(page.get_by_text("The application did not respond")).to_be_hidden()


async def test_an_answer_that_was_promised_and_never_came_says_so(
    page: Page, bot: PageBot, playground: Playground
) -> None:
    bot.carry_on.clear()
    await call(page, "gym train")
    await page.keyboard.type("mine")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("Spotter is thinking…")).to_be_visible()
    playground.clock.advance(15 * 60)
    await expect(message(page, "used /gym train")).to_contain_text("The application did not respond")
    await expect(page.get_by_text("Spotter is thinking…")).to_be_hidden()
    bot.carry_on.set()
