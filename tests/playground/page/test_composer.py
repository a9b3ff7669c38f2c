"""The composer in a real browser: commands completed, options checked in place, files attached."""

from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from playground.people import Person
from playground.server import Playground
from tests.playground.page.browser import in_browser
from tests.playground.page.elements import call, composer, drop, message, option
from tests.playground.page_bot import PageBot

pytestmark = in_browser


async def test_a_newcomer_is_told_what_to_type(page: Page) -> None:
    await expect(page.get_by_text("This is the beginning of your direct messages")).to_be_visible()
    await expect(page.get_by_text("Type / to see everything it can do")).to_be_visible()
    await page.get_by_role("button", name="/gym board").click()
    await page.keyboard.press("Enter")
    await expect(message(page, "Choose")).to_be_visible()
    await expect(page.get_by_text("Type / to see everything")).to_be_hidden()


async def test_a_command_is_completed_and_followed_to_its_report(page: Page, bot: PageBot, ada: Person) -> None:
    bot.carry_on.clear()
    await composer(page).press_sequentially("/")
    await expect(page.get_by_role("option")).to_have_count(6)
    await composer(page).press_sequentially("tr")
    await expect(page.get_by_role("option", name="/gym train Train a model")).to_have_attribute("aria-selected", "true")
    await page.keyboard.press("Enter")
    await expect(option(page, "data")).to_be_focused()
    await page.keyboard.type("py")
    await expect(page.get_by_role("option", name="python-docs (built in)")).to_be_visible()
    await page.keyboard.press("Enter")
    await expect(option(page, "data")).to_have_value("python-docs (built in)")
    await page.keyboard.type("ste")
    await page.keyboard.press("Tab")
    await expect(option(page, "steps")).to_be_focused()
    await page.keyboard.type("5")
    await page.keyboard.press("Enter")

    row = page.get_by_role("log").get_by_role("listitem")
    await expect(row).to_contain_text("used /gym train")
    await expect(row).to_contain_text("Spotter is thinking…")
    bot.carry_on.set()
    await expect(row).to_contain_text("data=python-docs size=tiny steps=5")
    await expect(row).not_to_contain_text("thinking")
    embed = row.get_by_role("article")
    await expect(embed).to_contain_text("brisk-otter-42 is training")
    await expect(embed.locator("strong")).to_have_text("half")
    picture = embed.get_by_role("img", name="brisk-otter-42 is training")
    assert await picture.evaluate("image => image.decode().then(() => image.naturalWidth)") == 600
    tops = [await embed.get_by_text(name, exact=True).evaluate("node => node.offsetTop") for name in ("Step", "Loss")]
    assert tops[0] == tops[1], "inline fields stand beside each other"
    await picture.click()
    await expect(page.get_by_role("dialog")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_be_hidden()


async def test_a_command_that_is_pasted_whole_is_taken_over(page: Page) -> None:
    await composer(page).fill("/gym train data:my notes steps:7 now")
    for name, value in (("data", "my notes"), ("steps", "7 now")):
        await expect(option(page, name)).to_have_value(value)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert").filter(visible=True)).to_have_text("steps: write a whole number.")
    await option(page, "steps").fill("7")
    await page.keyboard.press("Enter")
    await expect(message(page, "data=my notes size=tiny steps=7")).to_be_visible()
    await composer(page).fill("/gym board nothing:of that")
    await expect(page.get_by_role("combobox", name="Options of /gym board")).to_have_value("nothing:of that")


async def test_a_missing_or_unfit_option_is_told_in_place(page: Page, ada: Person) -> None:
    await call(page, "gym train")
    await page.keyboard.press("Enter")
    problem = page.get_by_role("alert").filter(visible=True)
    await expect(problem).to_have_text("data: this option is required. Give it a value.")
    await expect(option(page, "data")).to_be_focused()
    await page.keyboard.type("mine")
    await expect(problem).to_have_count(0)
    await page.keyboard.press("ArrowRight")
    await page.keyboard.type("steps:")
    for text, sentence in (
        ("many", "steps: write a whole number."),
        ("0", "steps: give at least 1."),
        ("5000", "steps: give at most 1000."),
    ):
        await option(page, "steps").fill(text)
        await page.keyboard.press("Enter")
        await expect(problem).to_have_text(sentence)
    await option(page, "steps").fill("7")
    await page.keyboard.press("ArrowRight")
    await page.keyboard.type("size:huge")
    await page.keyboard.press("Enter")
    await expect(problem).to_have_text("size: pick one of the choices.")
    await option(page, "size").fill("sm")
    await page.keyboard.press("Enter")
    await page.keyboard.press("Enter")
    await expect(message(page, "data=mine size=small steps=7")).to_be_visible()


async def test_backspace_takes_chips_away_and_escape_leaves(page: Page) -> None:
    await call(page, "gym train")
    await page.keyboard.press("ArrowRight")
    await page.keyboard.type("size:")
    await expect(option(page, "size")).to_be_focused()
    await page.keyboard.press("Backspace")
    await expect(option(page, "size")).to_have_count(0)
    await page.keyboard.press("Backspace")
    await expect(option(page, "data")).to_be_focused()
    await page.keyboard.press("Backspace")
    await expect(composer(page)).to_have_value("/gym train")
    await composer(page).press_sequentially(" ")
    await expect(option(page, "data")).to_be_focused()
    await page.keyboard.press("Escape")
    await page.keyboard.press("Escape")
    await expect(composer(page)).to_have_value("")
    await expect(composer(page)).to_be_focused()


async def test_late_suggestions_do_not_open_what_escape_has_closed(
    page: Page, playground: Playground, ada: Person
) -> None:
    await call(page, "gym train")
    hold = playground.faults.hold("POST", "/interactions/{interaction_id}/{interaction_token}/callback")
    await page.keyboard.type("py")
    await hold.reached.wait()
    await page.keyboard.press("Escape")
    hold.release()
    await ada.write("hello")
    await expect(message(page, "You wrote hello")).to_be_visible()
    await expect(page.get_by_role("option")).to_have_count(0)
    await page.keyboard.press("Escape")
    await expect(composer(page)).to_be_focused()


async def test_what_no_command_is_called_is_not_sent(page: Page, ada: Person) -> None:
    await composer(page).fill("/gmy train now")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("No command is called /gmy. Type / to see them all.")).to_be_visible()
    assert ada.inbox() == []


