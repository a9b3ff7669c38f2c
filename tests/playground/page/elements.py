"""What a test looks for on the page, and what it does there."""

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


DROP = """([how, target, names, text]) => {
  const data = new DataTransfer();
  for (const name of names) data.items.add(new File([text], name, { type: "text/plain" }));
  const init = { bubbles: true, cancelable: true };
  const event = how === "paste"
    ? new ClipboardEvent(how, { clipboardData: data, ...init })
    : new DragEvent(how, { dataTransfer: data, ...init });
  document.querySelector(target).dispatchEvent(event);
}"""


async def drop(
    page: Page, *names: str, text: str = "once upon a time", how: str = "drop", target: str = "body"
) -> None:
    """Let files of that text fall on the page; `how` is the event: drop, dragenter, dragleave or paste."""
    await page.evaluate(DROP, [how, target, names, text])
