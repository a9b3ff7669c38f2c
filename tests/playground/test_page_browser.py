"""The chat page in a real browser, driven as a person would, with the real discord.py on the other side."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, FilePayload, Locator, Page, async_playwright, expect

from playground.people import Person
from playground.server import Playground
from tests.playground.page_bot import PageBot, connected

CHROMIUM = shutil.which("chromium")
ARGUMENTS = (
    "--no-sandbox --disable-gpu --disable-background-networking --disable-component-update --disable-sync "
    "--no-first-run --disable-quic"
).split()
DESKTOP, PHONE = (1280, 860), (390, 844)

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium on the path (Debian: apt install chromium)"),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield running
        await running.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def playground() -> AsyncIterator[Playground]:
    async with Playground() as running:
        running.person("Owner")
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bot(playground: Playground) -> AsyncIterator[PageBot]:
    async with connected(playground) as client:
        client.carry_on.set()
        yield client


@pytest_asyncio.fixture(loop_scope="module")
async def ada(playground: Playground, bot: PageBot, request: pytest.FixtureRequest) -> Person:
    """A person of the test's own, and so an empty conversation."""
    return playground.person(f"Ada {request.node.name}")


@asynccontextmanager
async def opened(
    browser: Browser, playground: Playground, person: Person, size: tuple[int, int] = DESKTOP
) -> AsyncIterator[Page]:
    """The page as that person sees it. An error in the page's own scripts, or its policy, fails the test."""
    page = await browser.new_page(viewport={"width": size[0], "height": size[1]})
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda line: errors.append(line.text) if line.type == "error" else None)
    await page.goto(f"{playground.page_url}?person={person.id}")
    await expect(page.get_by_text("Online")).to_be_visible()
    yield page
    await page.close()
    assert errors == []


@pytest_asyncio.fixture(loop_scope="module")
async def page(browser: Browser, playground: Playground, ada: Person) -> AsyncIterator[Page]:
    async with opened(browser, playground, ada) as shown:
        yield shown


def composer(page: Page) -> Locator:
    return page.get_by_role("textbox", name="Message", exact=True)


def message(page: Page, text: str) -> Locator:
    return page.get_by_role("log").get_by_role("listitem").filter(has_text=text)


def option(page: Page, name: str) -> Locator:
    return page.get_by_role("combobox", name=name, exact=True)


async def call(page: Page, command: str) -> None:
    await composer(page).fill(f"/{command}")
    await page.keyboard.press("Enter")


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
    await expect(page.get_by_role("option")).to_have_count(5)
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


DROP = """([type, target]) => {
  const data = new DataTransfer();
  data.items.add(new File(["once upon a time"], "story.txt", { type: "text/plain" }));
  const event = type === "paste"
    ? new ClipboardEvent(type, { clipboardData: data, bubbles: true, cancelable: true })
    : new DragEvent(type, { dataTransfer: data, bubbles: true, cancelable: true });
  document.querySelector(target).dispatchEvent(event);
}"""


@pytest.mark.parametrize("how", ["drop", "paste", "choose"])
async def test_a_file_goes_to_the_commands_option(page: Page, how: str, tmp_path: Path) -> None:
    await call(page, "gym train")
    await page.keyboard.type("mine")
    if how == "choose":
        story = tmp_path / "story.txt"
        story.write_text("once upon a time")
        async with page.expect_file_chooser() as chooser:
            await page.get_by_role("button", name="Attach a file").click()
        await (await chooser.value).set_files(story)
    else:
        await page.evaluate(DROP, [how, "#composer"])
    await expect(page.get_by_role("button", name="file story.txt (16 bytes)")).to_be_visible()
    await page.get_by_role("button", name="Send").click()
    await expect(message(page, "file=once upon a time")).to_be_visible()


async def test_a_file_goes_with_a_message(page: Page) -> None:
    await page.evaluate(DROP, ["dragenter", "body"])
    await expect(page.get_by_text("Drop the file to attach it")).to_be_visible()
    await page.evaluate(DROP, ["drop", "body"])
    await expect(page.get_by_text("Drop the file to attach it")).to_be_hidden()
    await composer(page).fill("read this")
    await page.keyboard.press("Enter")
    sent = message(page, "read this").first
    await expect(sent.get_by_role("link", name="story.txt", exact=True)).to_be_visible()
    await expect(sent).to_contain_text("16 bytes")
    await expect(message(page, "You wrote read this story.txt")).to_be_visible()


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


async def test_a_person_who_comes_later_joins_the_switcher(page: Page, playground: Playground, ada: Person) -> None:
    grace = playground.person(f"Grace after {ada.name}")
    await page.get_by_role("link", name=grace.name).click()
    await expect(page.get_by_role("link", name=grace.name)).to_have_attribute("aria-current", "page")


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


