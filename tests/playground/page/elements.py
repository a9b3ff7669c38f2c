"""What a test looks for on the page, and the call of a command."""

from playwright.async_api import Locator, Page


def composer(page: Page) -> Locator:
    return page.get_by_role("textbox", name="Message", exact=True)


def message(page: Page, text: str) -> Locator:
    return page.get_by_role("log").get_by_role("listitem").filter(has_text=text)


def option(page: Page, name: str) -> Locator:
    return page.get_by_role("combobox", name=name, exact=True)


async def call(page: Page, command: str) -> None:
    await composer(page).fill(f"/{command}")
    await page.keyboard.press("Enter")
