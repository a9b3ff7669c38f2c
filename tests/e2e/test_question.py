"""A run whose guard is at its wits' end: it asks in the chat, and does what is answered, with a real worker."""

from __future__ import annotations

import re
from pathlib import Path

from playground.messages import Message
from playground.people import Person
from tests.bot.chat import stories
from tests.bot.storing import events_of
from tests.e2e.conftest import TEXT, WITHIN, Bots, ending, is_report, train
from trainer_core.events import Event, JobStarted, MetricsGuard

BRITTLE = '''
import torch
from torch import nn


class Brittle(nn.Module):
    """It breaks for good once it has seen forty batches."""

    def __init__(self, vocab_size: int):
        super().__init__()
        self.tokens = nn.Embedding(vocab_size, 16)
        self.read = nn.GRU(16, 16, batch_first=True)
        self.head = nn.Linear(16, vocab_size)
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, input_ids):
        if self.training:
            self.seen += 1
        logits = self.head(self.read(self.tokens(input_ids))[0])
        return logits * float("nan") if self.training and self.seen > 40 else logits
'''
TO_THE_QUESTION = ["skip", "skip", "rollback"] * 3 + ["ask"]
TRAINING = Path(__file__).parents[2] / "docs" / "training.md"


async def asked(person: Person, run: str, *before: Message) -> Message:
    """The guard's question about the run, besides those that it asked `before`."""
    known = {message.id for message in before}
    return await person.until(
        lambda m: is_report(m, run) and "needs a decision" in m.content and m.id not in known, WITHIN
    )


def guarded(events: list[Event], attempt: int) -> list[str]:
    return [event.action for event in events if isinstance(event, MetricsGuard) and event.attempt == attempt]


def shape(text: str) -> str:
    """`text` whatever its numbers and line breaks are."""
    return re.sub(r"\d[\d.,e-]*\d|\d", "#", " ".join(text.split()))


async def test_a_run_that_asks_goes_on_when_it_is_let_to_and_when_it_is_tried_again(
    bots: Bots, owner: Person, tmp_path: Path
) -> None:
    nets = tmp_path / "nets"
    nets.mkdir()
    (nets / "brittle.py").write_text(BRITTLE)
    often = "checkpoint.every_seconds=1e-6"
    async with bots.running(module_dirs=str(nets)) as parts:
        await train(
            owner,
            file=("bottles.txt", TEXT),
            module="nets/brittle.py",
            budget="100 steps",
            batch=256,
            settings=often,
            name="song",
        )
        question = await asked(owner, "song")
        await owner.click(question, "Go on")
        await owner.until(lambda m: m.id == question.id and "again" in m.content and not m.components, WITHIN)
        second = await asked(owner, "song", question)
        await owner.click(await owner.click(second, "Stop"), "Stop it")
        over = await ending(owner, "song", "stopped")
        await owner.click(over, "Try again")
        await asked(owner, "song-2", question, second)
        async with parts.database.snapshot() as tx:
            told, again = await events_of(tx, "song"), await events_of(tx, "song-2")
    assert guarded(told, 1) == guarded(told, 2) == guarded(again, 1) == TO_THE_QUESTION, (
        "it asks only once it went back"
    )
    starts = [event.resumed_step for event in (*told, *again) if isinstance(event, JobStarted)]
    assert starts[0] == 0 < starts[1] == starts[2]
    happened = shape(question.content.splitlines()[1])
    assert happened == shape(f"⚠️ At step 400: {stories.QUESTION.reason}.")
    assert happened in shape(TRAINING.read_text()), "the documents quote what it says"