MARKDOWN = {
    "**bold** and *slanted*": "<p><strong>bold</strong> and <em>slanted</em></p>",
    "***both***, __under__, ~~gone~~": "<p><strong><em>both</em></strong>, <u>under</u>, <s>gone</s></p>",
    "**a *b***": "<p><strong>a <em>b</em></strong></p>",
    "snake_case_name and 2 * 3 * 4": "<p>snake_case_name and 2 * 3 * 4</p>",
    r"\*plain\*": "<p>*plain*</p>",
    "`**code**` and ``a ` b``": "<p><code>**code**</code> and <code>a ` b</code></p>",
    "*open `*` end*": "<p><em>open <code>*</code> end</em></p>",
    "unclosed ** and ` and ||": "<p>unclosed ** and ` and ||</p>",
    "a\n\nb": "<p>a\n\nb</p>",
    "-# small": '<div class="small">small</div>',
    "> one\n> two\nafter": "<blockquote><p>one\ntwo</p></blockquote><p>after</p>",
    ">>> -# all\nrest": '<blockquote><div class="small">all</div><p>rest</p></blockquote>',
    "## Title": '<div class="heading h2" role="heading" aria-level="4">Title</div>',
    "- a\n  - b\n- c": "<ul><li>a<ul><li>b</li></ul></li><li>c</li></ul>",
    "- a\n3. b": '<ul><li>a</li></ul><ol start="3"><li>b</li></ol>',
    "see ```py\nx = 1\n``` then": '<p>see </p><pre tabindex="0"><code data-lang="py">x = 1</code></pre><p> then</p>',
    "```never closed": "<p>```never closed</p>",
    "<@7> <@8> </gym train:9> <:barbell:5>": (
        '<p><span class="mention">@Ada</span> <span class="mention">@unknown-user</span> '
        '<span class="mention">/gym train</span> :barbell:</p>'
    ),
    "https://a.example/x_y_z.": (
        '<p><a href="https://a.example/x_y_z" target="_blank" rel="noopener noreferrer">https://a.example/x_y_z</a>.</p>'
    ),
    "[**text**](https://a.example/(x))": (
        '<p><a href="https://a.example/(x)" target="_blank" rel="noopener noreferrer"><strong>text</strong></a></p>'
    ),
    "[x](javascript:alert(1))": "<p>[x](javascript:alert(1))</p>",
    "<b>&amp;</b>": "<p>&lt;b&gt;&amp;amp;&lt;/b&gt;</p>",
}


async def test_markdown_reads_as_in_discord(page: Page) -> None:
    render = """async (text) => {
      const { richText } = await import("/static/richtext.js");
      const box = document.createElement("div");
      box.append(...richText(text, { 7: "Ada" }));
      return box.innerHTML;
    }"""
    shown = {text: await page.evaluate(render, text) for text in MARKDOWN}
    assert shown == MARKDOWN


async def test_no_text_is_too_much_for_markdown(page: Page) -> None:
    """Marks that never close are where a backtracking parser would hang until the test times out."""
    render = """async (text) => {
      const { richText } = await import("/static/richtext.js");
      const box = document.createElement("div");
      box.append(...richText(text));
      return box.textContent;
    }"""
    for hostile in ("**a", "*a**", "||", "`a``", "[a](", "_a __", "https://a.example/(", "- x\n  "):
        assert await page.evaluate(render, (hostile * 4000)[:4000]) != ""


async def test_times_and_spoilers(page: Page, playground: Playground) -> None:
    now = int(await page.evaluate("Date.now() / 1000"))
    await composer(page).fill(f"(to myself) done <t:{now + 7300}:R>, ||the end||")
    await page.keyboard.press("Enter")
    row = message(page, "done")
    await expect(row).to_contain_text("in 2 hours")
    hidden = row.get_by_role("button", name="Spoiler")
    await expect(hidden.get_by_text("the end")).to_be_hidden()
    await hidden.press("Enter")
    await expect(row.get_by_text("the end")).to_be_visible()


async def test_typing_shows_until_the_message_comes(page: Page) -> None:
    await composer(page).fill("type")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("Spotter is typing…")).to_be_visible()
    await composer(page).fill("now")
    await page.keyboard.press("Enter")
    await expect(message(page, "You wrote now")).to_be_visible()
    await expect(page.get_by_text("Spotter is typing…")).to_be_hidden()


async def test_markup_in_a_message_stays_text(page: Page, ada: Person) -> None:
    attack = "<img src=x onerror=alert(1)> [click](javascript:alert(1)) </script><script>alert(1)</script>"
    await composer(page).fill(attack)
    await page.keyboard.press("Enter")
    for row in await message(page, "onerror=alert(1)").all():
        await expect(row).to_contain_text(attack)
        await expect(row.locator(".body img, .body script, .body a")).to_have_count(0)


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
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("Not connected to the playground.")).to_be_visible()
    await expect(composer(page)).to_have_value("into the void")
    await ada.write("meanwhile")
    await playground.start()
    await expect(message(page, "meanwhile")).to_be_visible()
    await expect(page.get_by_text("Connection lost")).to_be_hidden()
    await expect(page.get_by_role("log").get_by_role("listitem")).to_have_count(2)
    await page.close()
    await playground.stop()


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
    assert {"Attach a file", "Message", "Send"} & {name for name, _ in reached}


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
