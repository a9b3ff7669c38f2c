"""Kills bots, shims and workers at random, starts them again, and looks whether anything was lost.

    python -m tests.faults.campaign -n 200 --seed 1

Each iteration is one run in a home of its own, with its own Discord. Ends at the first loss with status 1, keeps that
home, and says how to do the iteration again.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from playground.server import Playground
from tests.bot.processes import living
from tests.faults.invariants import broken
from tests.faults.plans import AtMoment, AtPoint, Plan, Role, plan
from tests.faults.stage import Bot, Stage, read_events
from tests.faults.store import ask
from tests.faults.undisturbed import undisturbed_weights
from trainer_core.process import is_locked

_MODULES = {Role.BOT: "bot", Role.SHIM: "trainer_core.shim", Role.WORKER: "trainer_core.worker"}
_LOOK = 0.02


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one iteration."""

    iteration: int
    plan: Plan
    attempts: int
    bots: int
    """How often the bot was started."""
    struck: int
    """How many of the plan's hits found their victim."""
    seconds: float
    losses: list[str]

    def row(self) -> str:
        hits = "; ".join(map(str, self.plan.hits))
        back = "at once" if self.plan.back_at_once else "after its worker"
        back += " + standby" if self.plan.standby else ""
        outcome = "LOST" if self.losses else "kept"
        return _ROW.format(self.iteration, hits, back, self.attempts, self.bots, outcome, f"{self.seconds:.1f}")


_ROW = "{:>5}  {:75}  {:26}  {:>8}  {:>4}  {:4}  {:>7}"
HEADING = _ROW.format("", "killed", "bot comes back", "attempts", "bots", "run", "seconds")


async def iterate(folder: Path, iteration: int, what: Plan, undisturbed: bytes) -> Outcome:
    """One iteration, with its home in `folder`. What goes wrong is in the outcome's `losses`."""
    began = time.monotonic()
    async with Playground() as playground:
        stage = Stage(folder, playground)
        await stage.submit()
        losses: list[str] = []
        async with stage.bot(what.faults, SPOTTER_STANDBY=str(int(what.standby))) as bot:
            strikes = [asyncio.create_task(_strike(stage, hit)) for hit in what.hits if isinstance(hit, AtMoment)]
            try:
                await stage.rest(bot, None if what.back_at_once else lambda: _worker_gone(stage))
                await _end(stage, bot)
                losses += _judged(stage, undisturbed)
            except Exception as error:
                losses.append(f"{type(error).__name__}: {error}")
            finally:
                for task in strikes:
                    task.cancel()
                ends = await asyncio.gather(*strikes, return_exceptions=True)
        struck = sum(end is None for end in ends)
        struck += sum(stage.happened(hit.rule) for hit in what.hits if isinstance(hit, AtPoint))
        if losses:
            losses.append(stage.story())
        attempts = len(stage.attempts())
    return Outcome(iteration, what, attempts, bot.starts, struck, time.monotonic() - began, losses)


def _judged(stage: Stage, undisturbed: bytes) -> list[str]:
    """What does not hold now that all have ended. Whatever it raises is a loss, too."""
    states = [row["state"] for row in ask(stage.home, "SELECT state FROM runs")]
    return broken(stage, undisturbed) + [f"the run {state}" for state in states if state != "succeeded"]


async def _end(stage: Stage, bot: Bot) -> None:
    """Raises AssertionError if the bot does not end well, TimeoutError if anything outlives it."""
    while (status := await bot.stop()) == -signal.SIGKILL:
        # The last of what it had to do was its moment: the next bot finds nothing left.
        await stage.rest(bot)
    assert status == 0, f"told to end, the bot ended with status {status}"
    await stage.eventually(lambda: not living(stage.home.path), "every process ends")


async def _strike(stage: Stage, hit: AtMoment) -> None:
    """Kill the victims once it is time and they are there."""
    while _told(stage) < hit.events:
        await asyncio.sleep(_LOOK)
    await asyncio.sleep(hit.seconds)
    while not _kill(stage, hit.victims):
        await asyncio.sleep(_LOOK)


def _told(stage: Stage) -> int:
    return sum(len(read_events(attempt.events)) for attempt in stage.attempts())


def _kill(stage: Stage, victims: Sequence[Role]) -> bool:
    """Kill every such process of the stage, also one that still starts or waits. False if there is none."""
    there = [(_role(process), process) for process in living(stage.home.path)]
    found = [process for victim in victims for role, process in there if role is victim]
    for process in found:
        with suppress(psutil.Error):
            process.kill()
    return bool(found)


def _role(process: psutil.Process) -> Role | None:
    with suppress(psutil.Error):
        command = process.cmdline()[1:3]
        return next((role for role, module in _MODULES.items() if command == ["-m", module]), None)
    return None


async def _worker_gone(stage: Stage) -> None:
    await stage.eventually(lambda: not any(is_locked(a.lock) for a in stage.attempts()), "the worker ends")


async def campaign(iterations: Sequence[int], seed: int, jobs: int) -> int:
    """Do the iterations, `jobs` at a time. Returns the exit status: 1 if anything was lost."""
    began = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="spotter-chaos-"))
    undisturbed = await undisturbed_weights(folder)
    waiting = list(reversed(iterations))
    done: list[Outcome] = []
    print(HEADING, flush=True)

    async def lane() -> None:
        while waiting and not any(outcome.losses for outcome in done):
            number = waiting.pop()
            home = folder / str(number)
            outcome = await iterate(home, number, plan(seed, number), undisturbed)
            done.append(outcome)
            print(outcome.row(), flush=True)
            if not outcome.losses:
                shutil.rmtree(home)

    await asyncio.gather(*(lane() for _ in range(jobs)))
    print(_summary(done, seed, time.monotonic() - began))
    lost = [outcome for outcome in done if outcome.losses]
    for outcome in lost:
        print(f"\nIteration {outcome.iteration} lost something; its home is {folder / str(outcome.iteration)}")
        print("\n".join(outcome.losses))
        print(f"Again: make chaos SEED={seed} ONLY={outcome.iteration}")
    if not lost:
        shutil.rmtree(folder)
    return 1 if lost else 0


def _summary(done: Sequence[Outcome], seed: int, seconds: float) -> str:
    hits = [hit for outcome in done for hit in outcome.plan.hits]
    victims = Counter("all" if len(names) > 1 else names[0] for names in map(_victims, hits))
    told = ", ".join(f"{victim} {count}" for victim, count in sorted(victims.items()))
    return (
        f"\nseed {seed}: {len(done)} runs, {len(hits)} kills planned ({told}), {sum(o.struck for o in done)} struck,"
        f" {sum(o.attempts for o in done)} attempts, {sum(o.bots for o in done)} starts of the bot,"
        f" {sum(bool(o.losses) for o in done)} lost, {seconds:.0f} s"
    )


def _victims(hit: AtPoint | AtMoment) -> tuple[Role, ...]:
    return (hit.victim,) if isinstance(hit, AtPoint) else hit.victims


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.campaign", description=__doc__)
    parser.add_argument("-n", type=int, default=20, help="how many iterations")
    parser.add_argument("--seed", type=int, default=1, help="which campaign: the same seed makes the same choices")
    parser.add_argument("--only", type=int, help="this iteration alone")
    parser.add_argument("--jobs", type=int, default=min(os.cpu_count() or 1, 2), help="iterations at a time")
    given = parser.parse_args(arguments)
    iterations = range(1, given.n + 1) if given.only is None else [given.only]
    return asyncio.run(campaign(iterations, given.seed, given.jobs))


if __name__ == "__main__":
    sys.exit(main())
