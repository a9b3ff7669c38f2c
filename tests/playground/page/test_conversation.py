"""The conversation in a real browser: whose it is, where it is scrolled to, and a line that is lost."""

from playwright.async_api import Browser, Page, expect

from playground.people import Person
from playground.server import Playground
from tests.playground.page.browser import in_browser
from tests.playground.page.elements import call, composer, message

pytestmark = in_browser


async def test_a_person_who_comes_later_joins_the_switcher(page: Page, playground: Playground, ada: Person) -> None:
    grace = playground.person(f"Grace after {ada.name}")
    await page.get_by_role("link", name=grace.name).click()
    await expect(page.get_by_role("link", name=grace.name)).to_have_attribute("aria-current", "page")


async def test_typing_shows_until_the_message_comes(page: Page) -> None:
    await composer(page).fill("type")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("Spotter is typing…")).to_be_visible()
    await composer(page).fill("now")
    await page.keyboard.press("Enter")
    await expect(message(page, "You wrote now")).to_be_visible()
    await expect(page.get_by_text("Spotter is typing…")).to_be_hidden()


async def test_older_messages_stay_in_view_while_new_ones_come(page: Page, ada: Person) -> None:
    for number in range(30):
        await ada.write(f"(to myself) line {number}")
    scroller = page.get_by_role("region", name="Conversation")
    await expect(message(page, "line 29")).to_be_in_viewport()
    await scroller.evaluate("node => { node.scrollTop = 300 }")
    await ada.write("seen later")
    pill = page.get_by_role("button", name="1 new message")
    await expect(pill).to_be_visible()
    assert await scroller.evaluate("node => node.scrollTop") == 300
    await pill.click()
    await expect(message(page, "You wrote seen later")).to_be_in_viewport()
    await expect(pill).to_be_hidden()


async def test_a_conversation_opens_at_its_end_also_with_pictures(page: Page) -> None:
    for text in ("first", "second"):
        await call(page, "gym train")
        await page.keyboard.type(text)
        await page.keyboard.press("Enter")
        await expect(message(page, f"data={text}").get_by_role("article")).to_be_visible()
    await page.reload()
    await expect(message(page, "data=second").get_by_text("attempt 1")).to_be_in_viewport()
    picture = page.locator(".embed-image img").last
    before = await picture.bounding_box()
    await picture.evaluate("image => image.decode()")
    assert before == await picture.bounding_box(), "the picture's room was kept for it"


async def test_an_answer_shows_what_it_answers_and_leads_there(page: Page, playground: Playground, ada: Person) -> None:
    asked = await ada.write("answer me")
    answer = message(page, "Here I am")
    await expect(answer).to_contain_text("answer me")
    await ada.write("", ("a.txt", b"a"), ("b.txt", b"b"), reply_to=asked)
    await ada.write("(to myself) and those", reply_to=ada.inbox()[2])
    await expect(message(page, "and those")).to_contain_text("a.txt, b.txt")
    for number in range(30):
        await ada.write(f"(to myself) line {number}")
    await expect(answer).not_to_be_in_viewport()
    await ada.write("thanks", reply_to=ada.inbox()[1])
    thanks = message(page, "thanks").first
    await expect(thanks).to_contain_text("Spotter Here I am")
    await thanks.get_by_role("button", name="Go to the message of Spotter").click()
    await expect(answer.first).to_be_in_viewport()
    playground.world.delete(asked)
    await expect(answer.first).to_contain_text("The message was deleted.")


async def test_a_stranger_sees_a_conversation_of_their_own(page: Page, playground: Playground, ada: Person) -> None:
    mallory = playground.person(f"Mallory with {ada.name}")
    await ada.write("not for Mallory")
    await page.reload()
    await expect(message(page, "You wrote not for Mallory")).to_be_visible()
    await page.get_by_role("link", name=mallory.name).click()
    await expect(page.get_by_role("link", name=mallory.name)).to_have_attribute("aria-current", "page")
    await expect(message(page, "not for Mallory")).to_have_count(0)


async def test_a_lost_line_is_told_and_the_state_caught_up(browser: Browser) -> None:
    playground = Playground()
    ada = playground.person("Ada")
    await playground.start()
    page = await browser.new_page()
    await page.goto(playground.page_url)
    await composer(page).fill("before")
    await page.keyboard.press("Enter")
    await expect(message(page, "before")).to_be_visible()
    await playground.stop()
    await expect(page.get_by_text("Connection lost. Trying again…")).to_be_visible()
    await composer(page).fill("into the void")
    await page.locator("#composer-picker").set_input_files({"name": "a.txt", "mimeType": "text/plain", "buffer": b"a"})
    await composer(page).press("Enter")
    await expect(page.get_by_text("Not connected to the playground.")).to_be_visible()
    await expect(composer(page)).to_have_value("into the void")
    await expect(page.get_by_role("button", name="Remove a.txt")).to_be_visible()
    await ada.write("meanwhile")
    await playground.start()
    await expect(message(page, "meanwhile")).to_be_visible()
    await expect(page.get_by_text("Connection lost")).to_be_hidden()
    await expect(page.get_by_role("log").get_by_role("listitem")).to_have_count(2)
    await page.close()
    await playground.stop()
