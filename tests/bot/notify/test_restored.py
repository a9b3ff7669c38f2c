"""After a restore the store is older than the chat: what was told since the backup is not told again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.chat.notify import policy
from bot.runs.model import Run, RunState
from bot.store.backup import back_up_beside_bot
from bot.store.db import Database
from bot.store.restore import restore
from tests.bot.chat import stories
from tests.bot.notify.conftest import Post
from tests.bot.storing import keep
from trainer_core.files.layout import Home


class Going:
    """A store that goes back to how it was."""

    def __init__(self, post: Post, home: Home) -> None:
        self._post = post
        self._home = home

    async def keep(self) -> Path:
        return await back_up_beside_bot(self._home, datetime.now(UTC))

    async def back(self, kept: Path) -> None:
        """So late that Discord no longer knows a message by its nonce."""
        await self._post.later(3600)
        await self._post.database.close()
        restore(self._home, kept, datetime.now(UTC))
        self._post.database = await Database.open(self._home.database)


@pytest.fixture
async def going(post: Post, tmp_path: Path) -> AsyncIterator[Going]:
    yield Going(post, Home(tmp_path))
    await post.database.close()


def endings(post: Post) -> int:
    return sum("✅ **swans** has finished" in message.content for message in post.ada.inbox())


async def finish(post: Post, run: Run) -> None:
    """The run ends, and its ending is done with."""
    await post.moved(run, RunState.SUCCEEDED)
    await sent(post)


async def sent(post: Post, kind: str = "completed") -> None:
    """Return once the swans' message of that kind is out and never changes any more."""
    async with post.sending():
        await post.noted(lambda row: row["kind"] == kind and row["state"] == "closed")


@pytest.mark.parametrize("known", [False, True], ids=["a chat it knows nothing of", "a chat it knows"])
async def test_an_ending_told_after_the_backup_is_not_told_again(post: Post, going: Going, known: bool) -> None:
    run = await post.run("swans")
    if known:
        async with post.sending():
            await post.settled()
    kept = await going.keep()
    await finish(post, run)
    await going.back(kept)
    await finish(post, run)
    assert endings(post) == 1


async def test_an_ending_that_waited_in_the_backup_is_not_told_again(post: Post, going: Going) -> None:
    await post.moved(await post.run("swans"), RunState.SUCCEEDED)
    kept = await going.keep()
    await sent(post)
    await going.back(kept)
    await sent(post)
    assert endings(post) == 1


async def test_a_card_made_after_the_backup_is_edited_on(post: Post, going: Going) -> None:
    run = await post.run("swans")
    kept = await going.keep()
    async with post.sending():
        await post.moved(run)
        await post.noted(lambda row: row["kind"] == "live" and row["message_id"])
    await going.back(kept)
    async with post.sending():
        await post.moved(run)
        await post.noted(lambda row: row["kind"] == "live" and row["message_id"])
    assert len(post.ada.inbox()) == 1


async def test_a_summary_after_a_restore_is_news(post: Post, going: Going) -> None:
    """It says how the run goes now; one like it, that was sent after the backup, does not stand for it."""
    summary = policy.summary((await post.run("swans")).name, post.ada.id, 1)
    kept = await going.keep()
    await post.put(summary)
    await sent(post, "summary")
    await going.back(kept)
    await post.put(summary)
    await sent(post, "summary")
    assert len(post.ada.inbox()) == 2


async def test_only_for_runs_that_the_backup_holds_the_chat_is_looked_through(post: Post, going: Going) -> None:
    run = await post.run("swans")
    await going.back(await going.keep())
    later = replace(stories.run(RunState.RUNNING, name="geese"), created_at=datetime.now(UTC).timestamp() + 1)
    await keep(post.database, later, watchers=[post.ada.id])
    for each in (run, later):
        await post.moved(each, RunState.SUCCEEDED)
    endings = [row for row in await post.rows() if row["kind"] == "completed"]
    assert {row["run"]: row["attempted"] for row in endings} == {"swans": 1, "geese": 0}
