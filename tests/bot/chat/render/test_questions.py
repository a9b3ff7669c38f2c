"""The guard's question, on its message and on the card, and what is left of it."""

import pytest

from bot.chat.notify.kinds import Kind
from bot.chat.render.message import Act
from bot.chat.render.reports import passed, render
from bot.runs.model import RunState
from tests.bot.chat import stories
from tests.bot.chat.render.budgets import check

ASKS = stories.status(RunState.PAUSED, 430, question=stories.QUESTION)


def test_the_question_says_what_happened_and_what_happens_by_itself() -> None:
    message = render(Kind.ASKED, ASKS, stories.START)
    assert message.content and message.content.splitlines()[:3] == [
        "🆘 **brisk-otter-42** needs a decision.",
        f"⚠️ At step 400: {stories.QUESTION.reason}.",
        "If you do nothing it stays paused: it holds no slot, and nothing is lost.",
    ]
    assert message.content.endswith("Stopping keeps its newest checkpoint, if it has one.")
    assert stories.offered(message) == [Act.GO_ON, Act.STOP] and not message.silent
    check(message)


def test_the_card_asks_too() -> None:
    card = render(Kind.LIVE, ASKS, stories.START)
    assert card.embed and card.embed.title == "🆘 brisk-otter-42 · waiting for a decision"
    assert (card.embed.description or "").splitlines()[-2:] == [
        f"⚠️ At step 400: {stories.QUESTION.reason}.",
        "If you do nothing it stays paused: it holds no slot, and nothing is lost.",
    ]
    assert stories.offered(card) == [Act.GO_ON, Act.STOP, Act.UNWATCH]


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (RunState.QUEUED, "▶️ **{}** needed a decision, and is queued again."),
        (RunState.RUNNING, "▶️ **{}** needed a decision, and is training again."),
        (RunState.STOPPED, "**{}** needed a decision. It has stopped since."),
    ],
)
def test_what_is_left_tells_what_became_of_the_run(state: RunState, words: str) -> None:
    message = passed(Kind.ASKED, stories.status(state, 430), stories.START)
    assert message.content == words.format("brisk-otter-42") and message.buttons == ()
    check(message)
