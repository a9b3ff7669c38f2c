from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer_core.budget import Budget
from trainer_core.errors import Code, SpotterError
from trainer_core.spec import RunSpec, parse_spec

amounts = st.integers(1, 10**6)


@pytest.mark.parametrize(
    ("text", "amount", "unit"),
    [
        ("10m", 600, "seconds"),
        ("2h", 7200, "seconds"),
        ("90 sec", 90, "seconds"),
        ("1.5 hours", 5400, "seconds"),
        ("1d", 86400, "seconds"),
        ("500 steps", 500, "steps"),
        (" 1 Step ", 1, "steps"),
        ("3 epochs", 3, "epochs"),
        ("0.5 epochs", 0.5, "epochs"),
        ("20M tokens", 20e6, "tokens"),
        ("1.5k tok", 1500, "tokens"),
        ("2b tokens", 2e9, "tokens"),
    ],
)
def test_a_budget_is_read_as_it_is_said(text: str, amount: float, unit: str) -> None:
    budget = Budget.parse(text)
    assert (budget.amount, budget.unit) == (amount, unit)


@pytest.mark.parametrize(
    "text", ["", "10", "m", "-5 steps", "ten steps", "5 parsecs", "0 steps", "0.5 steps", "1e3 steps"]
)
def test_what_is_no_budget_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="write it like"):
        Budget.parse(text)


@pytest.mark.parametrize(("text", "most"), [("31 days", "720h"), ("9" * 400 + " steps", "100000000 steps")])
def test_a_budget_beyond_reason_is_refused(text: str, most: str) -> None:
    with pytest.raises(ValueError, match=most):
        Budget.parse(text)


@pytest.mark.parametrize(
    ("amount", "unit"), [(0.5, "steps"), (1e-20, "seconds"), (1e-16, "epochs"), (float("inf"), "tokens"), (0, "steps")]
)
def test_an_amount_that_cannot_be_said_is_refused(amount: float, unit: str) -> None:
    with pytest.raises(SpotterError) as caught:
        parse_spec({"data": {"dataset": "d"}, "budget": {"amount": amount, "unit": unit}})
    assert caught.value.field == "budget.amount"


def test_a_time_that_is_next_to_nothing_is_refused() -> None:
    with pytest.raises(SpotterError, match="more than nothing") as caught:
        parse_spec({"data": {"dataset": "d"}, "budget": "0.0000000000000000001 s"})
    assert caught.value.field == "budget"


def test_one_wrong_field_is_named_once() -> None:
    with pytest.raises(SpotterError) as caught:
        parse_spec({"data": {"dataset": "d"}, "budget": "soon"})
    assert str(caught.value).startswith("budget: cannot read 'soon'")
    assert not caught.value.message.startswith("budget")


@given(
    st.one_of(
        st.builds(Budget, amount=amounts.map(float), unit=st.sampled_from(["steps", "tokens", "seconds"])),
        st.builds(Budget, amount=st.floats(0.01, 1e5), unit=st.just("epochs")),
        st.builds(Budget, amount=st.floats(0.001, 2e6), unit=st.just("seconds")),
        st.builds(Budget, amount=st.floats(1, 1e12), unit=st.just("tokens")),
    )
)
def test_a_budget_said_and_read_again_is_the_same(budget: Budget) -> None:
    assert Budget.parse(str(budget)) == budget


@given(steps=amounts, seed=st.integers(0, 2**31 - 1), dropout=st.floats(0, 0.9))
def test_a_spec_survives_json(steps: int, seed: int, dropout: float) -> None:
    spec = parse_spec(
        {"data": {"dataset": "gym"}, "budget": f"{steps} steps", "seed": seed, "model": {"dropout": dropout}}
    )
    assert parse_spec(spec.model_dump_json()) == spec


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(), max_size=3)
    | st.sampled_from(["drop", "a", "input_ids"]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["batch", "const", "call", "with", "take", "x"]), inner, max_size=3)
    ),
    max_leaves=8,
)
SOURCES = st.recursive(
    st.just("drop") | st.fixed_dictionaries({"batch": JSON}) | st.fixed_dictionaries({"const": JSON}),
    lambda inner: st.fixed_dictionaries(
        {"call": st.sampled_from(["a", "b.0"])}, optional={"with": st.dictionaries(st.just("x"), inner), "take": JSON}
    ),
    max_leaves=4,
)


@settings(max_examples=60)
@given(
    st.fixed_dictionaries({"amount": st.floats(), "unit": st.sampled_from(["seconds", "steps", "epochs", "tokens"])}),
    st.none() | st.dictionaries(st.sampled_from(["x", "*args", "return"]), SOURCES | JSON, max_size=2),
)
def test_what_is_taken_can_be_written_and_read_again(budget: object, wiring: object) -> None:
    for asked in ({"budget": budget}, {"model": {"family": "module", "file": "nets/a.py", "wiring": wiring}}):
        try:
            spec = parse_spec({"data": {"dataset": "d"}, "budget": "5 steps", **asked})
        except SpotterError as error:
            assert error.problems
        else:
            assert parse_spec(spec.model_dump_json()) == spec


