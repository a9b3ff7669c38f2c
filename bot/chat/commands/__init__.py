"""The slash commands: each parses, calls the service and renders."""

from typing import Any

from discord import app_commands

from bot.chat.commands import dataset, tokenizer
from bot.chat.commands.guide import help_, models
from bot.chat.commands.runs import runs, status
from bot.chat.commands.steer import checkpoint, land, pause, rate, resume, retry, stop
from bot.chat.commands.train import train
from bot.chat.commands.watch import unwatch, watch

_Command = app_commands.Command[Any, ..., None]  # Any: what a command without a class is bound to
_WATCHED: tuple[_Command, ...] = (train, status, runs, watch, unwatch)
_STEERED: tuple[_Command, ...] = (pause, resume, stop, retry, land, rate, checkpoint)

_DATASET: tuple[_Command, ...] = (dataset.add, dataset.list_, dataset.show, dataset.delete)
_TOKENIZER: tuple[_Command, ...] = (tokenizer.train, tokenizer.list_, tokenizer.show)

TRAINER = app_commands.Group(name="trainer", description="Train models on this machine")
for _group, _commands in (
    (TRAINER, (*_WATCHED, *_STEERED, models, help_)),
    (app_commands.Group(name="dataset", description="What to train on", parent=TRAINER), _DATASET),
    (app_commands.Group(name="tokenizer", description="How texts become tokens", parent=TRAINER), _TOKENIZER),
):
    for _command in _commands:
        _group.add_command(_command)