async def test_a_command_in_a_group_is_found_by_the_beginnings_of_its_words(page: Page) -> None:
    await composer(page).press_sequentially("/da a")
    await expect(page.get_by_role("option")).to_have_count(1)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("group", name="/gym dataset add")).to_be_visible()
    await page.keyboard.press("Backspace")
    await expect(composer(page)).to_have_value("/gym dataset add")
    await composer(page).press_sequentially(" ")
    await drop(page, "story.txt")
    await page.get_by_role("button", name="Send").click()
    await expect(message(page, "used /gym dataset add")).to_contain_text("story.txt has 16 bytes")


@pytest.mark.parametrize("how", ["drop", "paste", "choose"])
async def test_a_file_goes_to_the_commands_option(page: Page, how: str, tmp_path: Path) -> None:
    await call(page, "gym train")
    await page.keyboard.type("mine")
    if how == "choose":
        story = tmp_path / "story.txt"
        story.write_text("once upon a time")
        async with page.expect_file_chooser() as chooser:
            await page.get_by_role("button", name="Attach files").click()
        await (await chooser.value).set_files(story)
    else:
        await drop(page, "story.txt", how=how, target="#composer")
    await expect(page.get_by_role("button", name="file story.txt (16 bytes)")).to_be_visible()
    await page.get_by_role("button", name="Send").click()
    await expect(message(page, "file=once upon a time")).to_be_visible()
