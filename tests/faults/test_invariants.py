"""The judges of all other tests here: each invariant is noticed when it breaks."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace

from tests.e2e.conftest import title
from tests.faults.invariants import broken
from tests.faults.stage import Stage

_TAMPERED = {
    "INSERT INTO transitions (run, attempt, from_state, to_state, at) VALUES ('song', 1, 'succeeded', 'failed', 0)": (
        "song: went from succeeded to failed"
    ),
    "UPDATE runs SET state = 'running'": "song: is running after",
    "DELETE FROM transitions WHERE to_state = 'running'": "song: its transitions have a gap",
    "INSERT INTO attempts (run, number, slot, started_at) SELECT run, 2, slot, started_at + 0.1 FROM attempts": (
        "run song: song-1 and song-2 at once"
    ),
    "UPDATE attempts SET ended_at = started_at + 0.1": "song-1: its worker outlived it by",
    "UPDATE attempts SET started_at = ended_at - 0.1": "song-1: its worker lived",
    "DELETE FROM events WHERE seq = 7": "song-1: its events have a gap",
    "DELETE FROM events WHERE seq > 20": "song-1: 20 events are in the store",
    "UPDATE events SET payload = replace(payload, 'trainer', 'trained') WHERE seq = 3": "or they differ",
    "UPDATE outbox SET revision = revision + 1, state = 'open'": "still waits",
    "UPDATE outbox SET state = 'dead', error = 'refused'": "was given up (refused)",
    "UPDATE outbox SET key = 'another' WHERE kind = 'completed'": "another: Ada has it 0 times",
    "DELETE FROM outbox WHERE kind = 'live'": "Ada has a message that no row knows",
    "DELETE FROM outbox WHERE kind = 'completed'": "song: its end was told 0 times",
}
"""What is done to the store of a run that went well, and what has to be said of it."""


async def test_what_does_not_hold_is_told(stage: Stage, undisturbed: bytes) -> None:
    await stage.submit()
    async with stage.bot() as bot:
        await stage.rest(bot)
        assert await bot.stop() == 0
    assert broken(stage, undisturbed) == []

    good = stage.home.database.read_bytes()
    for statement, sentence in _TAMPERED.items():
        with closing(sqlite3.connect(stage.home.database)) as connection, connection:
            connection.execute(statement)
        assert any(sentence in found for found in broken(stage, undisturbed)), sentence
        for file in stage.home.path.glob("spotter.db*"):
            file.unlink()
        stage.home.database.write_bytes(good)

    assert broken(stage, undisturbed[:-1] + b"?") == ["song: its weights are not those of an undisturbed run"]
    left = stage.home.run("song").path / f".export-{'0' * 32}"
    left.mkdir()
    assert broken(stage, undisturbed) == [f"runs/song/{left.name} was left behind"]
    left.rmdir()

    world = stage.playground.world
    (card,) = [message for message in stage.owner.inbox() if title(message) == "✅ song · finished" and message.silent]
    embed, *_ = card.sent_embeds
    for changed, sentence in (
        (replace(card, components=({"type": 1, "components": []},)), "its buttons are still there"),
        (
            replace(card, sent_embeds=(embed.model_copy(update={"title": "🟢 song · training"}),)),
            "it says '🟢 song · training'",
        ),
    ):
        world.update(changed)
        (found,) = broken(stage, undisturbed)
        assert sentence in found
    world.update(card)
    assert broken(stage, undisturbed) == []

    told = stage.owner.inbox()[-1]
    world.post(replace(told, id=world.snowflake()))
    twice = broken(stage, undisturbed)
    assert any("Ada has it 2 times" in sentence for sentence in twice), twice
