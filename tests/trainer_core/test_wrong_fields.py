"""Every field of the spec, taken from its JSON schema, given what it cannot be."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer_core.errors import Code, SpotterError
from trainer_core.spec import RunSpec, parse_spec

Schema = Mapping[str, Any]  # Any: as JSON is
SCHEMA: Schema = RunSpec.model_json_schema()


@dataclass(frozen=True)
class Place:
    """A field of the spec, or of one family of models."""

    path: tuple[str, ...]
    schema: Schema
    family: str | None = None

    @property
    def name(self) -> str:
        return ".".join(self.path)


def resolved(schema: Schema) -> Schema:
    return SCHEMA["$defs"][schema["$ref"].removeprefix("#/$defs/")] if "$ref" in schema else schema


def places(schema: Schema, path: tuple[str, ...] = (), family: str | None = None) -> Iterator[Place]:
    for name, field in schema["properties"].items():
        for one in [resolved(one) for one in (field, *field.get("anyOf", ()))]:
            if "discriminator" in one:
                for tag, reference in one["discriminator"]["mapping"].items():
                    yield from places(resolved({"$ref": reference}), (*path, name), tag)
            elif "properties" in one and name != "budget":  # a budget is written as text
                yield from places(one, (*path, name), family)
        if field.get("const") is None:
            yield Place((*path, name), field, family)


PLACES = list(places(SCHEMA))


def wrong_values(schema: Schema) -> st.SearchStrategy[object]:
    """What no field of this schema takes."""
    kinds = [resolved(one) for one in schema.get("anyOf", (schema,))]
    wrong: list[st.SearchStrategy[object]] = [st.just([1])]
    if not any(kind.get("type") == "null" for kind in kinds):
        wrong.append(st.none())
    for kind in kinds:
        if "enum" in kind:
            wrong.append(st.text("?!", min_size=1, max_size=8))
        elif kind.get("type") in ("integer", "number"):
            whole = kind["type"] == "integer"
            wrong += [st.just("many"), st.just(math.nan), st.just(math.inf), st.just({})]
            wrong += [st.just(0.5)] * whole
            if "minimum" in kind:
                wrong.append(st.integers(max_value=math.ceil(kind["minimum"]) - 1))
            if "exclusiveMinimum" in kind:
                wrong.append(st.integers(max_value=math.floor(kind["exclusiveMinimum"])))
            if "maximum" in kind:
                wrong.append(st.integers(min_value=math.floor(kind["maximum"]) + 1))
            if "exclusiveMaximum" in kind:
                wrong.append(st.integers(min_value=math.ceil(kind["exclusiveMaximum"])))
        elif kind.get("type") == "string":
            wrong.append(st.integers())
            if "maxLength" in kind:
                wrong.append(st.just("x" * (kind["maxLength"] + 1)))
            if "pattern" in kind:
                wrong.append(st.text("/ .:\n", min_size=1, max_size=5))
        elif kind.get("type") == "object":
            wrong += [st.integers(), st.text(max_size=3)]
    return st.one_of(wrong)


def spec_with(place: Place, value: object) -> dict[str, object]:
    """A spec that is right but for `value` in that place."""
    raw: dict[str, Any] = {"data": {"dataset": "gym"}, "budget": "5 steps"}  # Any: a tree
    if place.family:
        raw["model"] = {"family": place.family, "source": "org/model", "file": "nets/a.py"}
        wanted = {"pretrained": {"family", "source"}, "module": {"family", "file"}}.get(place.family, {"family"})
        raw["model"] = {name: text for name, text in raw["model"].items() if name in wanted}
    *parents, last = place.path
    section = raw
    for name in parents:
        section = section.setdefault(name, {})
    section[last] = value
    return raw


def refused(raw: Mapping[str, object]) -> SpotterError:
    with pytest.raises(SpotterError) as caught:
        parse_spec(raw)
    size = caught.value.field == "model.size"
    assert caught.value.code is (Code.INVALID_MODEL_SIZE if size else Code.CONFIG_INVALID)
    assert caught.value.next_step
    return caught.value


JARGON = (
    "Input",
    "input should",
    "valid",
    "unable",
    "pydantic",
    "instance",
    "ctx",
    "regex",
    "pattern",
    "tag",
    "NoneType",
)


@settings(max_examples=200)
@given(st.data())
def test_what_a_field_cannot_be_is_refused_by_its_name_in_plain_words(data: st.DataObject) -> None:
    place = data.draw(st.sampled_from(PLACES), label="place")
    value = data.draw(wrong_values(place.schema), label="value")
    error = refused(spec_with(place, value))
    fields = [problem.field for problem in error.problems]
    assert error.field == (fields[0] if len(fields) == 1 else None)
    assert all(field == place.name or field.startswith(f"{place.name}.") for field in fields), fields
    assert len(fields) == len(set(fields))
    for problem in error.problems:
        assert problem.problem and problem.problem[0] == problem.problem[0].lower()
        assert not any(word in problem.problem for word in JARGON), problem


def test_every_section_and_family_has_its_fields_among_them() -> None:
    names = {(place.family, place.name) for place in PLACES}
    assert {(None, "data.dataset"), (None, "optimizer.average"), (None, "checkpoint.gigabytes")} <= names
    assert {("llama", "model.dropout"), ("pretrained", "model.lora.rank"), ("module", "model.wiring")} <= names


@pytest.mark.parametrize("place", [place for place in PLACES if "." in place.name][::7], ids=lambda place: place.name)
def test_what_there_is_not_is_said_to_be_no_setting(place: Place) -> None:
    beside = Place((*place.path[:-1], "colour"), {}, place.family)
    assert "there is no such setting" in refused(spec_with(beside, "red")).message


@pytest.mark.parametrize(
    ("raw", "field", "said"),
    [
        ({"model": {"family": "gpt5"}}, "model.family", "gpt2, llama, qwen, char-lstm"),
        ({"model": {"family": None}}, "model.family", "no such family"),
        ({"model": {"size": "depth=65"}}, "model.size", "up to 64"),
        ({"model": {"family": "image-cnn", "side": 7}}, "model.side", "at least 8"),
        ({"model": {"family": "pretrained"}}, "model.source", "is missing"),
        ({"model": {"family": "pretrained", "source": "folder:../etc"}}, "model.source", "approved folder"),
        ({"model": {"family": "pretrained", "source": "folder:/etc"}}, "model.source", "approved folder"),
        ({"model": {"family": "pretrained", "source": "run:../x"}}, "model.source", "run:name"),
        ({"model": {"family": "pretrained", "source": "a/b/c"}}, "model.source", "org/model"),
        (
            {"model": {"family": "module", "file": "a.py", "arguments": {"x": [1]}}},
            "model.arguments.x",
            "true or false",
        ),
        ({"model": {"family": "module", "file": "a.py", "name": "a b"}}, "model.name", "class or function"),
        ({"model": 5}, "model", "group of settings"),
        ({"budget": 5}, "budget", "group of settings"),
        ({"budget": {"amount": 1e300, "unit": "steps"}}, "budget.amount", "more than Spotter trains"),
        ({"data": {"dataset": "a..b"}}, "data.dataset", "from the list"),
        ({"compute": {"precision": "int4"}}, "compute.precision", "take one of auto, fp32"),
        ({"optimizer": {"learning_rate": 0}}, "optimizer.learning_rate", "more than 0"),
        ({"batch": {"tokens_per_step": 2**27}}, "batch.tokens_per_step", "at most 67,108,864"),
    ],
)
def test_what_is_wrong_is_told_with_what_would_be_right(raw: dict[str, object], field: str, said: str) -> None:
    error = refused({"data": {"dataset": "gym"}, "budget": "5 steps", **raw})
    assert (error.field, said in error.message) == (field, True), error


@pytest.mark.parametrize("text", ["", "{", "[]", "5", "null", '"spec"'])
def test_what_is_no_spec_at_all_is_one_error(text: str) -> None:
    assert refused_text(text).field == "spec"


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(max_size=5), st.lists, max_leaves=5))
@settings(max_examples=30)
def test_any_json_gives_a_spec_or_a_named_error(value: object) -> None:
    assert refused_text(json.dumps({"data": value, "model": value})).problems


def refused_text(text: str) -> SpotterError:
    with pytest.raises(SpotterError) as caught:
        parse_spec(text)
    return caught.value
