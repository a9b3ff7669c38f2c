"""Whatever is in a journal, its events come out of it in order, and the rest is set aside."""

from __future__ import annotations

import tracemalloc
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.runs.executor import Job
from bot.runs.scanner import LONGEST, Scanner
from bot.store.events import Batch
from tests.bot.chat.stories import NAME, progress
from tests.bot.runs.conftest import lines
from trainer_core.events import Event, JobProgress

JOB = Job(NAME, 1)
STORY: list[Event] = [progress(step) for step in range(1, 9)]
LINES = lines(NAME, 1, STORY).splitlines(keepends=True)


def scan(data: bytes, cuts: tuple[int, ...] = ()) -> tuple[Scanner, Batch]:
    scanner = Scanner(JOB)
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    for start, stop in pairwise(edges):
        scanner.feed(data[start:stop])
    return scanner, scanner.take()


def seqs(batch: Batch) -> list[int]:
    return [entry.event.seq for entry in batch.entries]


noise = st.one_of(st.binary(max_size=40), st.sampled_from([b"{}", b"[1]", LINES[0][:30], b"\xff", b""])).map(
    lambda line: line.replace(b"\n", b" ") + b"\n"
)


@given(
    data=st.lists(st.one_of(st.sampled_from(LINES), noise)).map(b"".join), cuts=st.tuples(*[st.integers(0, 4000)] * 4)
)
def test_where_a_journal_is_cut_into_pieces_makes_no_difference(data: bytes, cuts: tuple[int, ...]) -> None:
    assert scan(data, cuts)[1] == scan(data)[1]


@given(between=st.lists(st.lists(noise, max_size=3), min_size=len(LINES), max_size=len(LINES)))
def test_events_are_found_between_whatever_else_there_is(between: list[list[bytes]]) -> None:
    data = b"".join(line for event, others in zip(LINES, between, strict=True) for line in (*others, event))
    _, batch = scan(data)
    assert seqs(batch) == list(range(1, len(LINES) + 1))
    assert [entry.line.encode() + b"\n" for entry in batch.entries] == LINES
    assert batch.lines_set_aside == len(batch.misfits) == sum(len(others) for others in between)
    covered = sum(misfit.length + 1 for misfit in batch.misfits) + sum(map(len, LINES))
    assert (batch.start, batch.end, covered) == (0, len(data), len(data))
    for misfit in batch.misfits:
        assert data[misfit.offset :].startswith(misfit.beginning) and data[misfit.offset + misfit.length] == ord("\n")


@given(spoiled=st.sets(st.sampled_from(range(len(LINES)))))
def test_events_that_cannot_be_read_leave_gaps_of_their_size(spoiled: set[int]) -> None:
    data = b"".join(b"\xff" + line if n in spoiled else line for n, line in enumerate(LINES))
    assert seqs(scan(data)[1]) == [n + 1 for n in range(len(LINES)) if n not in spoiled]


@given(taken=st.integers(0, len(LINES)), torn=st.integers(0, min(map(len, LINES)) - 1), spoiled=st.booleans())
def test_a_scanner_goes_on_where_another_ended(taken: int, torn: int, spoiled: bool) -> None:
    """As after a restart: from whole lines only, and from what is known of those set aside."""
    before = b"".join(LINES[:taken])
    if spoiled and taken:
        before = before[:-2] + b"?\n"
    data = before + b"".join(LINES[taken:])
    first, batch = scan(data[: len(before) + torn])
    assert first.in_line == bool(torn and taken < len(LINES)) and batch.end == len(before)
    second = Scanner(JOB, batch.end, seqs(batch)[-1] if batch.entries else 0, batch.lines_set_aside)
    second.feed(data[batch.end :])
    assert second.take().entries == scan(data)[1].entries[len(batch.entries) :]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"not json\n", "JSON"),
        (b'{"type": "trainer.unknown.v1"}\n', "unknown event type"),
        (b'{"type": "%s"}\n' % (b"x" * 5000), "unknown event type"),
        (b"\xff\xfe\n", "JSON"),
        (LINES[1].replace(b"type", b"typ\xff", 1), "JSON"),
        (lines("other-run-11", 1, STORY[:1], first=2), "of other-run-11-1"),
        (lines(NAME, 2, STORY[:1], first=2), f"of {NAME}-2"),
        (lines(NAME, 1, STORY[:1], first=1), "seq 1 after 1"),
        (lines(NAME, 1, STORY[:1], first=3), "seq 3 after 1"),
    ],
    ids=[
        "text",
        "unknown type",
        "long type",
        "no UTF-8",
        "no UTF-8 within",
        "another run's",
        "another attempt's",
        "again",
        "jump",
    ],
)
def test_a_line_that_is_set_aside_says_why(line: bytes, reason: str) -> None:
    _, batch = scan(LINES[0] + line + b"".join(LINES[1:]))
    assert seqs(batch) == list(range(1, len(LINES) + 1))
    [misfit] = batch.misfits
    assert reason in misfit.reason and len(misfit.reason) <= 200
    assert (misfit.offset, misfit.length) == (len(LINES[0]), len(line) - 1)
    assert misfit.beginning == line[:-1][:200]


def test_a_number_no_journal_can_reach_is_never_gone_on_from() -> None:
    far = lines(NAME, 1, STORY[:3], first=10**30)
    assert seqs(scan(LINES[0] + far + b"".join(LINES[1:]))[1]) == list(range(1, len(LINES) + 1))


def test_lines_missing_for_good_cost_the_first_after_them() -> None:
    _, batch = scan(LINES[0] + b"".join(LINES[3:]))
    assert seqs(batch) == [1, 5, 6, 7, 8]
    assert [misfit.reason for misfit in batch.misfits] == ["seq 4 after 1"]


def test_an_endless_line_is_passed_over_without_being_held() -> None:
    scanner = Scanner(JOB)
    scanner.feed(LINES[0])
    piece, pieces = b"x" * (LONGEST // 2), 20
    tracemalloc.start()
    for _ in range(pieces):
        scanner.feed(piece)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 * LONGEST
    scanner.feed(b"\n" + LINES[1])
    batch = scanner.take()
    assert seqs(batch) == [1, 2]
    [misfit] = batch.misfits
    assert (misfit.offset, misfit.length, misfit.beginning) == (len(LINES[0]), len(piece) * pieces, b"x" * 200)


def test_countless_misfits_are_counted_and_not_all_kept() -> None:
    _, batch = scan(b"x\n" * 5000)
    assert batch.lines_set_aside == 5000 and len(batch.misfits) == 1000


def test_only_progress_can_wait() -> None:
    saving = lines(NAME, 1, [JobProgress(phase="saving")], first=3)
    for data, can_wait in ((b"".join(LINES[:2]), True), (LINES[0] + LINES[1] + saving, False), (b"?\n", False)):
        scanner = Scanner(JOB)
        scanner.feed(data)
        assert scanner.can_wait is can_wait
