"""What holds once everything is at rest, whatever went wrong before."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import pairwise

from bot.chat.notify.kinds import Kind
from bot.chat.notify.policy import nonce
from bot.runs.executor import Ending
from bot.runs.model import NEXT, TERMINAL, RunState
from tests.e2e.conftest import title
from tests.faults.attempts import decode_all
from tests.faults.stage import Stage, read_events, small_spec
from tests.faults.store import ask
from trainer_core.process import is_locked
from trainer_core.spec import parse_spec

_LEFTOVER = re.compile(r"\..+-[0-9a-f]{32}")
_ENDINGS = tuple(str(kind) for kind in (Kind.COMPLETED, Kind.STOPPED, Kind.FAILED))
_ENDED = {RunState.SUCCEEDED: "finished", RunState.FAILED: "failed", RunState.STOPPED: "stopped"}


def broken(stage: Stage, undisturbed: bytes) -> list[str]:
    """A sentence for each invariant that does not hold; none if all do.

    `undisturbed`: the weights of a small run that nothing happened to.
    """
    checks = (_states, _attempts, _lives, _events, _outbox, _messages, _cards, _leftovers)
    found = [sentence for check in checks for sentence in check(stage)]
    return found + list(_weights(stage, undisturbed))


def _states(stage: Stage) -> Iterator[str]:
    """One terminal state per run, reached by legal transitions only."""
    for row in ask(stage.home, "SELECT name, state FROM runs"):
        run, state = row["name"], RunState(row["state"])
        moves = [
            (RunState(move["from_state"]), RunState(move["to_state"]))
            for move in ask(stage.home, "SELECT * FROM transitions WHERE run = ? ORDER BY id", run)
        ]
        path = [RunState.QUEUED, *(to for _, to in moves)]
        if [before for before, _ in moves] != path[:-1]:
            yield f"{run}: its transitions have a gap: {moves}"
        yield from (f"{run}: went from {a} to {b}" for a, b in pairwise(path) if b not in NEXT[a])
        if sum(step in TERMINAL for step in path) != 1 or path[-1] is not state:
            yield f"{run}: is {state} after {path}"


def _attempts(stage: Stage) -> Iterator[str]:
    """At most one live attempt per run and per slot at any time, and none now."""
    attempts = ask(stage.home, "SELECT * FROM attempts ORDER BY started_at")
    for kind in ("run", "slot"):
        by_holder = defaultdict(list)
        for attempt in attempts:
            by_holder[attempt[kind]].append(attempt)
        for holder, held in by_holder.items():
            yield from (
                f"{kind} {holder}: {a['run']}-{a['number']} and {b['run']}-{b['number']} at once"
                for a, b in pairwise(held)
                if a["ended_at"] is None or a["ended_at"] > b["started_at"]
            )
    for attempt in attempts:
        if is_locked(stage.home.run(attempt["run"]).attempt(attempt["number"]).lock):
            yield f"{attempt['run']}-{attempt['number']}: something still holds its lock"


def _lives(stage: Stage) -> Iterator[str]:
    """Each worker lived within its attempt. The bot wrote when that was, but the journal and the shim's record did not.

    As attempts do not overlap, two workers that train at once, because one of them was lost too soon, are seen here.
    """
    for row in ask(stage.home, "SELECT run, number, started_at, ended_at FROM attempts WHERE ended_at IS NOT NULL"):
        attempt = stage.home.run(row["run"]).attempt(row["number"])
        record = json.loads(attempt.exit.read_bytes()) if attempt.exit.exists() else {}
        lived = [event.time for event in decode_all(attempt.events)]
        lived += [record[moment] for moment in ("started", "ended") if moment in record]
        if lived and min(lived) < row["started_at"]:
            yield f"{row['run']}-{row['number']}: its worker lived {row['started_at'] - min(lived):.3f} s too early"
        if lived and max(lived) > row["ended_at"]:
            yield f"{row['run']}-{row['number']}: its worker outlived it by {max(lived) - row['ended_at']:.3f} s"


def _events(stage: Stage) -> Iterator[str]:
    """The store holds each attempt's events without a gap, and as the journal has them."""
    for attempt in ask(stage.home, "SELECT run, number, exit FROM attempts"):
        job = f"{attempt['run']}-{attempt['number']}"
        kept = ask(
            stage.home,
            "SELECT seq, payload FROM events WHERE run = ? AND attempt = ? ORDER BY seq",
            attempt["run"],
            attempt["number"],
        )
        written = read_events(stage.home.run(attempt["run"]).attempt(attempt["number"]).events)
        if [row["seq"] for row in kept] != list(range(1, len(kept) + 1)):
            yield f"{job}: its events have a gap: {[row['seq'] for row in kept]}"
        if attempt["exit"] and str(Ending.LOST) in attempt["exit"]:
            # What it may have told since it counted as lost counts for nothing.
            written = written[: len(kept)]
        if [json.loads(row["payload"]) for row in kept] != written:
            yield f"{job}: {len(kept)} events are in the store, {len(written)} in its journal, or they differ"


