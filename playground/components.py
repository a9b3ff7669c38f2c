"""Buttons, selects and modals: their form, and finding them again in a message."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from playground.forms import Part
from playground.links import ButtonUrl
from playground.wire import Wire

LINK_STYLE = 5
CustomId = Annotated[str, Field(min_length=1, max_length=100)]


class Emoji(Part):
    id: str | None = None
    name: str | None = None
    animated: bool | None = None


class Button(Part):
    type: Literal[2]
    style: Literal[1, 2, 3, 4, 5]
    label: str | None = Field(None, max_length=80)
    emoji: Emoji | None = None
    custom_id: CustomId | None = None
    url: ButtonUrl | None = None
    disabled: bool = False

    @model_validator(mode="after")
    def _leads_somewhere(self) -> Self:
        if self.style == LINK_STYLE and (self.url is None or self.custom_id is not None):
            raise PydanticCustomError("BUTTON_COMPONENT_INVALID_URL", "A link button has a url and no custom_id")
        if self.style != LINK_STYLE and (self.custom_id is None or self.url is not None):
            raise PydanticCustomError("BUTTON_COMPONENT_CUSTOM_ID_REQUIRED", "A custom id is required, and no url")
        if not self.label and self.emoji is None:
            raise PydanticCustomError("BUTTON_COMPONENT_LABEL_REQUIRED", "A button has a label or an emoji")
        return self


class SelectOption(Part):
    label: str = Field(min_length=1, max_length=100)
    value: str = Field(min_length=1, max_length=100)
    description: str | None = Field(None, max_length=100)
    emoji: Emoji | None = None
    default: bool = False


class StringSelect(Part):
    type: Literal[3]
    custom_id: CustomId
    options: list[SelectOption] = Field(min_length=1, max_length=25)
    placeholder: str | None = Field(None, max_length=150)
    min_values: int = Field(1, ge=0, le=25)
    max_values: int = Field(1, ge=1, le=25)
    disabled: bool = False
    required: bool = True


class TextInput(Part):
    type: Literal[4]
    custom_id: CustomId
    style: Literal[1, 2]
    label: str | None = Field(None, max_length=45)
    value: str | None = Field(None, max_length=4000)
    placeholder: str | None = Field(None, max_length=100)
    min_length: int = Field(0, ge=0, le=4000)
    max_length: int = Field(4000, ge=1, le=4000)
    required: bool = True


class FileUpload(Part):
    type: Literal[19]
    custom_id: CustomId
    min_values: int = Field(1, ge=0, le=10)
    max_values: int = Field(1, ge=1, le=10)
    required: bool = True


class RadioGroup(Part):
    type: Literal[21]
    custom_id: CustomId
    options: list[SelectOption] = Field(min_length=2, max_length=10)
    required: bool = True


class CheckboxGroup(Part):
    type: Literal[22]
    custom_id: CustomId
    options: list[SelectOption] = Field(min_length=1, max_length=10)
    min_values: int = Field(1, ge=0, le=10)
    max_values: int = Field(1, ge=1, le=10)
    required: bool = True


class Checkbox(Part):
    type: Literal[23]
    custom_id: CustomId
    default: bool = False


ModalField = Annotated[
    TextInput | StringSelect | FileUpload | RadioGroup | CheckboxGroup | Checkbox, Field(discriminator="type")
]


class ActionRow(Part):
    """A row of a message: up to five buttons, or one select."""

    type: Literal[1]
    components: list[Annotated[Button | StringSelect, Field(discriminator="type")]] = Field(min_length=1, max_length=5)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if len(self.components) > 1 and any(isinstance(item, StringSelect) for item in self.components):
            raise PydanticCustomError(
                "COMPONENT_LAYOUT_WIDTH_EXCEEDED", "The specified component exceeds the maximum width"
            )
        return self


def distinct_ids(rows: list[ActionRow] | None) -> list[ActionRow] | None:
    """The rows, unless two components share a custom id."""
    ids = Counter(item.custom_id for row in rows or [] for item in row.components if item.custom_id)
    if any(count > 1 for count in ids.values()):
        raise PydanticCustomError("COMPONENT_CUSTOM_ID_DUPLICATED", "Component custom id cannot be duplicated")
    return rows


class Label(Part):
    type: Literal[18]
    label: str = Field(min_length=1, max_length=45)
    description: str | None = Field(None, max_length=100)
    component: ModalField


class TextInputRow(Part):
    """The older form of a modal's text input, which carries its own label."""

    type: Literal[1]
    components: list[TextInput] = Field(min_length=1, max_length=1)


class TextDisplay(Part):
    type: Literal[10]
    content: str = Field(min_length=1, max_length=4000)


class ModalForm(Part):
    """A form that a person is asked to fill in."""

    custom_id: CustomId
    title: str = Field(min_length=1, max_length=45)
    components: list[Annotated[Label | TextInputRow | TextDisplay, Field(discriminator="type")]] = Field(
        min_length=1, max_length=5
    )

    @field_validator("components")
    @classmethod
    def _distinct(cls, rows: list[Label | TextInputRow | TextDisplay]) -> list[Label | TextInputRow | TextDisplay]:
        ids = Counter(item.custom_id for _, item in _labelled(rows))
        if any(count > 1 for count in ids.values()):
            raise PydanticCustomError("COMPONENT_CUSTOM_ID_DUPLICATED", "Component custom id cannot be duplicated")
        return rows

    def fields(self) -> list[tuple[str, ModalField]]:
        """What can be filled in, in order, each with the label that a person reads."""
        return list(_labelled(self.components))


def _labelled(rows: Sequence[Label | TextInputRow | TextDisplay]) -> Iterator[tuple[str, ModalField]]:
    for row in rows:
        match row:
            case Label(label=label, component=component):
                yield label, component
            case TextInputRow(components=[component]):
                yield component.label or "", component


def numbered(rows: Sequence[ActionRow]) -> list[Wire]:
    """The rows in wire form, each component with the id that Discord gives it within its message."""
    next_id = 1
    wires: list[Wire] = []
    for row in rows:
        wire = row.to_dict()
        for component in (wire, *wire["components"]):
            component["id"] = next_id
            next_id += 1
        wires.append(wire)
    return wires


def find(rows: Sequence[Wire], label_or_custom_id: str) -> Wire | None:
    """The component of that custom id or, failing that, of that label (or placeholder), in wire form."""
    items = [item for row in rows for item in row["components"]]
    for key in ("custom_id", "label", "placeholder"):
        for item in items:
            if item.get(key) == label_or_custom_id:
                return dict(item)
    return None
