"""SentencePiece `.model` files (an extra), written as the `tokenizers` library has them."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

from trainer_core.tokenizers.adopt import refused

_SPACE = "▁"
"""What SentencePiece writes a space as."""
_UNIGRAM, _BPE = 1, 2
_NORMAL, _UNKNOWN, _CONTROL, _USER_DEFINED = 1, 2, 3, 4
_NEVER = 1_000.0
"""So much less likely than any other are the pieces that are no text: what spells one has spelt it, not used it."""


def converted(data: bytes, name: str) -> tuple[Tokenizer, dict[str, str]]:
    """The tokenizer in a `.model` file, and its special tokens by the names that transformers has for them.

    Raises TOKENIZER_LOAD_FAILED, which calls it `name`, if the extra is not installed or it is a model of another
    sort; whatever protobuf and the library raise if it is no such file.
    """
    proto = _parsed(data, name)
    trainer = proto.trainer_spec
    if trainer.model_type == _UNIGRAM:
        model: models.Model = _unigram(proto)
    elif trainer.model_type == _BPE:
        model = _bpe(proto)
    else:
        raise refused(name, "is a SentencePiece model of words or characters, not of pieces")
    tokenizer = Tokenizer(model)
    for kind, special in ((_CONTROL, True), (_UNKNOWN, True), (_USER_DEFINED, False)):
        tokenizer.add_tokens(
            [AddedToken(piece.piece, special=special, normalized=False) for piece in proto.pieces if piece.type == kind]
        )
    tokenizer.normalizer = _normalizer(proto.normalizer_spec)
    if _keeps_words_apart(proto):
        tokenizer.pre_tokenizer = pre_tokenizers.Split(_SPACE, "merged_with_next")
    tokenizer.decoder = _decoder(proto)
    parts = {
        "bos_token": trainer.bos_piece if trainer.bos_id >= 0 else "",
        "eos_token": trainer.eos_piece if trainer.eos_id >= 0 else "",
        "pad_token": trainer.pad_piece if trainer.pad_id >= 0 else "",
    }
    return tokenizer, {part: token for part, token in parts.items() if token}


def _parsed(data: bytes, name: str) -> Any:  # Any: what protobuf makes has no types
    try:
        library = import_module("sentencepiece.sentencepiece_model_pb2")
    except ImportError as error:
        raise refused(
            name,
            "needs SentencePiece, which is not installed",
            "Run `pip install -c constraints.txt -e '.[sentencepiece]'` in Spotter's folder, "
            "or give its tokenizer.json.",
        ) from error
    proto = library.ModelProto()
    proto.ParseFromString(data)
    return proto


def _unigram(proto: Any) -> models.Model:
    never = min(piece.score for piece in proto.pieces) - _NEVER
    pieces = [(piece.piece, piece.score if piece.type == _NORMAL else never) for piece in proto.pieces]
    return models.Unigram(pieces, proto.trainer_spec.unk_id, proto.trainer_spec.byte_fallback)


def _bpe(proto: Any) -> models.Model:
    """The merges are those of any two pieces that make a third one, in the order of what they make."""
    normal = {piece.piece: piece.score for piece in proto.pieces if piece.type == _NORMAL}
    ids = {piece.piece: index for index, piece in enumerate(proto.pieces)}
    merges = []
    for piece in sorted(normal, key=lambda piece: -normal[piece]):
        halves = ((piece[:cut], piece[cut:]) for cut in range(1, len(piece)))
        known = [(left, right) for left, right in halves if left in normal and right in normal]
        merges += sorted(known, key=lambda pair: (ids[pair[0]], ids[pair[1]]))
    return models.BPE(
        ids,
        merges,
        unk_token=proto.trainer_spec.unk_piece,
        fuse_unk=True,
        byte_fallback=proto.trainer_spec.byte_fallback,
    )


def _normalizer(spec: Any) -> normalizers.Normalizer:
    steps: list[normalizers.Normalizer] = []
    if spec.precompiled_charsmap:
        steps.append(normalizers.Precompiled(spec.precompiled_charsmap))
    if spec.remove_extra_whitespaces:
        steps += [normalizers.Strip(), normalizers.Replace(Regex(" {2,}"), " ")]
    if spec.add_dummy_prefix:
        steps.append(normalizers.Prepend(_SPACE))
    steps.append(normalizers.Replace(" ", _SPACE))
    return normalizers.Sequence(steps)


def _keeps_words_apart(proto: Any) -> bool:
    """Whether no piece goes on after a space, so that words can be taken one by one, which is much quicker."""
    return not any(_SPACE in piece.piece[1:] for piece in proto.pieces if piece.type in (_NORMAL, _USER_DEFINED))


def _decoder(proto: Any) -> decoders.Decoder:
    steps: list[decoders.Decoder] = [decoders.Replace(_SPACE, " ")]
    if proto.trainer_spec.byte_fallback:
        steps.append(decoders.ByteFallback())
    steps.append(decoders.Fuse())
    if proto.normalizer_spec.add_dummy_prefix:
        steps.append(decoders.Strip(" ", 1, 0))
    return decoders.Sequence(steps)
