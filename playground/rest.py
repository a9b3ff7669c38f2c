"""The REST API's pipeline: read a request, meet its fault, check token and limits, call its route, record it."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from aiohttp import BodyPartReader, web

from playground.cdn import Upload
from playground.clock import Clock
from playground.errors import ENTITY_TOO_LARGE, INVALID_JSON, METHOD_NOT_ALLOWED, NOT_FOUND, UNAUTHORIZED, ApiError
from playground.faults import Fault, Faults
from playground.interactions import FILE_LIMIT
from playground.ratelimit import GLOBAL, RateLimitedError, RateLimits
from playground.route import Answer, Call, Route
from playground.routes import Routes
from playground.traffic import Exchange, Traffic

BASE = "/api/v10"
REQUEST_LIMIT = 25 * 1024 * 1024
_FILES = "files["


@dataclass(slots=True)
class Body:
    """A request's body as read. `refusal` is set if it could not be taken."""

    payload: Any = None  # any JSON value
    uploads: dict[int, Upload] = field(default_factory=dict)
    refusal: ApiError | None = None


class Rest:
    """Serves `Routes` over HTTP."""

    def __init__(
        self, routes: Routes, limits: RateLimits, clock: Clock, token: str, faults: Faults, traffic: Traffic
    ) -> None:
        self._routes = routes
        self._limits = limits
        self._clock = clock
        self._token = token
        self._faults = faults
        self._traffic = traffic

    def mount(self, app: web.Application) -> None:
        app.router.add_route("*", BASE + "{path:/.*}", self._serve)

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        path = request.match_info["path"]
        arrived = self._clock.now()
        body = await _read(request)
        route, params = self._routes.find(request.method, path)
        template = None if route is None else route.template
        fault = self._faults.take(request.method, path, template)
        if fault is not None and fault.hold is not None:
            fault.hold.reached.set()
            await fault.hold.released.wait()
            fault = None
        if fault is not None and fault.when == "before" and (fault.abort or fault.status is not None):
            answer = Answer(200, None)
        else:
            authorization = request.headers.get("Authorization", "")
            call = Call(params, dict(request.query), body.payload, body.uploads)
            answer = await self._answer(request.method, path, route, call, body.refusal, authorization)
        if fault is not None:
            answer = _spoilt(answer, fault)
        aborted = fault is not None and fault.abort
        self._traffic.record(
            Exchange(
                arrived,
                request.method,
                path,
                template,
                dict(request.query),
                body.payload,
                [(upload.filename, len(upload.content)) for upload in body.uploads.values()],
                None if aborted else answer.status,
                None if aborted else answer.body,
                answer.headers,
            )
        )
        if aborted:
            if request.transport is not None:
                request.transport.abort()
            return web.Response()
        return await _send(request, answer, 0.0 if fault is None else fault.slow)

    async def _answer(
        self, method: str, path: str, route: Route | None, call: Call, refusal: ApiError | None, authorization: str
    ) -> Answer:
        if route is None:
            return _error(ApiError(METHOD_NOT_ALLOWED if self._routes.knows(path) else NOT_FOUND))
        if not route.by_token_in_path:
            if authorization != f"Bot {self._token}":
                return _error(ApiError(UNAUTHORIZED))
            everything = self._limits.take(GLOBAL, "", self._clock.now())
            if not everything.allowed:
                return _limited(RateLimitedError(everything, "global"))
        standing = self._limits.take(route.limit, _major(call.params), self._clock.now())
        if not standing.allowed:
            answer = _limited(RateLimitedError(standing))
        elif refusal is not None:
            answer = _error(refusal)
        else:
            answer = _handled(route, call)
        return replace(answer, headers={**standing.headers(self._faults.bucket_salt), **answer.headers})


def _handled(route: Route, call: Call) -> Answer:
    try:
        return route.handler(call)
    except RateLimitedError as limited:
        return _limited(limited)
    except ApiError as error:
        return _error(error)


def _error(error: ApiError) -> Answer:
    return Answer(error.kind.status, error.body())


def _limited(limited: RateLimitedError) -> Answer:
    return Answer(429, limited.body(), limited.headers())


def _major(params: Mapping[str, str]) -> str:
    """What a route's limit is counted by: the channel, or the webhook and its token."""
    return ":".join(params.get(name, "") for name in ("channel_id", "webhook_id", "webhook_token", "interaction_token"))


def _spoilt(answer: Answer, fault: Fault) -> Answer:
    status, body = (answer.status, answer.body) if fault.status is None else (fault.status, fault.body)
    return Answer(status, body, {**answer.headers, **fault.headers})


async def _read(request: web.Request) -> Body:
    if request.content_type == "multipart/form-data":
        return await _read_multipart(request)
    try:
        raw = await _read_limited(request)
        return Body(json.loads(raw) if raw else None)
    except ApiError as refusal:
        return Body(refusal=refusal)
    except ValueError:
        return Body(refusal=ApiError(INVALID_JSON))


async def _read_limited(request: web.Request) -> bytes:
    """The body. Raises ApiError 40005 if it is too large, but reads on to its end so that the answer can be read."""
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.content.iter_any():
        size += len(chunk)
        if size <= REQUEST_LIMIT:
            chunks.append(chunk)
    if size > REQUEST_LIMIT:
        raise ApiError(ENTITY_TOO_LARGE)
    return b"".join(chunks)


async def _read_multipart(request: web.Request) -> Body:
    body = Body()
    total = 0
    reader = await request.multipart()
    while (part := await reader.next()) is not None:
        if not isinstance(part, BodyPartReader):
            # a multipart inside the multipart: no client of Discord's sends one
            continue
        chunks: list[bytes] = []
        size = 0
        while chunk := await part.read_chunk():
            size += len(chunk)
            total += len(chunk)
            if total <= REQUEST_LIMIT:
                chunks.append(chunk)
        if size > FILE_LIMIT or total > REQUEST_LIMIT:
            body.refusal = ApiError(ENTITY_TOO_LARGE)
        _take_part(body, part, b"".join(chunks))
    return body


def _take_part(body: Body, part: BodyPartReader, content: bytes) -> None:
    name = part.name or ""
    if name == "payload_json":
        try:
            body.payload = json.loads(content)
        except ValueError:
            body.refusal = body.refusal or ApiError(INVALID_JSON)
    elif name.startswith(_FILES) and name[len(_FILES) : -1].isdecimal():
        content_type = part.headers.get("Content-Type")
        generic = content_type is None or content_type == "application/octet-stream"
        upload = Upload(part.filename or "unknown", content, None if generic else content_type)
        body.uploads[int(name[len(_FILES) : -1])] = upload


async def _send(request: web.Request, answer: Answer, slow: float) -> web.StreamResponse:
    # exactly this content type: with a charset beside it discord.py takes the body for text
    headers = {**answer.headers, **({} if answer.body is None else {"Content-Type": "application/json"})}
    content = b"" if answer.body is None else json.dumps(answer.body).encode()
    if not slow:
        return web.Response(status=answer.status, headers=headers, body=content)
    await asyncio.sleep(slow)
    response = web.StreamResponse(status=answer.status, headers={**headers, "Content-Length": str(len(content))})
    await response.prepare(request)
    await response.write(content[: len(content) // 2])
    await asyncio.sleep(slow)
    await response.write(content[len(content) // 2 :])
    return response
