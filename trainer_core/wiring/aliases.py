"""What people call the things that a model is fed with, and made with. Needs no torch."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from trainer_core.models.data import Data, PictureData, TextData


@dataclass(frozen=True, slots=True)
class Fields:
    """The fields of a batch, and the names that parameters have that mean them."""

    main: str
    """What is learnt from; every batch brings it."""
    noun: str
    """What it holds, in the plural."""
    told: Mapping[str, str]
    """The field that a parameter's name stands for."""
    numbered: re.Pattern[str]
    """Further names for the main field."""
    vague: frozenset[str]
    """Names that mean the main field where there is nothing else: in the module's own `forward`."""
    sometimes: frozenset[str] = frozenset()
    """What not every batch brings: a parameter with a default keeps it then, another one is fed with a stand-in."""
    apart: bool = False
    """Whether masks say of each token which others it sees, (batch, 1, time, time), or which tokens there are."""

    @property
    def names(self) -> tuple[str, ...]:
        """Every field there is, the main one first."""
        return tuple(dict.fromkeys((self.main, *self.told.values())))

    def meant_by(self, parameter: str) -> str | None:
        """The field that a parameter's name says; None if it says none, or only vaguely."""
        return self.main if self.numbered.fullmatch(parameter) else self.told.get(parameter)


def _meaning(names: Mapping[str, str]) -> dict[str, str]:
    return {alias: field for field, aliases in names.items() for alias in (field, *aliases.split())}


_VAGUE = frozenset("x input inputs data batch".split())
_TARGETS = "target targets label labels"

TEXT = Fields(
    main="input_ids",
    noun="tokens",
    told=_meaning(
        {
            "input_ids": "tokens token_ids input_tokens token_indices ids idx indices",
            "attention_mask": "attn_mask",
            "position_ids": "positions pos_ids",
            "token_type_ids": "token_types segment_ids segments",
            "targets": _TARGETS,
        }
    ),
    numbered=re.compile(r"(?:input_\d+|inputs?)_(?:tokens|ids|input_ids)|(?:tokens|input_ids)_\d+"),
    vague=_VAGUE | frozenset("sequence sequences seq src text".split()),
    sometimes=frozenset({"attention_mask", "position_ids"}),
)
PICTURES = Fields(
    main="pixel_values",
    noun="pictures",
    told=_meaning({"pixel_values": "pixels image images img imgs picture pictures", "targets": _TARGETS}),
    numbered=re.compile(r"(?:input_\d+|inputs?)_(?:pixels|pixel_values|images?|pictures?)|(?:image|picture)s?_\d+"),
    vague=_VAGUE,
)


def fields_of(data: Data) -> Fields:
    """Of the batches that a model for `data` learns from."""
    return replace(TEXT, apart=data.apart) if isinstance(data, TextData) else PICTURES


_VOCABULARY = "vocabulary vocab vocab_size vocabulary_size n_vocab num_vocab num_tokens n_tokens ntoken num_embeddings"
_CONTEXT = """
    context context_length context_size context_len block_size max_len max_length max_seq_len max_seq_length seq_len
    seq_length sequence_length n_ctx n_positions max_positions max_position_embeddings
"""
_END = "end_of_text eos eos_id eos_token_id eot_token"
_CLASSES = "classes num_classes n_classes class_count num_labels n_labels"
_CHANNELS = "channels in_channels in_chans input_channels num_channels n_channels"
_SIDE = "side image_size img_size input_size picture_size"


def known_arguments(data: Data) -> dict[str, int]:
    """What a constructor is given by the data, under every name that means it."""
    match data:
        case TextData():
            known: Iterable[tuple[str, int]] = (
                (_VOCABULARY, data.vocabulary),
                (_CONTEXT, data.context),
                (_END, data.end_of_text),
            )
        case PictureData():
            known = ((_CLASSES, len(data.classes)), (_CHANNELS, data.channels), (_SIDE, data.side))
    return {alias: value for aliases, value in known for alias in aliases.split()}
