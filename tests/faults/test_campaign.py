"""The campaign chooses by its seed alone, reaches everything there is to reach, and says so when something is lost.

`make chaos N=20` is a step of its own in continuous integration.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.faults.campaign import iterate
from tests.faults.plans import AtMoment, AtPoint, Plan, Role, plan
from trainer_core.faults import POINTS, Rule
from trainer_core.files.layout import Home


def test_the_same_seed_and_number_are_the_same_plan() -> None:
    plans = [plan(1, number) for number in range(50)]
    assert plans == [plan(1, number) for number in range(50)]
    assert plans != [plan(2, number) for number in range(50)]


def test_a_long_campaign_kills_everybody_everywhere() -> None:
    hits = [hit for number in range(2000) for hit in plan(7, number).hits]
    assert {hit.rule.point for hit in hits if isinstance(hit, AtPoint)} == POINTS
    victims = {hit.victims for hit in hits if isinstance(hit, AtMoment)}
    assert {(role,) for role in Role} <= victims
    assert any(len(together) == len(Role) for together in victims)
    assert {plan(7, number).back_at_once for number in range(50)} == {True, False}


async def test_an_iteration_that_loses_something_says_what(tmp_path: Path, undisturbed: bytes) -> None:
    """Nothing is lost here, and so the run is compared with weights that it cannot have."""
    hits = (
        AtPoint(Role.BOT, Rule("journal.ingested", 2, "kill")),
        AtMoment((Role.WORKER,), events=20, seconds=0.0),
    )
    outcome = await iterate(tmp_path, 1, Plan(hits, back_at_once=False), undisturbed[:-1] + b"?")
    assert outcome.losses[0] == "song: its weights are not those of an undisturbed run"
    assert (outcome.attempts, outcome.bots, outcome.struck) == (2, 2, 2)
    assert "worker 0.00 s after event 20" in outcome.row() and "LOST" in outcome.row()


async def test_what_cannot_be_judged_is_lost(tmp_path: Path, undisturbed: bytes) -> None:
    """Something writes into the journal what is no event, once the worker has ended."""
    attempt = Home(tmp_path / "home").run("song").attempt(1)

    async def scribble() -> None:
        while not attempt.exit.exists():
            await asyncio.sleep(0.01)
        with attempt.events.open("ab") as journal:
            journal.write(b"no event\n")

    scribbling = asyncio.create_task(scribble())
    outcome = await iterate(tmp_path, 1, Plan((), back_at_once=True), undisturbed)
    await scribbling
    assert "JSON" in outcome.losses[0]
    assert "LOST" in outcome.row()
