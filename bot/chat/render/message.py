"""What is to be said, before anything is sent: a value that tests can compare and a sender can deliver."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

import discord

from bot.chat.render.plots import Plot
from trainer_core.models.specs import Size


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
    GO_ON = "go_on"
    """Let a run go on although the guard asks."""
    WAIT = "wait"
    """Leave a stalled run alone for now."""
    RESTART = "restart"
    """Kill a stalled run's worker and go on from the newest checkpoint."""


class DatasetAct(StrEnum):
    """What a button does about a data set. The values are part of `custom_id`s in old messages: they never change."""

    DELETE = "delete"
    """Ask whether to delete it."""
    DELETE_NOW = "delete_now"
    KEEP = "keep"


@dataclass(frozen=True, slots=True)
class Button:
    run: str
    act: Act


@dataclass(frozen=True, slots=True)
class TrainButton:
    """Start a run on the data set, of this size and budget."""

    dataset: str
    size: Size
    budget: str
    """As `Budget.parse` reads it, at most 20 characters."""


@dataclass(frozen=True, slots=True)
class DatasetButton:
    dataset: str
    act: DatasetAct


@dataclass(frozen=True, slots=True)
class ColumnButton:
    """This column is the text of the file that waits under `pending`."""

    pending: str
    index: int
    column: str


AnyButton: TypeAlias = Button | TrainButton | DatasetButton | ColumnButton


def buttons(run: str, acts: Iterable[Act]) -> tuple[Button, ...]:
    """A button for each act on the run."""
    return tuple(Button(run, act) for act in acts)


@dataclass(frozen=True, slots=True)
class Message:
    """A message within Discord's budgets. The plot, if any, belongs in the embed's picture."""

    content: str | None = None
    embed: discord.Embed | None = None
    plot: Plot | None = None
    buttons: tuple[AnyButton, ...] = ()
    """At most 25; they stand in rows of five."""
    silent: bool = True
    """Whether it arrives without a sound. Only a run's end and a needed decision make one."""
