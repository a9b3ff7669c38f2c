from __future__ import annotations

from collections.abc import Mapping

import pytest

from bot.runs.intake import SUITED, Submission, check_fits, draft
from bot.runs.models import ModelChoice
from tests.bot.chat import cards
from trainer_core.data.card import DatasetCard, Images
from trainer_core.errors import Code, SpotterError
from trainer_core.models.specs import GPT2Spec, ImageCNNSpec
from trainer_core.spec import RunSpec, TokenizerSpec

PETS, TALKS = cards.pictures(), cards.dataset()


def drafted(card: DatasetCard, family: str | None = None) -> RunSpec:
    return draft(Submission(data=card.name, model=ModelChoice(family)), None, card.kind)


@pytest.mark.parametrize("card", [PETS, TALKS])
def test_what_nobody_chose_fits(card: DatasetCard) -> None:
    spec = drafted(card)
    check_fits(card, spec)
    assert spec.model.family == SUITED[card.kind]


@pytest.mark.parametrize(
    ("card", "family", "said", "next_step"),
    [
        (PETS, "gpt2", "`pets` holds pictures, and gpt2 learns from text", "image-cnn"),
        (TALKS, "image-cnn", "`talks` holds text, and image-cnn learns from pictures", "gpt2"),
    ],
)
def test_a_model_of_something_else_is_refused(card: DatasetCard, family: str, said: str, next_step: str) -> None:
    with pytest.raises(SpotterError) as refused:
        check_fits(card, drafted(card, family))
    assert (refused.value.code, refused.value.field) == (Code.MODEL_INCOMPATIBLE, "model")
    assert said in str(refused.value) and next_step in refused.value.next_step


def test_settings_of_a_model_that_nobody_chose_wait_for_the_data() -> None:
    mirrored = Submission(data="pets", overrides={"model": {"augment": "mirror"}})
    assert draft(mirrored).model == GPT2Spec()
    assert draft(mirrored, None, "images").model == ImageCNNSpec(augment="mirror")
    with pytest.raises(SpotterError, match=r"model\.augment: there is no such setting"):
        draft(mirrored, None, "text")


@pytest.mark.parametrize(
    ("model", "settings"),
    [(ModelChoice("gpt2"), {"augment": "mirror"}), (ModelChoice(), {"family": "gpt2", "augment": "mirror"})],
)
def test_settings_of_a_chosen_model_are_checked_at_once(model: ModelChoice, settings: Mapping[str, str]) -> None:
    with pytest.raises(SpotterError, match=r"model\.augment: there is no such setting"):
        draft(Submission(data="pets", model=model, overrides={"model": settings}))


def test_pictures_have_no_tokens() -> None:
    spec = drafted(PETS).model_copy(update={"tokenizer": TokenizerSpec(kind="bpe")})
    with pytest.raises(SpotterError) as refused:
        check_fits(PETS, spec)
    assert refused.value.field == "tokenizer" and "leave it out" in str(refused.value)


def test_classes_of_one_picture_each_cannot_be_held_out() -> None:
    lonely = cards.pictures(images=Images(classes={"cat": 1, "dog": 1}))
    with pytest.raises(SpotterError) as refused:
        check_fits(lonely, drafted(lonely))
    assert (refused.value.code, refused.value.field) == (Code.CORPUS_EMPTY, "data")
