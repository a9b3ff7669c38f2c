"""`/trainer models`."""

from bot.chat.render.models import models_card
from tests.bot.chat.render.budgets import check
from trainer_core.models.families import FAMILIES


def test_every_family_is_there_with_what_to_type() -> None:
    message = models_card([], [])
    check(message)
    assert message.embed
    said = {str(field.name): str(field.value) for field in message.embed.fields}
    assert [*said] == [known.title for known in FAMILIES.values()]
    assert all(said[known.title].startswith(f"`model:{family}`") for family, known in FAMILIES.items())
    assert "tiny 1.33M" in said[FAMILIES["gpt2"].title]


def test_what_lies_in_the_approved_folders_is_listed_as_far_as_it_fits() -> None:
    message = models_card([f"nets/net{number}.py" for number in range(500)], ["models/`base`"])
    check(message)
    assert message.embed
    *_, modules, folders = message.embed.fields
    assert "`module:nets/net0.py`" in str(modules.value) and "more" in str(modules.value)
    assert folders.value == "`from:folder:models/'base'`"
