"""What a small run learns that nothing happens to."""

from __future__ import annotations

from pathlib import Path

from bot.runs.executor import Ending, Exit, Job
from bot.runs.local import LocalPool
from bot.runs.slots import share
from tests.faults.stage import small_spec
from trainer_core.files.layout import Home


async def undisturbed_weights(folder: Path, **changes: object) -> bytes:
    """`model.safetensors` of a small run in a home of its own in `folder`, with `changes` to its spec."""
    home = Home(folder / "undisturbed")
    pool = LocalPool(home, share(1, 1, ()), standby=0)
    await pool.start()
    try:
        job = Job("song", 1)
        await pool.submit(job, small_spec(home, "song", **changes), pool.slots[0])
        seen = 0
        while (exit_ := await pool.wait(job, seen)) is None:
            seen += len(await pool.read_events(job, seen, 1 << 20))
    finally:
        await pool.close()
    directory = home.run("song")
    assert exit_ == Exit(Ending.EXITED, 0, exit_.peak_memory), f"{exit_}\n{directory.attempt(1).log.read_text()}"
    return (directory.export / "model.safetensors").read_bytes()
