"""What Spotter answers to commands and buttons."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.chat.notify.kinds import Kind
from bot.chat.render import answers
from bot.chat.render.message import Act, Message, buttons
from bot.runs.admission import Submitted
from bot.runs.model import RunState
from tests.bot.chat import cards, stories
from tests.bot.chat.render.budgets import check
from trainer_core.models.specs import ModuleSpec

NOW = stories.START + 60
CARD = cards.dataset(name="python-docs", documents=79, bytes=488_000)


@pytest.mark.parametrize(
    ("position", "starts_in", "where"),
    [
        (1, None, "first in the queue"),
        (3, 1500.0, "place 3 in the queue, starts in about 25 min"),
        (None, None, "starting now"),
    ],
)
def test_an_accepted_run_is_named_with_its_place_and_its_data(
    position: int | None, starts_in: float | None, where: str
) -> None:
    message = answers.accepted(Submitted(stories.run(RunState.QUEUED), CARD, position, starts_in))
    assert message.content and message.content.splitlines()[:2] == [
        f"🏋️ **brisk-otter-42** is {where}.",
        "`python-docs` (477 KB, 79 documents) · gpt2 tiny · budget 1000 steps",
    ]
    assert stories.offered(message) == [Act.PAUSE, Act.STOP]
    check(message)


def test_a_file_of_somebodys_own_is_named_without_effect() -> None:
    """Its name is whatever a file system takes."""
    named = stories.spec("swans").model_copy(update={"model": ModuleSpec(file="nets/line\nbreak **x** @everyone.py")})
    message = answers.accepted(Submitted(stories.run(RunState.QUEUED, spec=named), CARD, 1))
    _, second, *_ = (message.content or "").splitlines()
    assert second.endswith(r" · line break \*\*x\*\* @" + "\u200beveryone.py · budget 1000 steps")
    check(message)


def test_a_run_accepted_before_may_be_running_by_now() -> None:
    one = CARD.model_copy(update={"documents": 1})
    message = answers.accepted(Submitted(stories.run(RunState.RUNNING), one, None))
    assert message.content and "is training" in message.content and "one document)" in message.content


@pytest.mark.parametrize(
    ("step", "how"),
    [(1200, "goes on from step 1,200"), (0, "starts from the beginning, as no checkpoint is there")],
)
def test_a_run_that_is_tried_again_says_from_where(step: int, how: str) -> None:
    again = stories.run(RunState.QUEUED, name="swans-2")
    message = answers.tried_again(Submitted(again, CARD, 1, 0.0, resumes_from=step), "swans")
    assert message.content and message.content.splitlines() == [
        f"🔁 **swans-2** is first in the queue, starts now. It does what **swans** was to do, and {how}.",
        "-# I write to you here as it goes, and when it is done.",
    ]
    assert message.buttons == buttons("swans-2", (Act.PAUSE, Act.STOP))
    check(message)


@pytest.mark.parametrize(
    ("state", "viewer", "acts"),
    [
        (RunState.RUNNING, 7, [Act.REFRESH, Act.UNWATCH, Act.PAUSE, Act.STOP]),
        (RunState.RUNNING, 8, [Act.REFRESH, Act.WATCH, Act.PAUSE, Act.STOP]),
        (RunState.PAUSED, 7, [Act.REFRESH, Act.UNWATCH, Act.RESUME, Act.STOP]),
        (RunState.STOPPING, 7, [Act.REFRESH, Act.UNWATCH]),
        (RunState.SUCCEEDED, 7, [Act.REFRESH]),
        (RunState.FAILED, 7, [Act.REFRESH, Act.RETRY]),
        (RunState.STOPPED, 8, [Act.REFRESH, Act.RETRY]),
    ],
)
def test_a_status_offers_what_can_be_done(state: RunState, viewer: int, acts: list[Act]) -> None:
    message = answers.status_reply(stories.status(state, 100), NOW, viewer)
    assert stories.offered(message) == acts
    assert message.plot


def test_the_list_has_a_line_for_each_run() -> None:
    statuses = [
        replace(stories.status(RunState.QUEUED), starts_in=90.0),
        stories.status(RunState.RUNNING, 430),
        stories.status(RunState.RUNNING, 430, stall=stories.STALL),
        stories.status(RunState.SUCCEEDED, 1000),
    ]
    message = answers.runs_list(statuses, NOW + 7200)
    assert message.embed and (message.embed.description or "").splitlines() == [
        "🟡 **brisk-otter-42** queued · place 2 in the queue, starts in about 2 min · 2 h ago",
        "🟢 **brisk-otter-42** training · 43 % · validation 3.48 · 2 h ago",
        "🟠 **brisk-otter-42** stalled · 43 % · validation 3.48 · 2 h ago",
        "✅ **brisk-otter-42** finished · validation 3.41 · 1 h ago",
    ]


def test_a_long_list_fits_and_an_empty_one_says_how_to_begin() -> None:
    check(answers.runs_list([stories.status(RunState.RUNNING, 100)] * 500, NOW))
    empty = answers.runs_list([], NOW)
    assert empty.content and "/trainer train" in empty.content


@pytest.mark.parametrize(
    ("said", "part"),
    [
        (answers.watching(stories.run(RunState.RUNNING), True), "You watch **brisk-otter-42**"),
        (answers.watching(stories.run(RunState.RUNNING), False), "already"),
        (answers.watching(stories.run(RunState.STOPPED), True), "nothing more to report"),
        (answers.unwatching(stories.run(RunState.RUNNING), True), "no longer watch"),
        (answers.unwatching(stories.run(RunState.RUNNING), False), "do not watch"),
    ],
)
def test_short_answers(said: Message, part: str) -> None:
    assert said.content and part in said.content


def test_a_status_of_another_spec_names_it() -> None:
    run = replace(stories.run(RunState.RUNNING), spec=stories.spec(budget="20M tokens"))
    message = answers.status_reply(replace(stories.status(RunState.RUNNING, 10), run=run), NOW, 7)
    assert message.embed and "budget 20M tokens" in str(message.embed.footer.text)


def test_what_was_missed_is_told_once_for_each_run_by_its_most_telling_news() -> None:
    message = answers.missed(
        [("swans", Kind.LIVE), ("geese", Kind.STALLED), ("swans", Kind.COMPLETED), ("swans", Kind.SUMMARY)]
    )
    assert message.content and message.content.splitlines() == [
        "📭 **While I could not write to you:**",
        "• **swans** has finished",
        "• **geese** stalled and needed a decision",
        "I am trying again now. If nothing comes, allow direct messages from apps in Discord's settings, under"
        " Content & Social.",
    ]


@given(st.lists(st.tuples(st.from_regex(r"[a-z0-9-]{1,48}", fullmatch=True), st.sampled_from(Kind)), min_size=1))
def test_however_much_was_missed_it_fits(notices: list[tuple[str, Kind]]) -> None:
    message = answers.missed(notices)
    check(message)
    runs = {run for run, _ in notices}
    lines = (message.content or "").splitlines()[1:-1]
    assert len(lines) == min(len(runs), 11)
    assert ("more;" in lines[-1].split()) == (len(runs) > 10)
