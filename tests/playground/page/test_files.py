"""Files in a real browser: dropped on the page or chosen, taken back, sent with a message, and shown in it."""

from playwright.async_api import FilePayload, Page, expect

from tests.playground.page.browser import in_browser
from tests.playground.page.elements import call, composer, drop, message
from tests.playground.page_bot import png

pytestmark = in_browser

FOLDER = """() => {
  const items = [{ kind: "file", webkitGetAsEntry: () => ({ isDirectory: true, name: "photos" }) }];
  const event = new Event("drop", { bubbles: true, cancelable: true });
  document.body.dispatchEvent(Object.assign(event, { dataTransfer: { types: ["Files"], items } }));
}"""


def picture(name: str, width: int, height: int) -> FilePayload:
    return {"name": name, "mimeType": "image/png", "buffer": png(width, height, 120)}


async def test_the_page_says_what_dropping_a_file_does(page: Page) -> None:
    veil = page.get_by_text("Drop to attach to your message")
    await drop(page, "story.txt", how="dragenter")
    await expect(veil).to_be_visible()
    await drop(page, "story.txt", how="dragleave")
    await expect(veil).to_be_hidden()
    await call(page, "gym dataset add")
    await drop(page, "story.txt", how="dragenter")
    await expect(page.get_by_text("Drop to attach to /gym dataset add")).to_be_visible()


async def test_files_are_sent_without_a_word(page: Page) -> None:
    await drop(page, "story.txt", "other.md")
    await page.locator("#composer-picker").set_input_files([picture("loss.png", 400, 200), picture("tall.png", 20, 60)])
    staged = page.get_by_role("list", name="Attached files")
    await expect(staged.get_by_role("listitem")).to_have_count(4)
    await expect(staged).to_contain_text("story.txt16 bytes")
    assert await staged.locator("img").first.evaluate("image => image.decode().then(() => image.naturalWidth)") == 400
    await page.keyboard.press("Enter")
    await expect(staged.get_by_role("listitem")).to_have_count(0)
    await expect(message(page, "You wrote story.txt, other.md, loss.png, tall.png")).to_be_visible()
    sent = page.get_by_role("log").get_by_role("listitem").first
    for name in ("story.txt", "other.md"):
        await expect(sent.get_by_role("link", name=name, exact=True)).to_be_visible()
        await expect(sent.get_by_role("link", name=f"Download {name}")).to_have_attribute("download", name)
    loss = sent.get_by_role("button", name="Enlarge loss.png")
    shown = await loss.locator("img").evaluate("image => image.decode().then(() => [image.width, image.height])")
    assert shown == [360, 180], "of several pictures each is smaller"
    await loss.click()
    await expect(page.get_by_role("dialog", name="loss.png")).to_be_visible()


async def test_a_file_is_taken_back_with_the_keyboard(page: Page) -> None:
    await drop(page, "a.txt", "b.txt", "c.txt")
    await page.get_by_role("button", name="Remove b.txt").focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("button", name="Remove c.txt")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("button", name="Remove a.txt")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(composer(page)).to_be_focused()
    await expect(page.get_by_role("list", name="Attached files").get_by_role("listitem")).to_have_count(0)


async def test_what_cannot_be_attached_is_said(page: Page) -> None:
    problem = page.get_by_role("alert").filter(visible=True)
    await page.evaluate(FOLDER)
    await expect(problem).to_have_text("photos is a folder. Pack it into a .zip, and attach that.")
    await drop(page, *[f"{number}.txt" for number in range(11)])
    await expect(problem).to_have_text("10.txt was left out: a message takes 10 files. Send it with the next one.")
    await page.keyboard.press("Enter")
    await expect(message(page, "You wrote 0.txt")).to_be_visible()
    large: FilePayload = {"name": "big.txt", "mimeType": "text/plain", "buffer": bytes(10 * 2**20 + 1)}
    await page.locator("#composer-picker").set_input_files(large)
    await expect(problem).to_have_text("big.txt is 10 MB: Discord takes files up to 10 MB. Choose a smaller one.")


async def test_files_that_wait_go_to_a_command_as_far_as_it_takes_them(page: Page) -> None:
    await drop(page, "a.txt", "b.txt")
    await call(page, "gym dataset add")
    await expect(page.get_by_role("button", name="file a.txt (16 bytes)")).to_be_visible()
    await page.get_by_role("button", name="Send").click()
    await expect(message(page, "a.txt has 16 bytes")).to_be_visible()
    await expect(page.get_by_role("button", name="Remove b.txt")).to_be_visible()
