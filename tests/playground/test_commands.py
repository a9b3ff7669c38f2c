"""What a person may type into a command's options, and the form in which it reaches the bot."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from playground.commands import (
    BOOLEAN,
    INTEGER,
    NUMBER,
    STRING,
    Choice,
    Command,
    Option,
    Refused,
    bind,
    target,
    targets,
)


def option(type_: int, name: str = "value", **fields: object) -> Option:
    return Option.model_validate({"type": type_, "name": name, "description": "x", **fields})


@given(st.integers(-(2**53), 2**53))
def test_integers_are_read_as_typed(number: int) -> None:
    bound = bind([option(INTEGER)], {"value": f" {number} "})
    assert bound == [{"type": INTEGER, "name": "value", "value": number}]


@given(st.text())
def test_whatever_is_typed_is_an_integer_or_refused(text: str) -> None:
    try:
        (bound,) = bind([option(INTEGER, min_value=-5, max_value=5)], {"value": text})
    except Refused as refusal:
        assert str(refusal).startswith("value: ")
    else:
        assert -5 <= bound["value"] <= 5


@given(st.floats(-1e6, 1e6))
def test_numbers_are_read_as_typed(number: float) -> None:
    assert bind([option(NUMBER)], {"value": f"{number:f}"})[0]["value"] == pytest.approx(number, abs=1e-6)


def test_values_come_in_the_order_of_the_options() -> None:
    options = [option(STRING, "a"), option(BOOLEAN, "b"), option(STRING, "c")]
    bound = bind(options, {"c": "x", "b": "False"})
    assert [(value["name"], value["value"]) for value in bound] == [("b", False), ("c", "x")]


def test_choices_hold_for_numbers_too() -> None:
    choices = [Choice(name="One", value=1), Choice(name="Two", value=2)]
    options = [option(INTEGER, choices=choices)]
    assert bind(options, {"value": "2"})[0]["value"] == 2
    with pytest.raises(Refused, match="One, Two"):
        bind(options, {"value": 3})


def test_strings_have_an_upper_bound_of_their_own() -> None:
    with pytest.raises(Refused, match="between 0 and 6000"):
        bind([option(STRING)], {"value": "x" * 6001})


def test_sub_commands_in_groups_are_named_and_nested() -> None:
    leaf = {"type": 1, "name": "push", "description": "Push", "options": [option(STRING, "to").to_dict()]}
    group = {"type": 2, "name": "hub", "description": "Hub", "options": [leaf]}
    command = Command.model_validate({"name": "model", "description": "Models", "options": [group]})
    plain = Command(name="help", description="Help")
    assert [found.name for found in targets([command, plain])] == ["model hub push", "help"]
    found = target([command, plain], "/model hub push")
    assert found.description == "Push"
    assert target([plain], "help").description == "Help"
    nested = found.nest(bind(found.options, {"to": "me"}))
    assert nested[0]["name"] == "hub"
    assert nested[0]["options"][0]["options"] == [{"type": STRING, "name": "to", "value": "me"}]


@pytest.mark.parametrize(
    "options",
    [
        [{"type": 2, "name": "hub", "description": "x"}],
        [{"type": 2, "name": "hub", "description": "x", "options": [option(STRING).to_dict()]}],
        [{"type": 2, "name": "a", "description": "x", "options": [{"type": 2, "name": "b", "description": "x"}]}],
        [{"type": 1, "name": "a", "description": "x", "options": [{"type": 1, "name": "b", "description": "x"}]}],
        [{"type": 3, "name": "a", "description": "x", "options": [option(STRING).to_dict()]}],
    ],
    ids=["an empty group", "values in a group", "a group in a group", "a command in a command", "a value in a value"],
)
def test_commands_nest_no_deeper_than_a_group(options: list[object]) -> None:
    with pytest.raises(ValidationError, match="A group holds sub-commands"):
        Command.model_validate({"name": "model", "description": "Models", "options": options})


def test_only_commands_for_direct_messages_of_user_installs_are_offered() -> None:
    def command(name: str, **fields: object) -> Command:
        return Command.model_validate({"name": name, "description": "x", **fields})

    commands = [
        command("anywhere"),
        command("here", contexts=[1, 2], integration_types=[1]),
        command("guilds", contexts=[0]),
        command("servers", integration_types=[0]),
    ]
    assert [found.name for found in targets(commands)] == ["anywhere", "here"]
    with pytest.raises(Refused, match=r"/guilds is not a command here. Commands: /anywhere, /here\."):
        target(commands, "guilds")
    with pytest.raises(Refused, match="none yet"):
        target([], "x")
