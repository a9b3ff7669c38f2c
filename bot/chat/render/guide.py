"""The help card, and how the sizes are described where one is chosen. Pure."""

from __future__ import annotations

from bot.chat.render import text
from bot.chat.render.embeds import Colour, Field, embed
from bot.chat.render.message import Message
from bot.runs.offers import about_parameters
from trainer_core.budget import BUDGET_EXAMPLES
from trainer_core.data.formats import KINDS
from trainer_core.models.families import FAMILIES
from trainer_core.models.sizes import SIZES
from trainer_core.models.specs import Family, Size


def size_label(size: Size, family: Family = "gpt2") -> str:
    """`tiny · about 1.32M parameters`."""
    known = about_parameters(family, size)
    return f"{size} · about {text.short(known)} parameters" if known else size


def help_card() -> Message:
    """What Spotter does and how to ask for it."""
    kinds = " ".join(f".{kind}" for kind in KINDS)
    return Message(
        embed=embed(
            title="🏋️ Spotter trains models on this machine",
            colour=Colour.GOING,
            description=(
                "Drop a file into this chat: it reads the text, shows what is in it, and trains a model on it from "
                "nothing when you press the button. It reports here while it trains, and sends the result when it is "
                "done. Nothing is uploaded anywhere.\n\n"
                "**Or type**\n"
                "`/trainer train data:python-docs budget:3m`\n"
                "`/trainer train file:notes.txt size:mini budget:1h name:my-notes`"
            ),
            fields=[
                Field(
                    "Commands",
                    "`/trainer train` start a run\n`/trainer status` a run's card and curve\n"
                    "`/trainer runs` all your runs\n`/trainer watch` `/trainer unwatch` reports on, off\n"
                    "`/trainer pause` `/trainer resume` free a run's slot for a while, and go on later\n"
                    "`/trainer stop` end a run, keeping what it learned\n"
                    "`/trainer retry` go on with a run that failed or was stopped, as a new one\n"
                    "`/trainer land` have a run finish early and well\n"
                    "`/trainer rate` set a run's learning rate while it trains\n"
                    "`/trainer checkpoint` have a run save now, for good\n"
                    "`/trainer models` what there is to train\n"
                    "`/trainer dataset` add, list, show and delete data to train on\n"
                    "`/trainer tokenizer` train, list and show tokenizers",
                    inline=False,
                ),
                Field("Budgets", BUDGET_EXAMPLES, inline=False),
                Field("Files", f"Drop them here, or attach them to a command: {kinds}; each also as .gz", inline=False),
                Field(
                    "Models",
                    "\n".join(f"`model:{family}` {known.title}" for family, known in FAMILIES.items()),
                    inline=False,
                ),
                Field("Sizes", "\n".join(map(size_label, SIZES)), inline=False),
            ],
        )
    )
