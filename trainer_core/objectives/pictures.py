"""From a data set of pictures to what a classifier learns from it."""

from __future__ import annotations

from trainer_core.attended import Told, unheard
from trainer_core.data.card import DatasetCard
from trainer_core.data.pictures import build_pictures
from trainer_core.data.stratified import stratified
from trainer_core.errors import Code, SpotterError
from trainer_core.files.layout import RunDirectory
from trainer_core.models.families import FAMILIES
from trainer_core.models.picture_sizes import picture_shape
from trainer_core.models.specs import ImageCNNSpec, PretrainedSpec
from trainer_core.objectives.classification import Classification
from trainer_core.spec import RunSpec


def pictures(run: RunDirectory, card: DatasetCard, spec: RunSpec, told: Told = unheard) -> Classification:
    """The pictures of `card` as the run's model is to learn them; reports go into the run's folder.

    `told` hears how much of the work is done. Raises MODEL_INCOMPATIBLE if the model reads none, CORPUS_UNREADABLE if
    they are not what they were, CORPUS_EMPTY if none can be held out, OSError.
    """
    model = spec.model
    if "images" not in FAMILIES[model.family].learns_from or isinstance(model, PretrainedSpec):
        raise SpotterError(
            Code.MODEL_INCOMPATIBLE,
            f"{card.name} holds pictures, and {model.family} learns from text",
            field="model.family",
            next_step="Take image-cnn, or a data set of text.",
        )
    if spec.data.sha256 and spec.data.sha256 != card.content:
        raise SpotterError(
            Code.CORPUS_UNREADABLE,
            f"{card.name} does not hold the pictures it held when the run was asked for; start the run again",
            field="data.sha256",
        )
    side = model.side if isinstance(model, ImageCNNSpec) else None
    album = build_pictures(run.home.dataset(card.name), card, side, picture_shape(model.size).largest_side, told)
    sides = stratified(album.labels, album.keys, spec.data.validation_fraction, spec.seed)
    if not len(sides.validation):
        raise SpotterError(
            Code.CORPUS_EMPTY,
            f"no class of {card.name} has two different pictures, so that none can be held out",
            field="data.dataset",
            next_step="Add a data set with more pictures of each class.",
        )
    augment = model.augment if isinstance(model, ImageCNNSpec) else "none"
    return Classification(album, sides, spec.seed, run.evaluations, augment)
