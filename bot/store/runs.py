"""Runs and their watchers, as rows."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import asdict

from bot.runs.model import Question, Request, Run, RunError, RunState, Stall
from bot.store.db import Row, Transaction
from trainer_core.errors import Code
from trainer_core.events import Summary
from trainer_core.spec import parse_spec


def _run(row: Row) -> Run:
    error = json.loads(row["error"]) if row["error"] else None
    stall = json.loads(row["stall"]) if row["stall"] else None
    question = json.loads(row["question"]) if row["question"] else None
    return Run(
        name=row["name"],
        owner_id=row["owner_id"],
        state=RunState(row["state"]),
        attempt=row["attempt"],
        spec=parse_spec(row["spec"]),
        created_at=row["created_at"],
        queued_at=row["queued_at"],
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        priority=row["priority"],
        error=RunError(**{**error, "code": Code(error["code"])}) if error else None,
        summary=Summary.model_validate_json(row["summary"]) if row["summary"] else None,
        stall=Stall(**stall) if stall else None,
        question=Question(**question) if question else None,
        requests=tuple(Request(**request) for request in json.loads(row["requests"])),
        asked=row["asked"],
    )


async def insert(tx: Transaction, run: Run, request_key: str | None) -> None:
    await tx.execute(
        "INSERT INTO runs (name, owner_id, request_key, state, attempt, priority, spec, created_at, queued_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            run.name,
            run.owner_id,
            request_key,
            run.state,
            run.attempt,
            run.priority,
            run.spec.model_dump_json(),
            run.created_at,
            run.queued_at,
        ),
    )


async def find(tx: Transaction, name: str) -> Run | None:
    row = await tx.one("SELECT * FROM runs WHERE name = ?", (name,))
    return _run(row) if row else None


async def find_by_request(tx: Transaction, request_key: str) -> Run | None:
    row = await tx.one("SELECT * FROM runs WHERE request_key = ?", (request_key,))
    return _run(row) if row else None


async def in_states(tx: Transaction, states: Collection[RunState]) -> list[Run]:
    marks = ", ".join("?" * len(states))
    rows = await tx.all(f"SELECT * FROM runs WHERE state IN ({marks}) ORDER BY queued_at", [*states])  # noqa: S608 only question marks
    return [_run(row) for row in rows]


async def owned_by(tx: Transaction, owner_id: int, limit: int) -> list[Run]:
    """The person's runs, newest first."""
    rows = await tx.all("SELECT * FROM runs WHERE owner_id = ? ORDER BY created_at DESC LIMIT ?", (owner_id, limit))
    return [_run(row) for row in rows]


async def update(tx: Transaction, before: Run, after: Run, at: float) -> None:
    """Store what changed between `before` and `after`, and note the transition, if it is one."""
    await tx.execute(
        "UPDATE runs SET state = ?, attempt = ?, error = ?, summary = ?, queued_at = ?, started_at = ?, ended_at = ?,"
        " stall = ?, question = ?, requests = ?, asked = ? WHERE name = ?",
        (
            after.state,
            after.attempt,
            _json(after.error),
            after.summary.model_dump_json() if after.summary else None,
            after.queued_at,
            after.started_at,
            after.ended_at,
            _json(after.stall),
            _json(after.question),
            json.dumps([asdict(request) for request in after.requests]),
            after.asked,
            after.name,
        ),
    )
    if before.state is after.state:
        return
    await tx.execute(
        "INSERT INTO transitions (run, attempt, from_state, to_state, at) VALUES (?, ?, ?, ?, ?)",
        (after.name, after.attempt, before.state, after.state, at),
    )


def _json(part: RunError | Stall | Question | None) -> str | None:
    return json.dumps(asdict(part)) if part else None


async def all_names(tx: Transaction) -> set[str]:
    return {row["name"] for row in await tx.all("SELECT name FROM runs")}


async def names_of(tx: Transaction, owner_id: int) -> set[str]:
    """Names of the person's runs."""
    return {row["name"] for row in await tx.all("SELECT name FROM runs WHERE owner_id = ?", (owner_id,))}


async def watches(tx: Transaction, run: str) -> dict[int, float]:
    """Who watches the run, and since when."""
    rows = await tx.all("SELECT user_id, since FROM watches WHERE run = ? ORDER BY user_id", (run,))
    return {row["user_id"]: row["since"] for row in rows}


async def add_watcher(tx: Transaction, run: str, user_id: int, at: float) -> bool:
    """Returns False if the person watched already."""
    changed = await tx.execute(
        "INSERT INTO watches (run, user_id, since) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", (run, user_id, at)
    )
    return changed > 0


async def remove_watcher(tx: Transaction, run: str, user_id: int) -> bool:
    """Returns False if the person did not watch."""
    return await tx.execute("DELETE FROM watches WHERE run = ? AND user_id = ?", (run, user_id)) > 0
