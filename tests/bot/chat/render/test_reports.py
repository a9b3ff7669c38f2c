"""The messages Spotter sends by itself: what they say, when they make a sound, and that they fit."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.chat.notify.kinds import Kind
from bot.chat.render.curve import PlotRequest
from bot.chat.render.message import Act, Message
from bot.chat.render.reports import passed, render, unwatched
from bot.chat.render.steering import acts
from bot.runs.model import Request, RunError, RunState, RunStatus
from tests.bot.chat import stories
from tests.bot.chat.render.budgets import check
from tests.bot.chat.render.test_text import HOSTILE
from trainer_core.errors import Code
from trainer_core.events import MetricsGuard, MetricsSample, Phase

NOW = stories.START + 60
KILLED = RunError(Code.WORKER_KILLED, "The training process was killed (signal 9).", Code.WORKER_KILLED.next_step)
GOING = [state for state in RunState if not state.is_terminal]


def fields(message: Message) -> dict[str, str]:
    assert message.embed
    return {str(field.name): str(field.value) for field in message.embed.fields}


@given(
    st.sampled_from(Kind),
    st.sampled_from(RunState),
    st.sampled_from([None, 0, 10, 1000]),
    HOSTILE.map(lambda text: text * 300),
)
def test_every_kind_fits_in_every_state_whatever_the_model_writes(
    kind: Kind, state: RunState, steps: int | None, hostile: str
) -> None:
    status = stories.status(state, steps)
    status = replace(
        status,
        run=replace(
            status.run,
            error=RunError(Code.WORKER_CRASHED, hostile, hostile, hostile),
            stall=stories.STALL,
            summary=stories.summary(sample=hostile) if status.run.summary else None,
        ),
        sample=MetricsSample(step=3, text=hostile),
        message=hostile,
        device=hostile,
        guard=MetricsGuard(step=3, action="disk", reason=hostile),
    )
    check(render(kind, status, NOW))


@pytest.mark.parametrize("kind", Kind)
def test_only_an_ending_and_a_decision_make_a_sound(kind: Kind) -> None:
    message = render(kind, stories.status(RunState.SUCCEEDED, 1000), NOW)
    assert message.silent == (kind in (Kind.LIVE, Kind.SUMMARY, Kind.PAUSED))


def test_the_live_card_of_a_running_run() -> None:
    message = render(Kind.LIVE, stories.status(RunState.RUNNING, 430), NOW)
    assert message.embed
    assert message.embed.title == "🟢 brisk-otter-42 · training"
    assert message.embed.description == "▰▰▰▰▰▰▱▱▱▱▱▱▱▱▱▱ **43 %**\nstep 430 of 1,000 · 1 m 11 s left"
    assert (
        message.embed.footer.text == "python-docs · gpt2 tiny, 1.32M parameters · budget 1000 steps · CPU (2 threads)"
    )
    shown = fields(message)
    assert shown["Loss"] == "3.339"
    assert shown["Validation"] == "3.478 (from 8.30)"
    assert shown["Bits per byte"] == "1.656"
    assert shown["Speed"] == "16.4k tokens/s"
    assert shown["Elapsed"] == "1 m 00 s"
    assert stories.SAMPLE in shown["It writes, at step 400"]
    assert isinstance(message.plot, PlotRequest) and message.plot.steps_total == 1000


@pytest.mark.parametrize("state", GOING)
def test_the_card_of_a_run_that_goes_on_has_what_can_be_done_and_an_end_to_watching(state: RunState) -> None:
    message = render(Kind.LIVE, stories.status(state), NOW)
    assert stories.offered(message) == [*acts(stories.run(state)), Act.UNWATCH]


@pytest.mark.parametrize("state", [RunState.SUCCEEDED, RunState.FAILED, RunState.STOPPED])
def test_an_ended_run_has_no_buttons_and_no_forecast(state: RunState) -> None:
    message = render(Kind.LIVE, stories.status(state, 300), NOW)
    assert message.buttons == ()
    assert isinstance(message.plot, PlotRequest) and message.plot.steps_total is None
    assert message.embed and " left" not in (message.embed.description or "")


@pytest.mark.parametrize(
    ("status", "line"),
    [
        (stories.status(RunState.QUEUED), "Place 2 in the queue. It starts by itself when a slot is free."),
        (replace(stories.status(RunState.QUEUED), position=1, starts_in=0.0), "First in the queue, starts now."),
        (stories.status(RunState.QUEUED, 50), "Place 2 in the queue, to go on from its newest checkpoint."),
        (
            stories.status(RunState.QUEUED, 50, attempt=1, error=KILLED),
            "Place 2 in the queue.",
        ),
        (
            replace(stories.status(RunState.QUEUED, 50), fits=False),
            "Place 2 in the queue. No graphics card is here to train on: it starts by itself once there is one.",
        ),
        (stories.status(RunState.STARTING), "Getting ready…"),
        (stories.status(RunState.STARTING, 50), "Getting ready…"),
        (
            stories.status(RunState.STARTING, 50, attempt=2, error=KILLED),
            "⚠️ The training process was killed (signal 9). It goes on from its newest checkpoint: attempt 2.",
        ),
        (
            stories.status(RunState.STARTING, attempt=2, error=KILLED),
            "⚠️ The training process was killed (signal 9). It is tried again: attempt 2.",
        ),
        (stories.status(RunState.PAUSING, 50), "Saving a checkpoint, then it pauses."),
        (
            stories.status(RunState.PAUSED, 50),
            "It holds no slot. It goes on when you press Resume, or type `/trainer resume run:brisk-otter-42`.",
        ),
        (stories.status(RunState.STOPPED), "Not begun."),
        (stories.status(RunState.STOPPING, 50), "Saving what it has learned, then it stops."),
        (stories.status(RunState.FAILED, 50), "➡️ Try a micro-batch of 4."),
    ],
)
def test_a_card_says_what_the_run_waits_for(status: RunStatus, line: str) -> None:
    message = render(Kind.LIVE, status, NOW)
    assert message.embed and (message.embed.description or "").splitlines()[-1] == line


def test_a_run_that_waits_to_be_tried_again_says_why_and_when_and_does_not_look_failed() -> None:
    status = replace(stories.status(RunState.QUEUED, 50, attempt=1, error=KILLED), starts_in=45.0)
    message = render(Kind.LIVE, status, NOW)
    assert message.embed and message.embed.title == "🟡 brisk-otter-42 · queued"
    assert (message.embed.description or "").splitlines()[2:] == [
        "⚠️ The training process was killed (signal 9). It goes on from its newest checkpoint: attempt 2.",
        "Place 2 in the queue, starts in less than a minute.",
    ]


def test_a_paused_run_is_told_quietly_with_how_far_it_is_and_how_it_goes_on() -> None:
    message = render(Kind.PAUSED, stories.status(RunState.PAUSED, 430), NOW)
    assert message.content == (
        "⏸️ **brisk-otter-42** is paused at step 430 of 1,000 (43 %). It holds no slot. It goes on from there when you"
        " press Resume, or type `/trainer resume run:brisk-otter-42`, today or in a week."
    )
    assert stories.offered(message) == [Act.RESUME, Act.STOP]
    assert message.silent
    early = render(Kind.PAUSED, stories.status(RunState.PAUSED), NOW)
    assert early.content and "is paused before its first step." in early.content


DISK = MetricsGuard(step=400, action="disk", reason="the disk is full: the checkpoint of step 400 was not saved")
ROLLBACK = MetricsGuard(step=300, action="rollback", reason="the checkpoint of step 400 is corrupt and was set aside")
LACKING = MetricsGuard(step=400, action="storage", reason="the second copy of the checkpoints was not written")


@pytest.mark.parametrize("guard", [DISK, ROLLBACK, LACKING])
def test_the_card_shows_what_was_done_to_keep_the_run_going(guard: MetricsGuard) -> None:
    status = replace(stories.status(RunState.RUNNING, 430), guard=guard)
    shown = fields(render(Kind.LIVE, status, NOW))
    assert shown[f"⚠️ At step {guard.step}"] == f"T{guard.reason[1:]}."


def test_a_full_disk_is_told_aloud_with_what_to_do() -> None:
    message = render(Kind.DISK, replace(stories.status(RunState.RUNNING, 430), guard=DISK), NOW)
    assert message.content == (
        "💾 **brisk-otter-42**: the disk is full: the checkpoint of step 400 was not saved.\n"
        "➡️ Free some space on its machine, or see what ails its disk; the run needs nothing else from you."
    )
    assert not message.silent
    later = render(Kind.DISK, replace(stories.status(RunState.RUNNING, 430), guard=ROLLBACK), NOW)
    assert later.content and "the disk did not take what was saved." in later.content


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (RunState.QUEUED, "▶️ **brisk-otter-42** was paused, and is queued again."),
        (RunState.RUNNING, "▶️ **brisk-otter-42** was paused, and is training again."),
        (RunState.STOPPED, "⏸️ **brisk-otter-42** was paused. It has stopped since."),
    ],
)
def test_a_pause_that_is_over_leaves_nothing_to_press(state: RunState, words: str) -> None:
    message = passed(Kind.PAUSED, stories.status(state, 430), NOW)
    assert message.content == words and message.buttons == ()


@pytest.mark.parametrize(
    ("phase", "said"),
    [("tokenizer", "Training the tokenizer — 1,024 tokens"), ("saving", "Saving the model — 1,024 tokens")],
)
def test_before_and_after_the_steps_a_card_tells_the_phase(phase: Phase, said: str) -> None:
    early = replace(stories.status(RunState.RUNNING), phase=phase, message="1,024 tokens")
    late = replace(stories.status(RunState.RUNNING, 1000), phase=phase, message="1,024 tokens")
    for status in (early, late):
        message = render(Kind.LIVE, status, NOW)
        assert message.embed and (message.embed.description or "").splitlines()[-1] == said


def test_a_budget_of_time_only_estimates_the_steps() -> None:
    run = replace(stories.run(RunState.RUNNING), spec=stories.spec(budget="3m"))
    message = render(Kind.LIVE, replace(stories.status(RunState.RUNNING, 100), run=run), NOW)
    assert message.embed and "step 100 of about 1,000" in (message.embed.description or "")


def test_a_later_attempt_is_named() -> None:
    message = render(Kind.LIVE, stories.status(RunState.RUNNING, 100, attempt=2), NOW)
    assert message.embed and str(message.embed.footer.text).endswith("attempt 2")


def test_a_summary_is_one_line() -> None:
    message = render(Kind.SUMMARY, stories.status(RunState.RUNNING, 430), NOW)
    assert message.content == (
        "📈 **brisk-otter-42** 43 % · step 430 of 1,000 · loss 3.339 · validation 3.478, 1.656 bits per byte"
        " · 1 m 11 s left"
    )


def test_a_completion_tells_the_numbers_the_sample_and_the_folder() -> None:
    message = render(Kind.COMPLETED, stories.status(RunState.SUCCEEDED, 1000), NOW)
    assert message.content == "✅ **brisk-otter-42** has finished. Validation loss 8.317 → 3.412, 1.620 bits per byte."
    shown = fields(message)
    assert shown["Validation loss"] == "8.317 → 3.412"
    assert shown["Bits per byte"] == "4.200 → 1.620"
    assert shown["Perplexity"] == "30.3"
    assert shown["Trained for"] == "2 m 05 s"
    assert shown["Model"] == "`runs/brisk-otter-42/export`"
    assert stories.SAMPLE in shown["It writes"]
    assert isinstance(message.plot, PlotRequest) and len(message.plot.validation) == 11


def test_a_run_says_why_it_ended_early_and_which_weights_are_kept() -> None:
    early = "none of the last 3 evaluations was better than the best before"
    done = stories.summary(early=early, best_step=700)
    message = render(Kind.COMPLETED, stories.status(RunState.SUCCEEDED, 1000, summary=done), NOW)
    assert message.content and message.content.endswith(
        f" It ended before its budget: {early}. The model has the weights of step 700, which did best."
    )
    ended = stories.summary(steps=300, best_step=250)
    message = render(Kind.STOPPED, stories.status(RunState.STOPPED, 300, summary=ended), NOW)
    assert message.content and message.content.endswith(" The model has the weights of step 250, which did best.")


def test_a_run_that_failed_names_what_it_was_asked_for_and_did_not_do() -> None:
    status = stories.status(RunState.FAILED, 300, error=KILLED)
    asked = replace(status, run=status.run.asked_for(Request("land"), NOW))
    before, after = (render(Kind.FAILED, each, NOW).content for each in (status, asked))
    assert before and after == f"{before}\nIt ended before it could do what it was asked: landing."


def test_a_completion_without_an_evaluation_leaves_those_numbers_out() -> None:
    bare = stories.summary(
        first_loss=None, first_bits_per_byte=None, loss=None, bits_per_byte=None, sample="", model=""
    )
    message = render(Kind.COMPLETED, stories.status(RunState.SUCCEEDED, summary=bare), NOW)
    assert message.content == "✅ **brisk-otter-42** has finished."
    assert list(fields(message)) == ["Steps", "Tokens", "Trained for"]
    assert message.plot is None
    card = render(Kind.LIVE, stories.status(RunState.SUCCEEDED, summary=bare), NOW)
    assert list(fields(card)) == ["Steps", "Tokens", "Trained for"]


def test_a_resumed_run_may_not_know_where_it_began() -> None:
    halfway = stories.summary(first_loss=None, first_bits_per_byte=None)
    shown = fields(render(Kind.COMPLETED, stories.status(RunState.SUCCEEDED, summary=halfway), NOW))
    assert (shown["Validation loss"], shown["Bits per byte"]) == ("3.412", "1.620")


def test_a_stopped_run_tells_what_it_learned() -> None:
    message = render(Kind.STOPPED, stories.status(RunState.STOPPED, 300, summary=stories.summary(steps=300)), NOW)
    assert message.content and message.content.startswith("⏹️ **brisk-otter-42** was stopped. Validation loss")
    assert stories.offered(message) == [Act.RETRY]
    assert fields(message)["Steps"] == "300"


def test_a_run_stopped_in_the_queue_had_not_begun() -> None:
    message = render(Kind.STOPPED, stories.status(RunState.STOPPED), NOW)
    assert message.content == "⏹️ **brisk-otter-42** was stopped. It had not begun to train."
    assert message.embed is None


def test_a_run_ended_before_it_could_save_its_model_is_not_said_to_have_done_nothing() -> None:
    message = render(Kind.STOPPED, stories.status(RunState.STOPPED, 300), NOW)
    assert message.content == (
        "⏹️ **brisk-otter-42** was stopped. It was ended before it could save its model; its newest checkpoint is kept,"
        " if it had made one."
    )


@pytest.mark.parametrize(("kind", "lines"), [(Kind.LIVE, 6), (Kind.COMPLETED, 12)])
def test_a_sample_of_many_short_lines_does_not_make_a_tall_card(kind: Kind, lines: int) -> None:
    poem = "\n\n\n".join("ox" * 40)
    run = stories.run(RunState.SUCCEEDED, summary=stories.summary(sample=poem))
    status = replace(stories.status(RunState.SUCCEEDED, 400), run=run, sample=MetricsSample(step=400, text=poem))
    [block] = [text for name, text in fields(render(kind, status, NOW)).items() if name.startswith("It writes")]
    assert lines - 1 <= len(block.splitlines()) - 2 <= lines


def test_the_card_left_behind_offers_to_watch_again() -> None:
    message = unwatched(stories.status(RunState.RUNNING, 430))
    assert message.content and "43 %" in message.content
    assert stories.offered(message) == [Act.WATCH]


@pytest.mark.parametrize("kind", [Kind.COMPLETED, Kind.STOPPED])
def test_the_last_report_names_what_was_left_undone(kind: Kind) -> None:
    state = RunState.SUCCEEDED if kind is Kind.COMPLETED else RunState.STOPPED
    asked = stories.status(state, 1000, requests=(Request("land", seq=1),))
    content = render(kind, asked, NOW).content or ""
    assert content.endswith("It ended before it could do what it was asked: landing.")
    assert "could do" not in (render(kind, stories.status(state, 1000), NOW).content or "")
