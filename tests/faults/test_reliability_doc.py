"""docs/reliability.md has each of the faults, and names tests that exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from trainer_core.faults import POINTS

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "reliability.md").read_text()
FAULTS = 32
_NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def test_every_fault_has_its_row_and_a_test() -> None:
    section = TEXT[TEXT.index("## The faults\n") : TEXT.index("## The campaign\n")]
    rows = re.findall(r"^\| (\d+) \|(.*)\|$", section, re.MULTILINE)
    assert [int(number) for number, _ in rows] == list(range(1, FAULTS + 1))
    assert [number for number, row in rows if not _NAMED.search(row)] == []


def test_every_test_it_names_exists() -> None:
    for file, test in sorted(set(_NAMED.findall(TEXT))):
        tree = ast.parse((ROOT / file).read_text())
        functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
        assert test in functions, f"{file} has no {test}"


def test_the_fault_it_shows_as_an_example_exists() -> None:
    (point,) = re.findall(r"SPOTTER_FAULT=([a-z.]+):", TEXT)
    assert point in POINTS
