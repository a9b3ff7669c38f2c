"""The text of a message in a real browser: what of it is markup, and what stays text."""

from playwright.async_api import Page, expect

from playground.people import Person
from playground.server import Playground
from tests.playground.page.browser import in_browser
from tests.playground.page.elements import composer, message

pytestmark = in_browser

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


async def test_markup_in_a_message_stays_text(page: Page, ada: Person) -> None:
    attack = "<img src=x onerror=alert(1)> [click](javascript:alert(1)) </script><script>alert(1)</script>"
    await composer(page).fill(attack)
    await page.keyboard.press("Enter")
    for row in await message(page, "onerror=alert(1)").all():
        await expect(row).to_contain_text(attack)
        await expect(row.locator(".body img, .body script, .body a")).to_have_count(0)
