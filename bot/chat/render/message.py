"""What is to be said, before anything is sent: a value that tests can compare and a sender can deliver."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

import discord

from bot.chat.render.curve import PlotRequest


class Act(StrEnum):
    """What a button does to a run. The values are part of `custom_id`s in old messages: they never change."""

    STOP = "stop"
    """Ask whether to stop."""
    STOP_NOW = "stop_now"
    KEEP = "keep"
    REFRESH = "status"
    WATCH = "watch"
    UNWATCH = "unwatch"
    PAUSE = "pause"
    RESUME = "resume"
    RETRY = "retry"
    """Have a new run go on with what failed or was stopped."""
    WAIT = "wait"
    """Leave a stalled run alone for now."""
    RESTART = "restart"
    """Kill a stalled run's worker and go on from the newest checkpoint."""


@dataclass(frozen=True, slots=True)
class Button:
    run: str
    act: Act


def buttons(run: str, acts: Iterable[Act]) -> tuple[Button, ...]:
    """A button for each act on the run."""
    return tuple(Button(run, act) for act in acts)


@dataclass(frozen=True, slots=True)
class Message:
    """A message within Discord's budgets. The plot, if any, belongs in the embed's picture."""

    content: str | None = None
    embed: discord.Embed | None = None
    plot: PlotRequest | None = None
    buttons: tuple[Button, ...] = ()
    silent: bool = True
    """Whether it arrives without a sound. Only a run's end and a needed decision make one."""
