"""Wirings as JSON."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer_core.errors import Code, SpotterError
from trainer_core.wiring.wiring import Batch, Call, Const, Drop, Each, Inputs, Source, Wiring
from trainer_core.wiring.written import as_text, described, read, written

names = st.sampled_from(["x", "mask", "ffn_0_output"])
takes = st.none() | st.integers(0, 3) | st.sampled_from(["logits", "hidden"])
leaves = st.one_of(
    st.builds(Batch, st.sampled_from(["input_ids", "targets"])),
    st.builds(Const, st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3)),
    st.just(Drop()),
)


@st.composite
def wirings(draw: st.DrawFn) -> Wiring:
    """Whose calls come from `forward`, each fed with those before it, as the resolver leaves them."""
    calls: dict[str, Inputs] = {}
    for path in ("a", "b.0", "c"):
        before: list[st.SearchStrategy[Source]] = [st.builds(Call, st.just(other), takes) for other in calls]
        calls[path] = draw(st.dictionaries(names, st.one_of(leaves, *before), max_size=2))
    asked: Inputs = {f"{path}_output": Call(path, draw(takes)) for path in calls}
    rest = {"*args": Each(tuple(draw(st.lists(leaves, max_size=2))))} if draw(st.booleans()) else {}
    return Wiring({**draw(st.dictionaries(st.just("x"), leaves)), **asked, **rest}, calls, draw(takes))


@settings(max_examples=30)
@given(wirings())
def test_a_wiring_is_read_as_it_was_written(wiring: Wiring) -> None:
    assert read(json.loads(json.dumps(written(wiring)))) == wiring


def test_a_long_chain_of_residues_is_written_once() -> None:
    calls = {f"add_{n}": {"x": Call(f"add_{n - 1}"), "y": Call(f"add_{n - 2}")} for n in range(2, 60)}
    calls |= {"add_0": {}, "add_1": {}}
    wiring = Wiring({"add_59_output": Call("add_59")}, calls)
    assert len(as_text(wiring)) < 60 * 100
    assert read(written(wiring)) == wiring


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"x": "input_ids"}, "x"),
        ({"x": {"batch": 1}}, "x"),
        ({"x": {"batch": "input_ids", "take": 0}}, "x"),
        ({"x": {"const": [1]}}, "x"),
        ({"x": {"call": ""}}, "x"),
        ({"x": {"call": "a", "with": []}}, "x.with"),
        ({"x": {"call": "a", "with": {"y": 3}}}, "x.with.y"),
        ({"x": {"call": "a", "take": 1.5}}, "x"),
        ({"x": {"call": "a", "with": {}}, "y": {"call": "a", "with": {"z": "drop"}}}, "y.with"),
        ({"*args": {"batch": "input_ids"}}, "*args"),
        ({"return": True}, "return"),
    ],
)
def test_what_is_no_wiring_is_told_by_its_place(said: dict[str, object], field: str) -> None:
    with pytest.raises(SpotterError) as raised:
        read(said)
    assert (raised.value.code, raised.value.field) == (Code.CONFIG_INVALID, f"model.wiring.{field}")


def test_an_error_is_described_without_paths() -> None:
    assert described(ValueError("too wide")) == "ValueError (too wide)"
    assert described(ValueError("no /home/kim/x.txt")) == "ValueError"
    assert described(FileNotFoundError(2, "No such file", "x.txt")) == "FileNotFoundError"
    assert described(KeyError()) == "KeyError"
