"""Cards as a terminal shows them."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console, RenderableType

from bot.catalog.tables import changes, dataset_table, datasets_table, histogram, secrets, tokenizer_table
from tests.bot.chat import cards
from trainer_core.data.card import Counts, Lengths


def text(renderable: RenderableType) -> str:
    console = Console(width=160, color_system=None)
    with console.capture() as captured:
        console.print(renderable)
    return captured.get()


def test_a_card_of_text_tells_what_was_counted_and_what_to_train() -> None:
    shown = text(dataset_table(cards.dataset(), cards.SUGGESTION))
    for part in (
        "1,204 of 1,303",
        "utf_8",
        "column body",
        "en 92%",
        "Latin 100%",
        "--size mini",
        "'10 epochs'",
        "25 min",
    ):
        assert part in shown, shown


def test_a_card_of_pictures_tells_its_classes() -> None:
    shown = text(dataset_table(cards.pictures(), cards.SUGGESTION))
    for part in ("cat 580, dog 600", "2 broken", "28×28 to 640×480"):
        assert part in shown, shown
    assert "languages" not in shown and "--size mini" in shown


def test_the_list_has_a_line_for_each() -> None:
    lines = text(
        datasets_table([cards.dataset(), cards.pictures(), cards.dataset(name="docs", builtin=True)])
    ).splitlines()
    assert len(lines) == 4 and "2026-03-01" in lines[1] and "built in" in lines[3]


def test_what_a_name_holds_is_no_markup() -> None:
    assert "[red]x[/].txt" in text(dataset_table(cards.dataset(filename="[red]x[/].txt"), cards.SUGGESTION))
    assert "[bold]" in text(tokenizer_table(cards.tokenizer(special_tokens={"[bold]": 1})))


def test_only_what_changed_is_listed() -> None:
    assert changes(Counts(read=9)) == []
    assert changes(Counts(read=9, skipped=2)) == ["files left out that hold no text: 2"]
    assert changes(Counts(read=9, duplicates=2, cut=1_000)) == [
        "documents cut for their length: 1,000",
        "duplicates left out: 2",
    ]


def test_secrets_are_kept_or_removed() -> None:
    assert secrets(cards.dataset(counts=Counts(), secrets={})) == "none found"
    assert secrets(cards.dataset()).startswith("2 lines look like one, kept: e-mail address 1")
    removed = cards.dataset(counts=Counts(secret_lines=2, secret_lines_removed=2))
    assert "removed" in secrets(removed)


@settings(max_examples=30)
@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=12))
def test_a_histogram_has_a_bar_for_whatever_is_there(counts: list[int]) -> None:
    edges = tuple(10 * 2**number for number in range(len(counts) + 1))
    lines = histogram(Lengths(edges=edges, counts=tuple(counts))).splitlines()[1:]
    bars = [sum(map(line.count, "█▏▎▍▌▋▊▉")) for line in lines]
    assert [bool(bar) for bar in bars] == [bool(count) for count in counts]
    assert max(bars) <= 32 and [line.split()[-1] for line in lines] == [f"{count:,}" for count in counts]
    assert len({len(line.rstrip("0123456789,")) for line in lines}) == 1, "they stand below each other"


def test_without_lengths_there_is_no_histogram() -> None:
    assert histogram(Lengths()) == ""
