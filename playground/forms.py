"""Reading of requests: pydantic models in, Discord's error tree out."""

from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic_core import ErrorDetails

from playground.errors import Problem, invalid_form
from playground.wire import Wire


class WireModel(BaseModel):
    """A request from a client. Fields that the playground does not know are ignored, as Discord does."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    def to_dict(self) -> Wire:
        """The JSON form; what is null or was left out is left out."""
        return self.model_dump(mode="json", exclude_none=True)


class Part(WireModel):
    """A part of a request in which null says no more than leaving the field out."""

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, data: object) -> object:
        return {key: value for key, value in data.items() if value is not None} if isinstance(data, dict) else data


Model = TypeVar("Model", bound=WireModel)


def parse(model: type[Model], payload: object, at: tuple[str | int, ...] = ()) -> Model:
    """`payload`, which lies at `at` in the request, as a `model`. Raises ApiError 50035 that names every bad field."""
    try:
        return model.model_validate(payload)
    except ValidationError as failure:
        details = failure.errors(include_url=False)
        raise invalid_form(
            Problem((*at, *_path(detail["loc"], payload), *_field(detail)), *_in_discords_words(detail))
            for detail in details
        ) from None


def _path(location: tuple[str | int, ...], payload: object) -> list[str | int]:
    """pydantic's location without the union tags that it puts between the field names."""
    path: list[str | int] = []
    for place, part in enumerate(location, start=1):
        match payload:
            case dict() if part in payload:
                payload = payload[part]
            case list() if isinstance(part, int):
                payload = payload[part]
            case dict() if isinstance(part, str) and place == len(location):
                pass
            case _:
                continue
        path.append(part)
    return path


def _field(detail: ErrorDetails) -> list[str]:
    """The field that a check of a whole part blames, where it names one."""
    return [detail["ctx"]["field"]] if "field" in detail.get("ctx", {}) else []


def _in_discords_words(detail: ErrorDetails) -> tuple[str, str]:
    limits = detail.get("ctx", {})
    match detail["type"]:
        case "missing":
            return "BASE_TYPE_REQUIRED", "This field is required"
        case "string_too_long" | "too_long":
            return "BASE_TYPE_MAX_LENGTH", f"Must be {limits['max_length']} or fewer in length."
        case "string_too_short" | "too_short":
            return "BASE_TYPE_MIN_LENGTH", f"Must be {limits['min_length']} or more in length."
        case "less_than_equal":
            return "NUMBER_TYPE_MAX", f"Value should be less than or equal to {limits['le']}."
        case "greater_than_equal":
            return "NUMBER_TYPE_MIN", f"Value should be greater than or equal to {limits['ge']}."
        case "literal_error" | "union_tag_invalid":
            expected = limits.get("expected", limits.get("expected_tags"))
            return "BASE_TYPE_CHOICES", f"Value must be one of ({expected})."
        case code if code.isupper():
            return code, detail["msg"]
        case _:
            return "BASE_TYPE_INVALID", f"Could not interpret the value: {detail['msg']}."
