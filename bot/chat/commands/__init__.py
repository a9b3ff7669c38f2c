"""The slash commands: each parses, calls the service and renders."""

from typing import Any

from discord import app_commands

from bot.chat.commands.guide import help_
from bot.chat.commands.runs import runs, status
from bot.chat.commands.steer import pause, resume, retry, stop
from bot.chat.commands.train import train
from bot.chat.commands.watch import unwatch, watch

_Command = app_commands.Command[Any, ..., None]  # Any: what a command without a class is bound to
_COMMANDS: tuple[_Command, ...] = (train, status, runs, watch, unwatch, pause, resume, stop, retry, help_)

TRAINER = app_commands.Group(name="trainer", description="Train language models on this machine")
for _command in _COMMANDS:
    TRAINER.add_command(_command)
