"""Which size to train on a data set, and for how long: pure arithmetic on its card and the speed of the machine.

What a model learns from a text is estimated with the scaling law for limited data of Muennighoff et al. (2023,
"Scaling Data-Constrained Language Models"): reading a text again helps less each time, and so do parameters beyond
what the text can fill.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from trainer_core.budget import Budget
from trainer_core.data.card import DatasetCard, Images
from trainer_core.models.picture_sizes import multiplications, picture_shape
from trainer_core.models.sizes import SIZES, parameters
from trainer_core.models.specs import Size

PATIENCE = 30 * 60
"""Seconds that a first training may take."""
EPOCHS = 10
"""Times through the text after which another teaches little that is new."""
LEAST_STEPS = 200
"""A small data set is read more often than that: with fewer steps nothing is learnt at all."""
PICTURE_EPOCHS = 20
"""The same as `EPOCHS`, for pictures: a classifier is seldom near the last that they can teach before."""

_EFFICIENCY = 0.25
"""Share of the machine's rate of matrix products that training reaches, about."""
_STEP_SECONDS = 0.005
"""What a step takes besides its matrix products, about."""
_VOCABULARY = 8_192
_TRAINED_UPON = 0.9
"""Share of the text that is not held out."""
_PICTURES: Mapping[Size, int] = {"mini": 3_000, "small": 30_000}
"""From how many pictures a classifier of a larger size than tiny has enough to learn from."""
_ALIKE = 0.01
"""A larger size has to promise at least this much less loss, relatively."""

# The law's constants, as fitted on C4 in the paper.
_LOSS_OF_SIZE, _LOSS_OF_DATA, _EXPONENT = math.exp(6.255414), math.exp(7.3049974), 0.3526596
_HALF_LIFE_OF_SIZE, _HALF_LIFE_OF_DATA = 5.309743, 15.387756
_TOKENS_A_PARAMETER = (_LOSS_OF_DATA / _LOSS_OF_SIZE) ** (1 / _EXPONENT)
"""About 20: as many tokens as suit a parameter."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A size and a budget that suit a data set on this machine."""

    size: Size
    budget: str
    """As `Budget.parse` reads it."""
    tokens: int
    """Or pictures, that the run would train upon, those of every epoch counted."""
    seconds: float
    """That it would take."""
    reason: str
    """A sentence for a person."""


def suggest(card: DatasetCard, speeds: Mapping[Size, float]) -> Suggestion:
    """What to train on `card`, given the tokens/s at which one size of language model or more trains."""
    if card.images:
        return _for_pictures(card.images, max(speed * 6 * _weights(size) for size, speed in speeds.items()))
    unique = max(1, round(card.tokens * _TRAINED_UPON))
    losses = {
        size: expected_loss(_weights(size), min(EPOCHS * unique, PATIENCE * speeds[size]), unique)
        for size in SIZES
        if size in speeds
    }
    good_enough = min(losses.values()) * (1 + _ALIKE)
    size = next(size for size, loss in losses.items() if loss <= good_enough)
    return _plan(size, speeds[size], unique)


def speeds_from(gflops: float) -> dict[Size, float]:
    """About how many tokens/s each size trains at, where a float32 matrix product runs at `gflops`."""
    rate = _EFFICIENCY * gflops * 1e9
    return {
        size: shape.tokens_per_step / (_STEP_SECONDS + 6 * _weights(size) * shape.tokens_per_step / rate)
        for size, shape in SIZES.items()
    }


def expected_loss(parameters: float, tokens: float, unique: float) -> float:
    """The part of the loss that size and data can still do something about, after `tokens` of a text of `unique`."""
    unique = min(unique, tokens)
    filled = min(parameters, unique / _TOKENS_A_PARAMETER)
    size = _worth(filled, parameters, _HALF_LIFE_OF_SIZE)
    data = _worth(unique, tokens, _HALF_LIFE_OF_DATA)
    return float(_LOSS_OF_SIZE / size**_EXPONENT + _LOSS_OF_DATA / data**_EXPONENT)


def _worth(first: float, total: float, half_life: float) -> float:
    """What `total` is worth, when all beyond `first` repeats it and is worth less each time."""
    repeats = total / first - 1
    return first + first * half_life * (1 - math.exp(-repeats / half_life))


def _plan(size: Size, speed: float, unique: int) -> Suggestion:
    """The training of one size: until the text has no more to teach, or patience ends."""
    least = LEAST_STEPS * SIZES[size].tokens_per_step
    if max(least, EPOCHS * unique) > PATIENCE * speed:
        tokens = max(1, round(PATIENCE * speed))
        budget = Budget(amount=PATIENCE, unit="seconds")
        reason = f"{size} learns the most from this text in {PATIENCE // 60} minutes on this machine"
    elif least > EPOCHS * unique:
        tokens, budget = least, Budget(amount=LEAST_STEPS, unit="steps")
        reason = f"{size} is more than this text can fill; fewer than {LEAST_STEPS} steps teach nothing"
    else:
        tokens, budget = EPOCHS * unique, Budget(amount=EPOCHS, unit="epochs")
        reason = f"{size} is as large as this text can fill, and reading it more than {EPOCHS} times adds little"
    return Suggestion(size, str(budget), tokens, tokens / speed, reason)


def _for_pictures(images: Images, rate: float) -> Suggestion:
    """The largest classifier for which there are enough pictures and time, at `rate` operations a second."""
    unique = max(1, round(sum(images.classes.values()) * _TRAINED_UPON))
    fitting: list[Size] = ["tiny", *(size for size, least in _PICTURES.items() if unique >= least)]
    speeds = {size: _pictures_a_second(size, images, rate) for size in fitting}
    size = next((size for size in reversed(fitting) if PICTURE_EPOCHS * unique <= PATIENCE * speeds[size]), "tiny")
    least = LEAST_STEPS * picture_shape(size).recipe.per_step
    pictures = max(least, PICTURE_EPOCHS * unique)
    if pictures > PATIENCE * speeds[size]:
        pictures, budget = max(1, round(PATIENCE * speeds[size])), Budget(amount=PATIENCE, unit="seconds")
        reason = f"more time than {PATIENCE // 60} minutes would teach it more"
    elif least > PICTURE_EPOCHS * unique:
        budget = Budget(amount=LEAST_STEPS, unit="steps")
        reason = f"fewer than {LEAST_STEPS} steps teach little, and these pictures need no larger model"
    else:
        budget = Budget(amount=PICTURE_EPOCHS, unit="epochs")
        reason = f"{size} suits so many pictures; it looks at each {PICTURE_EPOCHS} times"
    return Suggestion(size, str(budget), pictures, pictures / speeds[size], reason)


def _pictures_a_second(size: Size, images: Images, rate: float) -> float:
    shape = picture_shape(size)
    side = min(shape.largest_side, max(1, min(images.largest)))
    return 1 / (6 * multiplications(size, 3, side) / rate + _STEP_SECONDS / shape.recipe.per_step)


def _weights(size: Size) -> int:
    known = parameters(size, _VOCABULARY)
    assert known is not None, "the dial tells of GPT-2"
    return known
