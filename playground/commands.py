"""Slash commands: the form in which a bot registers them, and what a person may type into their options."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from playground.forms import Part
from playground.wire import Wire

SUB_COMMAND, SUB_COMMAND_GROUP, STRING, INTEGER, BOOLEAN, USER, NUMBER, ATTACHMENT = 1, 2, 3, 4, 5, 6, 10, 11
BOT_DM, USER_INSTALL = 1, 1
MAX_COMMANDS = 100
_MAX_TEXT = 8000
_MAX_STRING = 6000
_MAX_INTEGER = 2**53
_MAY_HOLD = {SUB_COMMAND_GROUP: {SUB_COMMAND}, SUB_COMMAND: set(range(STRING, ATTACHMENT + 1))}
_NAME = re.compile(r"[-_'\w]{1,32}")

Value: TypeAlias = str | int | float | bool


class Refused(Exception):  # noqa: N818 - it names what happened to a person, not a fault of the program
    """Discord did not let the person do this; nothing was sent to the bot. The text is what the person would read."""


def _is_name(name: str) -> str:
    if not _NAME.fullmatch(name) or name != name.lower():
        raise PydanticCustomError("APPLICATION_COMMAND_INVALID_NAME", "Command name is invalid")
    return name


Name = Annotated[str, Field(min_length=1, max_length=32), AfterValidator(_is_name)]
Description = Annotated[str, Field(min_length=1, max_length=100)]


class Choice(Part):
    """One of the values that Discord offers for an option."""

    name: str = Field(min_length=1, max_length=100)
    value: Annotated[str, Field(max_length=100)] | int | float


class Option(Part):
    """An option of a command; of types 1 and 2 a sub-command or a group of them, with options of its own."""

    type: Literal[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]
    name: Name
    description: Description
    required: bool = False
    autocomplete: bool = False
    choices: list[Choice] | None = Field(None, max_length=25)
    min_value: float | None = None
    max_value: float | None = None
    min_length: int | None = Field(None, ge=0, le=_MAX_STRING)
    max_length: int | None = Field(None, ge=1, le=_MAX_STRING)
    channel_types: list[int] | None = None
    options: "list[Option] | None" = Field(None, max_length=25)

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        if self.choices and self.autocomplete:
            raise PydanticCustomError(
                "APPLICATION_COMMAND_OPTIONS_CHOICES_AUTOCOMPLETE", "Choices and autocomplete exclude each other"
            )
        if (self.choices or self.autocomplete) and self.type not in (STRING, INTEGER, NUMBER):
            raise PydanticCustomError(
                "APPLICATION_COMMAND_OPTIONS_TYPE_INVALID", "Only strings and numbers have choices or autocomplete"
            )
        _check_options(self.options)
        self._check_nesting()
        return self

    def _check_nesting(self) -> None:
        """A group holds sub-commands, a sub-command holds values, and a value holds nothing."""
        held = {option.type for option in self.options or []}
        if not held <= _MAY_HOLD.get(self.type, set()) or (self.type == SUB_COMMAND_GROUP and not held):
            raise PydanticCustomError(
                "APPLICATION_COMMAND_OPTIONS_TYPE_INVALID",
                "A group holds sub-commands, a sub-command holds options, and nothing else holds any",
                {"field": "options"},
            )

    def text_length(self) -> int:
        return (
            len(self.name)
            + len(self.description)
            + sum(len(choice.name) + len(str(choice.value)) for choice in self.choices or [])
            + sum(option.text_length() for option in self.options or [])
        )


class Command(Part):
    """A global application command as a bot registers it. Without `id` it has not been stored yet."""

    id: str | None = None
    type: Literal[1] = 1
    name: Name
    description: Description
    options: list[Option] | None = Field(None, max_length=25)
    contexts: list[Literal[0, 1, 2]] | None = Field(None, min_length=1)
    integration_types: list[Literal[0, 1]] | None = Field(None, min_length=1)
    default_member_permissions: str | int | None = None
    nsfw: bool = False

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        _check_options(self.options)
        length = len(self.name) + len(self.description) + sum(option.text_length() for option in self.options or [])
        if length > _MAX_TEXT:
            raise PydanticCustomError("APPLICATION_COMMAND_TOO_LARGE", "Command exceeds maximum size (8000)")
        return self


def _check_options(options: Sequence[Option] | None) -> None:
    options = options or []
    names = [option.name for option in options]
    if len(set(names)) != len(names):
        raise PydanticCustomError("APPLICATION_COMMAND_OPTIONS_NAME_ALREADY_EXISTS", "Option name already exists")
    nested = [option.type in (SUB_COMMAND, SUB_COMMAND_GROUP) for option in options]
    if any(nested) and not all(nested):
        raise PydanticCustomError(
            "APPLICATION_COMMAND_OPTIONS_TYPE_INVALID",
            "Sub-command and sub-command group option types are mutually exclusive to all other types",
        )
    required = [option.required for option in options]
    if required != sorted(required, reverse=True):
        raise PydanticCustomError(
            "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID",
            "Required options must be placed before non-required options",
        )


@dataclass(frozen=True, slots=True)
class Target:
    """A command that can be called: the registered command, and the way to its sub-command."""

    command: Command
    path: tuple[Option, ...]

    @property
    def name(self) -> str:
        return " ".join([self.command.name, *(option.name for option in self.path)])

    @property
    def description(self) -> str:
        return self.path[-1].description if self.path else self.command.description

    @property
    def options(self) -> Sequence[Option]:
        return (self.path[-1].options if self.path else self.command.options) or []

    def nest(self, values: list[Wire]) -> list[Wire]:
        """The option values as an interaction carries them, inside their sub-command and its group."""
        for option in reversed(self.path):
            values = [{"type": option.type, "name": option.name, "options": values}]
        return values


def targets(commands: Iterable[Command]) -> list[Target]:
    """Everything that a person can call in a direct message with the bot."""
    found: list[Target] = []
    for command in commands:
        contexts, installs = command.contexts, command.integration_types
        if (contexts is None or BOT_DM in contexts) and (installs is None or USER_INSTALL in installs):
            found += [Target(command, path) for path in _paths(command.options)]
    return found


def _paths(options: Sequence[Option] | None) -> list[tuple[Option, ...]]:
    nested = [option for option in options or [] if option.type in (SUB_COMMAND, SUB_COMMAND_GROUP)]
    if not nested:
        return [()]
    return [(option, *rest) for option in nested for rest in _paths(option.options)]


def target(commands: Iterable[Command], name: str) -> Target:
    """The command of that full name, as in "trainer train". Raises Refused if there is no such command."""
    callable_now = targets(commands)
    for candidate in callable_now:
        if candidate.name == name.removeprefix("/"):
            return candidate
    known = ", ".join(f"/{candidate.name}" for candidate in callable_now) or "none yet"
    raise Refused(f"/{name.removeprefix('/')} is not a command here. Commands: {known}.")


def bind(options: Sequence[Option], values: Mapping[str, Value]) -> list[Wire]:
    """The values in wire form, in the order of the command's options. Raises Refused as Discord's client would."""
    by_name = {option.name: option for option in options}
    for name in values:
        if name not in by_name:
            raise Refused(f"{name}: the command has no such option. Its options: {', '.join(by_name) or 'none'}.")
    bound: list[Wire] = []
    for option in options:
        if option.name in values:
            value = _checked(option, values[option.name])
            bound.append({"type": option.type, "name": option.name, "value": value})
        elif option.required:
            raise Refused(f"{option.name}: This option is required. Specify a value.")
    return bound


def _checked(option: Option, value: Value) -> Value:
    value = _typed(option, value)
    if option.choices and value not in [choice.value for choice in option.choices]:
        names = ", ".join(choice.name for choice in option.choices)
        raise Refused(f"{option.name}: Select a valid choice: {names}.")
    if isinstance(value, str) and option.type == STRING:
        low, high = option.min_length or 0, option.max_length or _MAX_STRING
        if not low <= len(value) <= high:
            raise Refused(f"{option.name}: Enter between {low} and {high} characters.")
    if isinstance(value, int | float) and not isinstance(value, bool):
        low_value = option.min_value if option.min_value is not None else -_MAX_INTEGER
        high_value = option.max_value if option.max_value is not None else _MAX_INTEGER
        if not low_value <= value <= high_value:
            raise Refused(f"{option.name}: Enter a number between {low_value:g} and {high_value:g}.")
    return value


def _typed(option: Option, value: Value) -> Value:
    """The value in the option's type; text is read as a person would have typed it."""
    text = str(value).strip()
    if option.type == INTEGER:
        if re.fullmatch(r"[+-]?\d+", text):
            return int(text)
        raise Refused(f"{option.name}: Input a valid integer.")
    if option.type == NUMBER:
        if re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", text, re.IGNORECASE):
            return float(text)
        raise Refused(f"{option.name}: Input a valid number.")
    if option.type == BOOLEAN:
        if text.lower() in ("true", "false"):
            return text.lower() == "true"
        raise Refused(f"{option.name}: Select True or False.")
    return str(value)
