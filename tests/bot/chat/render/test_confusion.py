from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.chat.render.confusion import MOST, confusion
from trainer_core.evals.classes import report


def test_a_few_classes_are_all_there() -> None:
    made = confusion("pets", report(1, 0.5, ("cat", "dog"), {(0, 0): 8, (0, 1): 2, (1, 1): 5}))
    assert (made.title, made.classes, made.matrix) == ("pets", ("cat", "dog"), ((8, 2), (0, 5)))


def test_of_very_many_those_with_the_most_mistakes_are_there_and_the_rest_is_one() -> None:
    right = {(at, at): 10 for at in range(100)}
    made = confusion("many", report(1, 0.5, tuple(map(str, range(100))), right | {(70, 3): 5, (50, 60): 2}))
    assert len(made.classes) == MOST and made.classes[-1] == "others"
    assert {"3", "50", "60", "70"} <= set(made.classes)
    assert made.matrix[made.classes.index("70")][made.classes.index("3")] == 5


def test_no_name_breaks_a_line_or_turns_the_writing_around() -> None:
    made = confusion("pets", report(1, 0.5, ("big\ncat", "\u202egod\tx"), {(0, 0): 1, (1, 1): 1}))
    assert made.classes == ("big cat", "god x")


@settings(max_examples=20)
@given(st.integers(1, 60), st.data())
def test_no_picture_is_lost(classes: int, data: st.DataObject) -> None:
    place = st.integers(0, classes - 1)
    found = data.draw(st.dictionaries(st.tuples(place, place), st.integers(1, 99), min_size=1))
    made = confusion("any", report(1, 0.5, tuple(f"class {at}" * at for at in range(classes)), found))
    assert sum(map(sum, made.matrix)) == sum(found.values())
    assert len(made.classes) == len(made.matrix) == min(classes, MOST)
    assert max(map(len, made.classes)) <= 18