def nested(depth: int) -> object:
    source: object = {"batch": "input_ids"}
    for number in range(depth):
        source = {"call": f"layer.{number}", "with": {"x": source}}
    return source


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (nested(3000), "names more than 64 submodules inside of each other"),
        ({"const": float("nan")}, "has to be JSON"),
        ({"const": "\ud800"}, "has to be JSON"),
        ({"batch": {1, 2}}, "has to be JSON"),
        ({"batch": 1}, "x is fed with"),
        ({"call": ""}, "x names no submodule"),
    ],
    ids=["deep", "nan", "surrogate", "set", "number", "nothing"],
)
def test_a_wiring_that_cannot_be_read_is_refused_at_once(source: object, said: str) -> None:
    model = {"family": "module", "file": "nets/a.py", "wiring": {"x": source}}
    with pytest.raises(SpotterError, match=said) as caught:
        parse_spec({"data": {"dataset": "d"}, "budget": "5 steps", "model": model})
    assert (caught.value.code, caught.value.field) == (Code.CONFIG_INVALID, "model.wiring")


def test_a_deep_wiring_survives_json() -> None:
    model = {"family": "module", "file": "nets/a.py", "wiring": {"x": nested(63)}}
    spec = parse_spec({"data": {"dataset": "d"}, "budget": "5 steps", "model": model})
    assert parse_spec(spec.model_dump_json()) == spec


def test_a_size_is_no_setting_of_what_has_one() -> None:
    model = {"family": "pretrained", "source": "org/model", "size": "tiny"}
    with pytest.raises(SpotterError, match="there is no such setting") as caught:
        parse_spec({"data": {"dataset": "d"}, "budget": "5 steps", "model": model})
    assert (caught.value.code, caught.value.field) == (Code.CONFIG_INVALID, "model.size")


def test_every_wrong_field_is_named_at_once() -> None:
    with pytest.raises(SpotterError) as caught:
        parse_spec(
            {
                "name": "../up",
                "data": {"dataset": "gym"},
                "budget": "soon",
                "batch": {"micro_batch": 0},
                "colour": "red",
            }
        )
    error = caught.value
    assert error.code is Code.CONFIG_INVALID
    assert error.field is None
    assert {problem.field for problem in error.problems} == {"name", "budget", "batch.micro_batch", "colour"}
    assert "there is no such setting" in error.message


def test_a_single_wrong_field_is_the_error_s_field() -> None:
    with pytest.raises(SpotterError, match="pick a data set from the list") as caught:
        parse_spec({"data": {"dataset": "../gym"}, "budget": "5 steps"})
    assert caught.value.field == "data.dataset"


def test_warm_up_and_decay_must_fit_the_run() -> None:
    with pytest.raises(SpotterError, match="together must not exceed 1"):
        parse_spec(
            {
                "data": {"dataset": "gym"},
                "budget": "5 steps",
                "optimizer": {"warmup_fraction": 0.5, "decay_fraction": 0.6},
            }
        )


@pytest.mark.parametrize(
    ("tokenizer", "field", "said"),
    [
        ({"kind": "saved"}, "tokenizer.name", "say which saved"),
        ({"kind": "pretrained"}, "tokenizer.name", "say which pretrained"),
        ({"kind": "saved", "name": "../up"}, "tokenizer.name", "from the list"),
        ({"kind": "pretrained", "name": "/etc"}, "tokenizer.name", "org/model"),
        ({"kind": "bpe", "name": "gpt2"}, "tokenizer.name", "leave it out"),
        ({"name": "gpt2"}, "tokenizer.name", "leave it out"),
        ({"kind": "bpe", "vocabulary": 256}, "tokenizer.vocabulary", "at least 257"),
        ({"kind": "unigram", "vocabulary": 257}, "tokenizer.vocabulary", "at least 258"),
        ({"vocabulary": 99}, "tokenizer.vocabulary", "100"),
    ],
)
def test_a_tokenizer_that_cannot_be_is_refused_by_its_field(tokenizer: object, field: str, said: str) -> None:
    with pytest.raises(SpotterError, match=said) as caught:
        parse_spec({"data": {"dataset": "gym"}, "budget": "5 steps", "tokenizer": tokenizer})
    assert caught.value.field == field


@pytest.mark.parametrize(
    "tokenizer",
    [
        {"kind": "saved", "name": "gym-bpe.2", "vocabulary": 300},
        {"kind": "pretrained", "name": "openai-community/gpt2"},
        {"kind": "wordpiece", "vocabulary": 100},
        {"vocabulary": 100},
    ],
)
def test_a_tokenizer_that_can_be_is_taken(tokenizer: dict[str, object]) -> None:
    spec = parse_spec({"data": {"dataset": "gym"}, "budget": "5 steps", "tokenizer": tokenizer})
    assert spec.tokenizer.model_dump(exclude_defaults=True) == tokenizer


def test_text_that_is_not_json_is_one_error() -> None:
    with pytest.raises(SpotterError) as caught:
        parse_spec("{")
    assert caught.value.field == "spec"


@given(st.dictionaries(st.sampled_from(sorted(RunSpec.model_fields)), st.integers() | st.text() | st.none()))
def test_any_mapping_gives_a_spec_or_a_named_error(raw: dict[str, object]) -> None:
    try:
        spec = parse_spec(raw)
    except SpotterError as error:
        assert error.problems
        assert all(problem.field and problem.problem for problem in error.problems)
    else:
        assert parse_spec(spec.model_dump_json()) == spec
