"""The page for a phone, for a keyboard alone, and for whoever asked that nothing move."""

from playwright.async_api import Browser, Page, expect

from playground.people import Person
from playground.server import Playground
from tests.playground.page.browser import PHONE, in_browser, opened
from tests.playground.page.elements import call, composer, message

pytestmark = in_browser


async def test_a_phone_has_room_for_everything(browser: Browser, playground: Playground, ada: Person) -> None:
    async with opened(browser, playground, ada, PHONE) as page:
        await call(page, "gym train")
        await page.keyboard.type("mine")
        await page.keyboard.press("Enter")
        await expect(message(page, "data=mine").get_by_role("article")).to_be_visible()
        assert await page.evaluate("document.documentElement.scrollWidth") == PHONE[0]
        for node in await page.locator(".embed, .embed-field, .composer-box, .part-used").all():
            box = await node.bounding_box()
            assert box is None or box["x"] + box["width"] <= PHONE[0]
        drawer = page.get_by_role("navigation", name="Conversations")
        await expect(drawer).to_be_hidden()
        await page.get_by_role("button", name="Conversations").click()
        await expect(drawer).to_be_visible()
        await page.keyboard.press("Escape")
        await expect(drawer).to_be_hidden()


async def test_the_keyboard_reaches_everything_and_shows_where_it_is(page: Page) -> None:
    await call(page, "gym board")
    await page.keyboard.press("Enter")
    await expect(message(page, "Choose")).to_be_visible()
    await page.get_by_role("navigation").get_by_role("link").last.focus()
    reached = []
    describe = "node => [node.getAttribute('aria-label') || node.innerText, getComputedStyle(node).outlineStyle]"
    for _ in range(14):
        await page.keyboard.press("Tab")
        reached.append(tuple(await page.evaluate(f"({describe})(document.activeElement)")))
    for name in ("Conversation", "More", "Stop", "Manual", "Size", "Notes"):
        assert (name, "solid") in reached
    assert {"Attach files", "Message", "Send"} & {name for name, _ in reached}


async def test_nothing_moves_for_whoever_asked_for_that(browser: Browser, playground: Playground, ada: Person) -> None:
    context = await browser.new_context(reduced_motion="reduce")
    page = await context.new_page()
    await page.goto(f"{playground.page_url}?person={ada.id}")
    await composer(page).fill("type")
    await page.keyboard.press("Enter")
    dot = page.locator("#typing .dots i").first
    await expect(dot).to_be_visible()
    assert await dot.evaluate("node => getComputedStyle(node).animationName") == "none"
    await context.close()
