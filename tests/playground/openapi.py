"""Checks recorded traffic against Discord's own description of its HTTP API."""

import copy
import json
import re
import warnings
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from playground.traffic import Exchange

DESCRIPTION = Path(__file__).parents[2].parent / "shared" / "reference" / "discord-openapi.json"
_REQUESTS, _ANSWERS = "discord:requests", "discord:answers"
_METHODS = ("get", "post", "put", "patch", "delete")


class OpenApi:
    """The description at `path`, ready to judge requests and answers."""

    def __init__(self, path: Path) -> None:
        self._document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        schemas = self._document["components"]["schemas"]
        # The description says that the inner errors of 50035 carry numbers; Discord's documentation and Discord itself
        # give names there ("BASE_TYPE_REQUIRED").
        inner = {"code": {"type": ["integer", "string"]}, "message": {"type": "string"}}
        errors = {"type": "array", "items": {"type": "object", "properties": inner, "required": ["code", "message"]}}
        schemas["InnerErrors"]["properties"]["_errors"] = errors
        lenient = copy.deepcopy(self._document)
        # discord.py sends some ids as numbers, and Discord takes them
        lenient["components"]["schemas"]["SnowflakeType"] = {"type": ["string", "integer"], "minimum": 0}
        self._registry: Registry[Any] = Registry().with_resources(
            (uri, DRAFT202012.create_resource(document))
            for uri, document in ((_REQUESTS, lenient), (_ANSWERS, self._document))
        )
        self._patterns = [(_pattern(template), template) for template in self._document["paths"]]
        self._validators: dict[str, Draft202012Validator] = {}

    def operation(self, method: str, path: str) -> tuple[str, dict[str, Any]] | None:
        """(pointer, operation) of the described route that is `path`; of several the one with the fewest parameters."""
        fits = [template for pattern, template in self._patterns if pattern.fullmatch(path)]
        for template in sorted(fits, key=lambda template: template.count("{")):
            operation = self._document["paths"][template].get(method.lower())
            if operation is not None:
                return f"/paths/{_escaped(template)}/{method.lower()}", operation
        return None

    def problems(self, exchange: Exchange, *, requests: bool = True) -> Iterator[str]:
        """What is wrong with the exchange, a sentence each; the request's part only if `requests`."""
        what = f"{exchange.method} {exchange.path}"
        found = self.operation(exchange.method, exchange.path)
        if found is None:
            yield f"{what}: Discord has no such route"
            return
        pointer, operation = found
        if requests:
            for problem in (*self._request(pointer, operation, exchange.payload), *_budgets(exchange.payload)):
                yield f"{what}: request {problem}"
        if exchange.status is not None and exchange.status < 500:
            for problem in self._answer(pointer, operation, exchange):
                yield f"{what}: answer {exchange.status} {problem}"

    def _request(self, pointer: str, operation: dict[str, Any], payload: Any) -> Iterator[str]:
        content = operation.get("requestBody", {}).get("content", {})
        if "application/json" in content:
            yield from self._errors(f"{_REQUESTS}#{pointer}/requestBody/content/application~1json/schema", payload)
        elif payload is not None:
            yield "has a body where none belongs"

    def _answer(self, pointer: str, operation: dict[str, Any], exchange: Exchange) -> Iterator[str]:
        responses = operation["responses"]
        key = next((key for key in (str(exchange.status), f"{exchange.status}"[0] + "XX") if key in responses), None)
        if key is None:
            yield "has a status that is not described"
            return
        response_pointer = f"{pointer}/responses/{key}"
        if "$ref" in responses[key]:
            response_pointer = responses[key]["$ref"].removeprefix("#")
            response = self._document["components"]["responses"][response_pointer.rsplit("/", 1)[-1]]
        else:
            response = responses[key]
        if "content" in response:
            yield from self._errors(f"{_ANSWERS}#{response_pointer}/content/application~1json/schema", exchange.answer)
        elif exchange.answer is not None:
            yield "has a body where none belongs"

    def _errors(self, schema: str, value: Any) -> Iterator[str]:
        if schema not in self._validators:
            self._validators[schema] = Draft202012Validator({"$ref": schema}, registry=self._registry)
        for error in self._validators[schema].iter_errors(value):
            yield f"at {error.json_path}: {error.message[:300]}"


def _budgets(payload: Any) -> Iterator[str]:
    """The limits that the description does not hold."""
    message = payload.get("data") or payload if isinstance(payload, dict) else {}
    if len(message.get("content") or "") > 2000:
        yield "has more than 2000 characters of content"
    if sum(_embed_length(embed) for embed in message.get("embeds") or []) > 6000:
        yield "has more than 6000 characters of embeds"


def _embed_length(embed: dict[str, Any]) -> int:
    texts = [embed.get("title"), embed.get("description")]
    texts += [(embed.get("footer") or {}).get("text"), (embed.get("author") or {}).get("name")]
    texts += [field[key] for field in embed.get("fields") or [] for key in ("name", "value")]
    return sum(len(text) for text in texts if text)


def _pattern(template: str) -> re.Pattern[str]:
    parts = re.split(r"(\{\w+\})", template)
    return re.compile("".join("[^/]+" if part.startswith("{") else re.escape(part) for part in parts))


def _escaped(template: str) -> str:
    return template.replace("~", "~0").replace("/", "~1")


@cache
def _description() -> OpenApi | None:
    return OpenApi(DESCRIPTION) if DESCRIPTION.exists() else None


def validate_traffic(traffic: Iterable[Exchange], *, requests: bool = True) -> list[str]:
    """Every way in which the traffic departs from Discord's description; empty (with a warning) where that is absent.

    `requests=False` is for tests that send bad requests on purpose.
    """
    description = _description()
    if description is None:
        warnings.warn("Discord's description is not here: the traffic was not validated", stacklevel=2)
        return []
    return [problem for exchange in traffic for problem in description.problems(exchange, requests=requests)]
