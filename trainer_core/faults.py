"""Named points at which a test makes a process fail as the world does. Standard library only.

    SPOTTER_FAULT=point:nth:action[,point:nth:action]

The `nth` time (from 1) that a process reaches `point`, it is killed (`kill`), stopped (`stop`), refused (`raise`),
told that the disk is full (`enospc`), or held up (`delay=SECONDS`). With SPOTTER_FAULT_ONCE=FOLDER each rule comes true
once over all processes that share the folder, so that the one which follows gets by. Without SPOTTER_FAULT `reach`
does nothing.
"""

from __future__ import annotations

import errno
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

VARIABLE, ONCE = "SPOTTER_FAULT", "SPOTTER_FAULT_ONCE"

POINTS = frozenset(
    {
        "atomic.write",
        "atomic.rename",
        "checkpoint.begin",
        "checkpoint.model",
        "checkpoint.optimizer",
        "checkpoint.state",
        "checkpoint.sums",
        "checkpoint.saved",
        "checkpoint.prune",
        "dispatcher.claimed",
        "dispatcher.submitted",
        "folder.sync",
        "folder.rename",
        "journal.read",
        "journal.ingested",
        "reporter.write",
        "sender.attempted",
        "sender.sent",
        "sender.noted",
        "shim.locked",
        "shim.accepted",
        "shim.exit",
        "store.begin",
        "store.commit",
        "store.committed",
        "worker.started",
        "worker.step",
    }
)
_ACTIONS = ("kill", "stop", "raise", "enospc", "delay")


class InjectedError(Exception):
    """What `raise` raises: an error that no code expects."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One fault: what happens the `nth` time a process is at `point`."""

    point: str
    nth: int
    action: str
    seconds: float = 0.0

    @classmethod
    def parse(cls, text: str) -> Rule:
        """Raises ValueError naming what is wrong."""
        point, _, rest = text.strip().partition(":")
        nth, _, action = rest.partition(":")
        action, _, seconds = action.partition("=")
        if point not in POINTS:
            raise ValueError(f"{VARIABLE}: there is no point {point!r}; there are {', '.join(sorted(POINTS))}")
        if not nth.isdecimal() or int(nth) < 1:
            raise ValueError(f"{VARIABLE}: {text!r} does not say which time; write it like {point}:1:kill")
        if action not in _ACTIONS or (action == "delay") != bool(seconds):
            raise ValueError(f"{VARIABLE}: {text!r} has no action of {', '.join(_ACTIONS)}=SECONDS")
        return cls(point, int(nth), action, float(seconds or 0))

    def __str__(self) -> str:
        return f"{self.point}:{self.nth}:{self.action}" + (f"={self.seconds:g}" if self.action == "delay" else "")

    def happen(self) -> None:
        """Let it come true. Raises InjectedError or OSError (ENOSPC), as the action says."""
        match self.action:
            case "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            case "stop":
                os.kill(os.getpid(), signal.SIGSTOP)
            case "raise":
                raise InjectedError(self.point)
            case "enospc":
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            case _:
                time.sleep(self.seconds)


class Faults:
    """The rules of this process, and how often it has been where."""

    def __init__(self, rules: Iterable[Rule], once: Path | None = None) -> None:
        self._rules = {(rule.point, rule.nth): rule for rule in rules}
        self._once = once
        self._times: Counter[str] = Counter()

    def reach(self, point: str) -> None:
        self._times[point] += 1
        rule = self._rules.get((point, self._times[point]))
        if rule is not None and self._first(rule):
            rule.happen()

    def _first(self, rule: Rule) -> bool:
        """Whether no process was hit by the rule before."""
        if self._once is None:
            return True
        try:
            (self._once / str(rule)).touch(exist_ok=False)
        except FileExistsError:
            return False
        return True


def _nothing(point: str) -> None:
    """No fault is asked for."""


def _reach() -> Callable[[str], None]:
    rules, once = os.environ.get(VARIABLE), os.environ.get(ONCE)
    if not rules:
        return _nothing
    return Faults(map(Rule.parse, rules.split(",")), Path(once) if once else None).reach


reach: Callable[[str], None] = _reach()
"""Tell that this process is at a point."""
