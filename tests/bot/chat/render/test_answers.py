"""What Spotter answers to commands and buttons."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bot.chat.render import answers
from bot.chat.render.message import Act, Message
from bot.runs.model import RunState
from bot.runs.service import Submitted
from tests.bot.chat import stories
from tests.bot.chat.render.budgets import check
from trainer_core.data.corpus import DatasetCard
from trainer_core.models.sizes import SIZES

NOW = stories.START + 60
CARD = DatasetCard(
    name="python-docs",
    kind="jsonl",
    filename="python-docs.jsonl",
    documents=79,
    characters=480_000,
    bytes=488_000,
    sha256="0" * 64,
    added_by="",
    added_at=datetime(2026, 1, 1, tzinfo=UTC),
)


@pytest.mark.parametrize(
    ("position", "where"), [(1, "first in the queue"), (3, "place 3 in the queue"), (None, "starting now")]
)
def test_an_accepted_run_is_named_with_its_place_and_its_data(position: int | None, where: str) -> None:
    message = answers.accepted(Submitted(stories.run(RunState.QUEUED), CARD, position))
    assert message.content and message.content.splitlines()[:2] == [
        f"🏋️ **brisk-otter-42** is {where}.",
        "`python-docs` (477 KB, 79 documents) · gpt2 tiny · budget 1000 steps",
    ]
    assert [button.act for button in message.buttons] == [Act.STOP]
    check(message)


def test_a_run_accepted_before_may_be_running_by_now() -> None:
    one = CARD.model_copy(update={"documents": 1})
    message = answers.accepted(Submitted(stories.run(RunState.RUNNING), one, None))
    assert message.content and "is training" in message.content and "one document)" in message.content


@pytest.mark.parametrize(
    ("state", "viewer", "acts"),
    [
        (RunState.RUNNING, 7, [Act.REFRESH, Act.UNWATCH, Act.STOP]),
        (RunState.RUNNING, 8, [Act.REFRESH, Act.WATCH, Act.STOP]),
        (RunState.SUCCEEDED, 7, [Act.REFRESH]),
    ],
)
def test_a_status_offers_what_can_be_done(state: RunState, viewer: int, acts: list[Act]) -> None:
    message = answers.status_reply(stories.status(state, 100), NOW, viewer)
    assert [button.act for button in message.buttons] == acts
    assert message.plot


def test_the_list_has_a_line_for_each_run() -> None:
    statuses = [
        stories.status(RunState.QUEUED),
        stories.status(RunState.RUNNING, 430),
        stories.status(RunState.SUCCEEDED, 1000),
    ]
    message = answers.runs_list(statuses, NOW + 7200)
    assert message.embed and (message.embed.description or "").splitlines() == [
        "🟡 **brisk-otter-42** queued · place 2 in the queue · 2 h ago",
        "🟢 **brisk-otter-42** training · 43 % · validation 3.48 · 2 h ago",
        "✅ **brisk-otter-42** finished · validation 3.41 · 1 h ago",
    ]


def test_a_long_list_fits_and_an_empty_one_says_how_to_begin() -> None:
    check(answers.runs_list([stories.status(RunState.RUNNING, 100)] * 500, NOW))
    empty = answers.runs_list([], NOW)
    assert empty.content and "/trainer train" in empty.content


@pytest.mark.parametrize("state", RunState)
def test_stopping_is_asked_about_only_where_it_means_something(state: RunState) -> None:
    message = answers.confirm_stop(stories.run(state))
    asks = not state.is_terminal and state is not RunState.STOPPING
    assert [button.act for button in message.buttons] == ([Act.STOP_NOW, Act.KEEP] if asks else [])
    assert message.content and ("already" in message.content) != asks


def test_the_question_says_what_is_kept() -> None:
    running, queued = map(answers.confirm_stop, (stories.run(RunState.RUNNING), stories.run(RunState.QUEUED)))
    assert running.content and "learned so far is kept" in running.content
    assert queued.content and "has not begun" in queued.content
    again = answers.confirm_stop(stories.run(RunState.QUEUED, attempt=1, started_at=stories.START))
    assert again.content and again.content.endswith("Its newest checkpoint is kept, if it has made one.")


@pytest.mark.parametrize(
    ("said", "part"),
    [
        (answers.watching(stories.run(RunState.RUNNING), True), "You watch **brisk-otter-42**"),
        (answers.watching(stories.run(RunState.RUNNING), False), "already"),
        (answers.watching(stories.run(RunState.STOPPED), True), "nothing more to report"),
        (answers.unwatching(stories.run(RunState.RUNNING), True), "no longer watch"),
        (answers.unwatching(stories.run(RunState.RUNNING), False), "do not watch"),
        (answers.stopping(stories.run(RunState.STOPPING)), "saves what it has learned"),
        (answers.stopping(stories.run(RunState.STOPPED)), "out of the queue"),
        (answers.stopping(stories.run(RunState.STOPPED, started_at=stories.START)), "Its newest checkpoint is kept"),
        (answers.keeping(stories.run(RunState.RUNNING)), "keeps going"),
        (answers.keeping(stories.run(RunState.STOPPING)), "is stopping already"),
        (answers.keeping(stories.run(RunState.SUCCEEDED)), "has finished already"),
    ],
)
def test_short_answers(said: Message, part: str) -> None:
    assert said.content and part in said.content


def test_the_help_names_every_size_and_the_limit() -> None:
    message = answers.help_card(10 * 2**20)
    check(message)
    assert message.embed
    shown = {field.name: str(field.value) for field in message.embed.fields}
    assert "10 MB" in shown["Files"] and ".jsonl" in shown["Files"]
    assert all(size in shown["Sizes"] for size in SIZES)


def test_a_status_of_another_spec_names_it() -> None:
    run = replace(stories.run(RunState.RUNNING), spec=stories.spec(budget="20M tokens"))
    message = answers.status_reply(replace(stories.status(RunState.RUNNING, 10), run=run), NOW, 7)
    assert message.embed and "budget 20M tokens" in str(message.embed.footer.text)
