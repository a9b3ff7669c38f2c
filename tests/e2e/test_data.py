"""From a file in the chat to a model: dropped, shown as a card, trained on with its button."""

from __future__ import annotations

import json
from pydoc_data.topics import topics

import pytest
from playwright.async_api import async_playwright, expect

from playground.messages import Message
from playground.people import Person
from playground.server import Playground
from tests.e2e.conftest import TEXT, WITHIN, Bots, ending, fields, title
from tests.playground.page.browser import ARGUMENTS, CHROMIUM, opened
from tests.playground.page.elements import drop, message
from trainer_core.data import advice
from trainer_core.export.model_folder import verify

PATIENT = WITHIN * 1000
"""`WITHIN` in milliseconds, as a browser counts."""
SECRET = "the-keeper@example.org"
TOPICS = sorted(topics.values(), key=len)[:24]
"""The shortest topics of Python's help: text of which no part is nearly the same as another."""


def lines(**columns: list[str]) -> str:
    """JSON lines of these columns."""
    rows = (dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True))
    return "".join(json.dumps(row) + "\n" for row in rows)


@pytest.fixture(autouse=True)
def _short_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a card suggests takes seconds here."""
    monkeypatch.setattr(advice, "LEAST_STEPS", 3)
    monkeypatch.setattr(advice, "EPOCHS", 1)


def is_card(message: Message, name: str) -> bool:
    return message.author.bot and name in title(message) and bool(message.components)


def labels(message: Message) -> list[str]:
    return [button["label"] for row in message.components for button in row["components"]]


async def test_a_dropped_file_is_shown_as_a_card_whose_button_trains(bots: Bots, owner: Person) -> None:
    text = TEXT + f"\n\nWrite to {SECRET} for more.".encode()
    async with bots.running():
        sent = await owner.write("", ("Bottles Song.md", text))
        card = await owner.until(lambda m: is_card(m, "bottles_song"), WITHIN)
        said = str(card.to_dict())
        train = next(label for label in labels(card) if label.startswith("Train"))
        reply = await owner.click(card, train)
        (run,) = [str(choice.value) for choice in await owner.autocomplete("trainer stop", "run", "")]
        done = await ending(owner, run, "finished")
    assert card.reference is not None and card.reference.message_id == sent.id
    assert fields(card)["Documents"] == "1"
    assert fields(card)["🔑 Secrets"].startswith("one line may hold secrets (e-mail address 1).")
    assert SECRET not in said and "bottles hang" not in said, "counts only, never the text"
    assert run in str(reply.message and reply.message.to_dict())
    assert "bottles_song" in str(done.to_dict())
    assert verify(bots.home.run(run).export) == []
    assert str(bots.home.path) not in str([m.to_dict() for m in owner.inbox()])


async def test_the_column_that_is_the_text_is_asked_for(bots: Bots, owner: Person) -> None:
    answers = [text[:160] for text in TOPICS]
    table = lines(question=[f"What is to be known of {text[:60]}?" for text in TOPICS], answer=answers)
    async with bots.running():
        await owner.write("", ("talk.jsonl", table.encode()))
        question = await owner.until(lambda m: "answer" in labels(m), WITHIN)
        assert labels(question) == ["answer", "question"], "the likeliest first"
        await owner.click(question, "answer")
        card = await owner.until(lambda m: is_card(m, "talk"), WITHIN)
        assert fields(card)["Documents"] == str(len(set(answers)))
        assert "`answer`" in str(card.embeds[0]["description"])
        assert not any(bots.home.incoming.iterdir()), "what waited for the answer is gone"


async def test_a_stranger_learns_nothing_by_dropping_a_file(bots: Bots, owner: Person, stranger: Person) -> None:
    async with bots.running():
        await stranger.write("", ("song.txt", TEXT))
        answer = await stranger.until(lambda m: m.author.bot, WITHIN)
        await owner.write("", ("song.exe", TEXT), ("song.txt", TEXT))
        refused = await owner.until(lambda m: m.author.bot and m.edits > 0 and ".exe" in m.content, WITHIN)
        await owner.until(lambda m: is_card(m, "song"), WITHIN)
    assert "song" not in f"{answer.content} {answer.embeds}" and len(stranger.inbox()) == 2
    assert ".txt" in refused.content
    assert not any(bots.home.incoming.iterdir())


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium on the path (Debian: apt install chromium)")
async def test_a_file_dropped_on_the_page_is_trained_on(bots: Bots, owner: Person, playground: Playground) -> None:
    async with bots.running(), async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        async with opened(browser, playground, owner) as page:
            await drop(page, "topics.jsonl", text=lines(text=TOPICS))
            await expect(page.get_by_role("list", name="Attached files")).to_contain_text("topics.jsonl")
            await page.keyboard.press("Enter")
            card = message(page, "topics").filter(has=page.get_by_role("button", name="Train"))
            await expect(card).to_be_visible(timeout=PATIENT)
            plot = card.locator(".embed-image img")
            assert await plot.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
            await card.get_by_role("button", name="Train").click()
            done = message(page, "has finished")
            await expect(done).to_be_visible(timeout=PATIENT)
            await expect(done).to_contain_text("topics")
        await browser.close()
