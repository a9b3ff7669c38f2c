"""Filling in a modal: which values its fields take, and the form in which they are submitted."""

from collections.abc import Collection, Mapping, Sequence
from typing import TypeAlias

from playground.cdn import Attachment
from playground.commands import Refused, Value
from playground.components import (
    Checkbox,
    CheckboxGroup,
    FileUpload,
    Label,
    ModalField,
    ModalForm,
    RadioGroup,
    StringSelect,
    TextInput,
    TextInputRow,
)
from playground.wire import Wire

Item: TypeAlias = str | Attachment
Given: TypeAlias = Value | Sequence[Item]


def check_choices(name: str, values: Collection[str], offered: Collection[str]) -> None:
    """Raises Refused if a value is not offered."""
    for value in values:
        if value not in offered:
            raise Refused(f"{name}: {value} is not offered. Choose from: {', '.join(offered)}.")


def check_count(name: str, count: int, low: int, high: int) -> None:
    """Raises Refused unless `low` to `high` were chosen."""
    if not low <= count <= high:
        raise Refused(f"{name}: choose between {low} and {high}.")


def submission(form: ModalForm, given: Mapping[str, Given]) -> Wire:
    """The submitted form as an interaction carries it. Raises Refused for unknown, missing or unfit values."""
    fields = form.fields()
    unknown = set(given) - {name for label, item in fields for name in (label, item.custom_id)}
    if unknown:
        raise Refused(f"{', '.join(sorted(unknown))}: the form has no such field.")
    components: list[Wire] = []
    for number, row in enumerate(form.components, start=1):
        if isinstance(row, Label):
            component = _submitted(row.label, row.component, given)
            components.append({"type": 18, "id": number, "component": component})
        elif isinstance(row, TextInputRow):
            item = row.components[0]
            components.append({"type": 1, "id": number, "components": [_submitted(item.label or "", item, given)]})
    data: Wire = {"custom_id": form.custom_id, "components": components}
    files = [item for value in given.values() if isinstance(value, list) for item in value if not isinstance(item, str)]
    if files:
        data["resolved"] = {"attachments": {str(file.id): file.to_dict() for file in files}}
    return data


def _submitted(label: str, field: ModalField, given: Mapping[str, Given]) -> Wire:
    value = given.get(field.custom_id, given.get(label))
    name = label or field.custom_id
    wire: Wire = {"type": field.type, "custom_id": field.custom_id}
    match field:
        case TextInput():
            return wire | {"value": _text(name, field, value)}
        case Checkbox():
            return wire | {"value": field.default if value is None else bool(value)}
        case RadioGroup():
            chosen = _chosen(name, field, value)
            check_choices(name, chosen, [option.value for option in field.options])
            check_count(name, len(chosen), int(field.required), 1)
            return wire | {"value": chosen[0] if chosen else None}
        case FileUpload():
            files = [] if isinstance(value, str | int | float) or value is None else value
            if field.required or files:
                check_count(name, len(files), field.min_values, field.max_values)
            return wire | {"values": [str(file.id) for file in files if not isinstance(file, str)]}
        case StringSelect() | CheckboxGroup():
            chosen = _chosen(name, field, value)
            check_choices(name, chosen, [option.value for option in field.options])
            if field.required or chosen:
                check_count(name, len(chosen), field.min_values, field.max_values)
            return wire | {"values": chosen}


def _text(name: str, field: TextInput, value: Given | None) -> str:
    text = (field.value or "") if value is None else str(value)
    if field.required and not text:
        raise Refused(f"{name}: This field is required.")
    if text and not field.min_length <= len(text) <= field.max_length:
        raise Refused(f"{name}: Enter between {field.min_length} and {field.max_length} characters.")
    return text


def _chosen(name: str, field: RadioGroup | StringSelect | CheckboxGroup, value: Given | None) -> list[str]:
    if value is None:
        # not touched: what is chosen from the start stays
        return [option.value for option in field.options if option.default]
    if isinstance(value, str | int | float):
        return [str(value)]
    if not all(isinstance(item, str) for item in value):
        raise Refused(f"{name}: this field does not take files.")
    return [str(item) for item in value]
