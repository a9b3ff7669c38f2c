"""What the campaign does in which iteration. Pure: a seed and a number give the same plan anywhere."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from random import Random

from trainer_core.faults import Rule


class Role(StrEnum):
    """Who is killed."""

    BOT = "bot"
    SHIM = "shim"
    WORKER = "worker"


# How often a small run that nothing happens to is at each point, and in which process.
_POINTS = {
    Role.BOT: {
        "atomic.write": 1,
        "atomic.rename": 1,
        "dispatcher.claimed": 1,
        "dispatcher.submitted": 1,
        "journal.read": 10,
        "journal.ingested": 10,
        "sender.attempted": 2,
        "sender.sent": 3,
        "sender.noted": 3,
        "store.begin": 20,
        "store.commit": 20,
        "store.committed": 20,
    },
    Role.SHIM: {"shim.locked": 1, "shim.accepted": 1, "shim.exit": 1},
    Role.WORKER: {
        "checkpoint.begin": 16,
        "checkpoint.model": 16,
        "checkpoint.optimizer": 16,
        "checkpoint.state": 16,
        "checkpoint.sums": 16,
        "checkpoint.saved": 16,
        "checkpoint.prune": 14,
        "folder.sync": 19,
        "folder.rename": 19,
        "reporter.write": 50,
        "worker.started": 1,
        "worker.step": 16,
    },
}
_EVENTS = 50
"""About so many events a small run tells of."""


@dataclass(frozen=True, slots=True)
class AtPoint:
    """The victim kills itself when it is somewhere for the nth time."""

    victim: Role
    rule: Rule

    def __str__(self) -> str:
        return f"{self.victim} at {self.rule.point} #{self.rule.nth}"


@dataclass(frozen=True, slots=True)
class AtMoment:
    """The victims are killed, in that order, some time after the run has told of so many events."""

    victims: tuple[Role, ...]
    events: int
    seconds: float

    def __str__(self) -> str:
        return f"{', '.join(self.victims)} {self.seconds:.2f} s after event {self.events}"


@dataclass(frozen=True, slots=True)
class Plan:
    """One iteration."""

    hits: tuple[AtPoint | AtMoment, ...]
    back_at_once: bool
    """Whether a killed bot is started again at once, or only when its worker has ended."""
    standby: bool = False
    """Whether a second worker waits meanwhile, for which there is no run."""

    @property
    def faults(self) -> str:
        """`SPOTTER_FAULT` for all processes."""
        return ",".join(str(hit.rule) for hit in self.hits if isinstance(hit, AtPoint))


def plan(seed: int, iteration: int) -> Plan:
    random = Random(f"{seed}:{iteration}")
    hits = tuple(_hit(random) for _ in range(random.choice((1, 1, 2))))
    return Plan(hits, back_at_once=random.random() < 0.7, standby=random.random() < 0.2)


def _hit(random: Random) -> AtPoint | AtMoment:
    if random.random() < 0.6:
        (victim,) = random.choices(list(_POINTS), weights=[2, 1, 2])
        point, times = random.choice(list(_POINTS[victim].items()))
        return AtPoint(victim, Rule(point, random.randint(1, times), "kill"))
    everybody = tuple(random.sample(list(Role), len(Role)))
    victims = everybody if random.random() < 0.3 else everybody[:1]
    events = random.choice((0, random.randint(1, _EVENTS)))
    # Before the first event all of them are being started, which takes seconds.
    return AtMoment(victims, events, random.uniform(0, 0.2 if events else 5.0))
