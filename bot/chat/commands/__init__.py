"""The slash commands: each parses, calls the service and renders."""

from typing import Any

from discord import app_commands

from bot.chat.commands import dataset, tokenizer
from bot.chat.commands.guide import help_
from bot.chat.commands.runs import runs, status
from bot.chat.commands.steer import pause, resume, retry, stop
from bot.chat.commands.train import train
from bot.chat.commands.watch import unwatch, watch

_Command = app_commands.Command[Any, ..., None]  # Any: what a command without a class is bound to
_COMMANDS: tuple[_Command, ...] = (train, status, runs, watch, unwatch, pause, resume, stop, retry, help_)

_DATASET: tuple[_Command, ...] = (dataset.add, dataset.list_, dataset.show, dataset.delete)
_TOKENIZER: tuple[_Command, ...] = (tokenizer.train, tokenizer.list_, tokenizer.show)

TRAINER = app_commands.Group(name="trainer", description="Train language models on this machine")
for _group, _commands in (
    (TRAINER, _COMMANDS),
    (app_commands.Group(name="dataset", description="The texts to train on", parent=TRAINER), _DATASET),
    (app_commands.Group(name="tokenizer", description="How texts become tokens", parent=TRAINER), _TOKENIZER),
):
    for _command in _commands:
        _group.add_command(_command)
