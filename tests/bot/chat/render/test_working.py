"""What stands where an answer will be."""

from hypothesis import given
from hypothesis import strategies as st

from bot.chat.render import working
from tests.bot.chat.render.budgets import check
from trainer_core.tasks.orders import Progress


def test_progress_has_a_bar_where_somebody_can_tell_how_far_it_is() -> None:
    doing = working.reading("notes.txt")
    assert working.progress(doing).content == "📥 Reading `notes.txt`…"
    half = Progress(phase="reading", fraction=0.5, detail="6 MB of 12 MB")
    assert working.progress(doing, half).content == (
        "📥 Reading `notes.txt`…\n▰▰▰▰▰▰▱▱▱▱▱▱ **50 %** · reading · 6 MB of 12 MB"
    )
    assert working.progress(doing, Progress(phase="card")).content == "📥 Reading `notes.txt`…\ncard"


def test_what_takes_long_or_is_given_up_says_so() -> None:
    doing = working.making_tokenizer("talks")
    late, over = working.takes_long(doing).content, working.failed(doing, working.interrupted()).content
    assert late and "I write to you here when it is done" in late
    assert over and over.splitlines()[0] == doing and over.splitlines()[-1] == "➡️ Ask for it again."


@given(st.text(max_size=300), st.text(max_size=3000), st.floats(0, 1) | st.none(), st.text(max_size=3000))
def test_any_progress_fits(name: str, phase: str, fraction: float | None, detail: str) -> None:
    news = Progress(phase=phase, fraction=fraction, detail=detail)
    check(working.progress(working.reading_column(name), news))
