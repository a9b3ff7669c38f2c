"""Buttons, selects and forms in a real browser."""

from playwright.async_api import FilePayload, Page, expect

from tests.playground.page.browser import in_browser
from tests.playground.page.elements import call, message

pytestmark = in_browser


async def test_buttons_and_selects_act_and_change_in_place(page: Page) -> None:
    await call(page, "gym board")
    await page.keyboard.press("Enter")
    board = page.get_by_role("log").get_by_role("listitem")
    row = await board.element_handle()
    await board.get_by_role("button", name="More").click()
    await expect(board).to_contain_text("There is more now (edited)")
    await board.get_by_role("combobox", name="Size").select_option("small")
    await expect(board).to_contain_text("Size is small")
    notes = board.get_by_role("listbox", name="Notes")
    await notes.focus()
    await notes.select_option(["loss", "speed"])
    await page.keyboard.press("Tab")
    await expect(board).to_contain_text("Notes on loss and speed")
    assert await board.evaluate("(now, before) => now === before", row), "the row was changed, not replaced"
    await expect(board.get_by_role("button", name="Locked")).to_be_disabled()
    link = board.get_by_role("link", name="Manual")
    await expect(link).to_have_attribute("href", "https://example.org/manual")
    await expect(link).to_have_attribute("rel", "noopener noreferrer")


async def test_a_form_is_filled_in(page: Page) -> None:
    await call(page, "gym board")
    await page.keyboard.press("Enter")
    await page.get_by_role("button", name="Stop").click()
    form = page.get_by_role("dialog", name="Why stop?")
    await expect(form.get_by_label("Reason")).to_be_focused()
    await expect(form).to_contain_text("It is kept with the run")
    await form.get_by_role("button", name="Submit").click()
    await expect(form).to_contain_text("— Required")
    await page.keyboard.type("no")
    await form.get_by_label("Keep").select_option("last")
    await form.get_by_role("button", name="Submit").click()
    await expect(form).to_contain_text("— At least 3")
    await form.get_by_label("Reason").fill("it has converged")
    await form.get_by_role("button", name="Submit").click()
    await expect(form).to_be_hidden()
    await expect(message(page, "Stopped: it has converged. Kept: last.")).to_be_visible()


async def test_a_form_takes_files_and_ticks(page: Page) -> None:
    await call(page, "gym survey")
    await page.keyboard.press("Enter")
    form = page.get_by_role("dialog", name="Survey")
    proof, submit = form.get_by_label("Proof"), form.get_by_role("button", name="Submit")
    await expect(proof).to_be_focused()
    await expect(form).to_contain_text("A log, or two")
    await submit.click()
    await expect(form.get_by_text("— Required")).to_have_count(2)

    def log(content: bytes = b"loss") -> FilePayload:
        return {"name": "log.txt", "mimeType": "text/plain", "buffer": content}

    for files, complaint in (([log()] * 3, "— At most 2"), ([log(bytes(10 * 2**20 + 1))], "— log.txt is over 10 MB")):
        await proof.set_input_files(files)
        await submit.click()
        await expect(form).to_contain_text(complaint)
    await proof.set_input_files([log()] * 2)
    await form.get_by_role("radiogroup", name="Mood").get_by_role("radio", name="Up It learns").check()
    await form.get_by_role("group", name="Wishes").get_by_label("Data").uncheck()
    await form.get_by_label("Ask me again").check()
    await submit.click()
    await expect(form).to_be_hidden()
    await expect(message(page, "['loss', 'loss'] up [] True")).to_be_visible()
