"""A tokenizer that a person wishes for, as an order; what is known to be wrong with it is said at once. Pure."""

from __future__ import annotations

from pydantic import ValidationError

from bot.catalog.named import invalid
from bot.catalog.wanted import TokenizerWish
from trainer_core.data.card import DatasetCard
from trainer_core.errors import Code, SpotterError
from trainer_core.files.layout import Home
from trainer_core.spec import TokenizerSpec
from trainer_core.tasks.orders import MakeTokenizer
from trainer_core.tokenizers.strategy import choose


def tokenizer_order(
    home: Home, added_by: str, wish: TokenizerWish, dataset: DatasetCard | None, family: str | None
) -> MakeTokenizer:
    """`dataset` is what the wish names, and `family` where it is loaded from.

    Raises CONFIG_INVALID with what does not belong together, TOKENIZER_TRAIN_FAILED if the text is too short.
    """
    try:
        order = MakeTokenizer(
            home=home.path,
            kind=wish.kind,
            added_by=added_by,
            name=wish.name,
            dataset=dataset and dataset.name,
            vocabulary=wish.vocabulary,
            family=family,
            file=wish.file and wish.file.path,
            filename=wish.file and wish.file.filename,
            strict=wish.strict,
        )
    except ValidationError as error:
        raise invalid(error, "name") from error
    if dataset is not None and dataset.kind != "text":
        raise SpotterError(
            Code.CONFIG_INVALID, f"`{dataset.name}` holds pictures", field="data", next_step="Name a data set of text."
        )
    if dataset is not None and order.kind not in ("characters", "pretrained", "upload"):
        choose(TokenizerSpec(kind=order.kind, vocabulary=order.vocabulary), "", dataset.characters)
    return order
