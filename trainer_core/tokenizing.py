"""Which tokenizer a run trains with: what the strategy chooses at first, and that one ever after."""

from __future__ import annotations

from dataclasses import dataclass

from trainer_core.attended import Told
from trainer_core.data.card import DatasetCard
from trainer_core.data.documents import Documents
from trainer_core.data.spans import bytes_in, sample
from trainer_core.data.split import Split
from trainer_core.errors import Code, SpotterError
from trainer_core.files.layout import Home
from trainer_core.models.places import Places
from trainer_core.models.pretrained import kept
from trainer_core.models.specs import PretrainedSpec
from trainer_core.spec import RunSpec
from trainer_core.tokenizers import shelf
from trainer_core.tokenizers.characters import character_tokenizer, suited_vocabulary
from trainer_core.tokenizers.located import available
from trainer_core.tokenizers.pretrained import for_run, of_model
from trainer_core.tokenizers.strategy import Available, Choice, Tier, choose, first_made
from trainer_core.tokenizers.tokenizer import Tokenizer
from trainer_core.tokenizers.train import made_for

_MOST = 256 * 2**20
"""Bytes of text that a tokenizer is trained on, from all over the training text: more changes little, and counting
the words of a text takes memory.
"""


_LOOKED_AT = 16 * 2**20
"""Bytes of text whose characters are counted."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """The tokenizer of a run, as its checkpoints name it."""

    name: str
    """Of its folder under `$SPOTTER_HOME/tokenizers`."""
    sha256: str
    reason: str
    """Why this one, as half a sentence."""


def choice_for(home: Home, spec: RunSpec, card: DatasetCard, began_with: Chosen | None) -> Choice:
    """What the strategy makes of the spec, the text and what is on this machine; or what the run began with.

    Raises what `choose` raises.
    """
    if began_with is None:
        return _strategy(home, spec, card)
    try:
        again = _strategy(home, spec, card)
    except SpotterError:  # it was there when the run began
        fallbacks: tuple[Choice, ...] = ()
    else:
        fallbacks = (again, *again.fallbacks)
    return Choice(Tier.NAMED, "saved", began_with.reason, began_with.name, fallbacks=fallbacks)


def tokenizer_for(
    places: Places,
    spec: RunSpec,
    choice: Choice,
    card: DatasetCard,
    documents: Documents,
    split: Split,
    began_with: Chosen | None,
    told: Told,
) -> tuple[Tokenizer, Chosen]:
    """The tokenizer of the choice, or of the first of its fallbacks that can be had.

    Raises SpotterError (TOKENIZER_*; MODEL_* for the model that it comes with), TOKENIZER_NOT_FOUND if it is not what
    the run began with; OSError.
    """
    home = places.run.home

    def make(choice: Choice) -> Tokenizer:
        vocabulary = choice.vocabulary or 0
        match choice.kind:
            case "saved":
                return shelf.open_tokenizer(home.tokenizer(choice.name or ""))
            case "pretrained":
                return for_run(home, choice.name or "")
            case "source":
                assert isinstance(spec.model, PretrainedSpec), "other models have none"
                return of_model(home, kept(spec.model, places))
            case "characters":
                suited = vocabulary or suited_vocabulary(sample(documents, split.train, _LOOKED_AT))
                return character_tokenizer(home, suited)
            case trained:
                texts, total = sample(documents, split.train, _MOST), min(_MOST, bytes_in(split.train))
                return made_for(
                    home,
                    f"{card.content}, {split.key}",
                    trained,
                    texts,
                    vocabulary,
                    lambda taken: told(min(1.0, taken / total) / 2),  # the other half is not reading
                    fewer=spec.tokenizer.vocabulary is None,
                )

    tokenizer, reason = first_made(choice, make)
    if began_with is None:
        return tokenizer, Chosen(tokenizer.name, tokenizer.sha256, reason)
    if tokenizer.sha256 != began_with.sha256:
        raise SpotterError(
            Code.TOKENIZER_NOT_FOUND,
            f"the tokenizer {began_with.name}, which the run began with, is gone or was changed",
            field="tokenizer",
            next_step="Start a new run.",
        )
    return tokenizer, began_with


def _strategy(home: Home, spec: RunSpec, card: DatasetCard) -> Choice:
    saved = {known.name: known.vocabulary for known in shelf.list_cards(home)}
    return choose(spec.tokenizer, spec.model.family, card.characters, Available(saved, available()))
