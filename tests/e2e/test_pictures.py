"""From a zip of pictures in the chat to a classifier: dropped, trained on with a button, told class by class."""

from __future__ import annotations

import aiohttp
import pytest

from playground.messages import Message
from playground.people import Person
from tests.e2e.conftest import WITHIN, Bots, ending, fields, title
from tests.trainer_core.data.album import EACH, PATTERNS, patterns, zipped
from trainer_core.data import advice
from trainer_core.evals.classes import ClassReport
from trainer_core.export.model_folder import verify


def is_card(message: Message) -> bool:
    return message.author.bot and "🖼️ patterns" in title(message) and bool(message.components)


async def test_a_dropped_zip_of_pictures_becomes_a_classifier(
    bots: Bots, owner: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(advice, "LEAST_STEPS", 20)
    monkeypatch.setattr(advice, "PICTURE_EPOCHS", 1)
    pictures = patterns(EACH) | {"patterns/rows/broken.png": b"no picture"}
    async with bots.running():
        await owner.write("", ("Patterns.zip", zipped(pictures)))
        card = await owner.until(is_card, WITHIN)
        labels = [button["label"] for row in card.components for button in row["components"]]
        await owner.click(card, next(label for label in labels if label.startswith("Train")))
        (run,) = [str(choice.value) for choice in await owner.autocomplete("trainer stop", "run", "")]
        end = await ending(owner, run, "finished")
        done = await owner.until(lambda m: m.id == end.id and "image" in m.embeds[0], WITHIN)
        url = done.embeds[0]["image"]["url"]
        async with aiohttp.ClientSession() as session, session.get(url) as picture:
            assert (await picture.read()).startswith(b"\x89PNG")
        status = await owner.slash("trainer status", run=run)

    assert fields(card)["In each class"] == "bars 12 · checks 12 · rows 12"
    assert fields(card)["⚠️ Unreadable"] == "one file left out"
    assert "confusion.png" in url and "Accuracy" in done.content
    shown = fields(done)
    assert all(name in shown["Each class"] for name in PATTERNS)
    assert float(shown["Accuracy"].split(" → ")[1].rstrip(" %")) > 60
    assert status.message is not None and "confusion.png" in str(status.message.to_dict())
    directory = bots.home.run(run)
    newest = max(directory.evaluations.iterdir())
    assert ClassReport.model_validate_json(newest.read_bytes()).classes == PATTERNS
    assert verify(directory.export) == []
    assert str(bots.home.path) not in str([m.to_dict() for m in owner.inbox()]), "no paths in chat"
