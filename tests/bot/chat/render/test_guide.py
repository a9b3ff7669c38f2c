"""The help card."""

from bot.chat.commands import TRAINER
from bot.chat.render.guide import help_card
from tests.bot.chat.render.budgets import check
from trainer_core.models.sizes import SIZES


def test_the_help_names_every_size_and_kind_of_file() -> None:
    message = help_card()
    check(message)
    assert message.embed
    shown = {field.name: str(field.value) for field in message.embed.fields}
    assert shown["Files"].startswith("Drop them here")
    assert ".jsonl" in shown["Files"] and ".parquet" in shown["Files"]
    assert all(size in shown["Sizes"] for size in SIZES)


def test_the_help_names_every_command() -> None:
    shown = help_card().embed
    assert shown
    said = str(shown.fields[0].value)
    assert [command.name for command in TRAINER.commands if f"`/trainer {command.name}`" not in said] == ["help"]