def _outbox(stage: Stage) -> Iterator[str]:
    """Nothing waits, and nothing was given up for who takes messages."""
    for row in ask(stage.home, "SELECT * FROM outbox"):
        if row["state"] == "open" and row["sent_revision"] < row["revision"]:
            yield f"{row['key']}: still waits"
        if row["state"] == "dead" and not stage.playground.people[row["user_id"]].blocked:
            yield f"{row['key']}: was given up ({row['error']})"


def _messages(stage: Stage) -> Iterator[str]:
    """Each key is one message in the person's chat, and each ending made one sound."""
    rows = ask(stage.home, "SELECT * FROM outbox")
    for person in stage.playground.people.values():
        theirs = [row for row in rows if row["user_id"] == person.id]
        expected = {nonce(row["key"]): row for row in theirs if row["message_id"] is not None}
        seen = Counter(str(m.nonce) for m in person.inbox() if m.author.bot and m.origin is None)
        yield from (
            f"{row['key']}: {person.name} has it {seen[n]} times" for n, row in expected.items() if seen[n] != 1
        )
        yield from (f"{person.name} has a message that no row knows ({n})" for n in seen.keys() - expected.keys())
        ids = {row["message_id"] for row in theirs if row["kind"] in _ENDINGS}
        sounds = Counter(note.message.id for note in person.notifications() if note.message.id in ids)
        yield from (f"the ending {n} sounded {sounds[n]} times for {person.name}" for n in ids if sounds[n] != 1)
    if rows and not any(person.blocked for person in stage.playground.people.values()):
        told = Counter((row["run"], row["user_id"]) for row in rows if row["kind"] in _ENDINGS)
        for watch in ask(stage.home, "SELECT run, user_id FROM watches"):
            if told[watch["run"], watch["user_id"]] != 1:
                yield f"{watch['run']}: its end was told {told[watch['run'], watch['user_id']]} times"


def _cards(stage: Stage) -> Iterator[str]:
    """Each live card says how its run ended, and has nothing left to press."""
    query = (
        "SELECT o.key, o.user_id, o.message_id, r.state FROM outbox AS o JOIN runs AS r ON r.name = o.run"
        " WHERE o.kind = ? AND o.message_id IS NOT NULL"
    )
    for row in ask(stage.home, query, Kind.LIVE):
        inbox = stage.playground.people[row["user_id"]].inbox()
        for message in (message for message in inbox if message.id == row["message_id"]):
            if message.components:
                yield f"{row['key']}: its buttons are still there"
            if not title(message).endswith(_ENDED.get(RunState(row["state"]), "")):
                yield f"{row['key']}: of a run that {row['state']} it says {title(message)!r}"


def _leftovers(stage: Stage) -> Iterator[str]:
    """Nothing half-written lies in a run; what several runs share may be another's, and is kept for a day."""
    for path in stage.home.runs.rglob(".*"):
        if _LEFTOVER.fullmatch(path.name):
            yield f"{path.relative_to(stage.home.path)} was left behind"


def _weights(stage: Stage, undisturbed: bytes) -> Iterator[str]:
    """A run that was disturbed learned exactly what one that was not did."""
    for row in ask(stage.home, "SELECT name, spec FROM runs WHERE state = 'succeeded'"):
        if parse_spec(row["spec"]) != small_spec(stage.home, row["name"]):
            continue
        if (stage.home.run(row["name"]).export / "model.safetensors").read_bytes() != undisturbed:
            yield f"{row['name']}: its weights are not those of an undisturbed run"
