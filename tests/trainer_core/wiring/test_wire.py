"""The golden table: what people's modules are fed with, and which of them are refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from tests.trainer_core.wiring import nets
from trainer_core.errors import Code, SpotterError
from trainer_core.models.data import Data, PictureData, TextData
from trainer_core.wiring.wire import wire
from trainer_core.wiring.wired import Wired
from trainer_core.wiring.written import written

TEXT = TextData(nets.VOCABULARY, nets.CONTEXT, end_of_text=0)
PICTURES = PictureData(nets.CLASSES, channels=3, side=nets.SIDE)

TOKENS = {"batch": "input_ids"}
EMBEDDED = {"call": "embedding_0", "with": {"input_0_tokens": TOKENS}}
ATTENDED = {"call": "mhsa_0", "with": {"embedding_0_output": EMBEDDED}, "take": 0}

GOLDEN: list[tuple[Callable[[], nn.Module], dict[str, object]]] = [
    (nets.Simple, {"x": TOKENS}),
    (nets.PlaceOnly, {"tokens": TOKENS}),
    (nets.KeywordOnly, {"token_ids": TOKENS, "scale": "drop"}),
    (nets.Defaults, {"idx": TOKENS, "x": "drop", "temperature": "drop"}),
    (nets.Extras, {"input_ids": TOKENS}),
    (nets.GPT, {"idx": TOKENS, "targets": {"batch": "targets"}, "return": 0}),
    (nets.Bigram, {"idx": TOKENS, "targets": "drop", "return": 0}),
    (nets.LossToo, {"tokens": TOKENS, "labels": {"batch": "targets"}, "return": "logits"}),
    (nets.Insisting, {"tokens": TOKENS, "labels": {"batch": "targets"}, "return": 1}),
    (
        nets.BERT,
        {
            "input_ids": TOKENS,
            "attention_mask": {"batch": "attention_mask"},
            "token_type_ids": {"batch": "token_type_ids"},
            "position_ids": {"batch": "position_ids"},
            "head_mask": "drop",
            "inputs_embeds": "drop",
        },
    ),
    (nets.InDataclass, {"tokens": TOKENS, "return": "scores"}),
    (nets.InNamedTuple, {"tokens": TOKENS, "return": "scores"}),
    (nets.InDict, {"tokens": TOKENS, "return": "scores"}),
    (nets.InTuple, {"tokens": TOKENS, "return": 1}),
    (nets.InObject, {"tokens": TOKENS, "return": "logits"}),
    (nets.Looking, {"tokens": TOKENS}),
    (
        nets.Chain,
        {
            "input_0_tokens": TOKENS,
            "mhsa_0_output": ATTENDED,
            "ffn_0_output": {
                "call": "ffn_0",
                "with": {
                    "mhsa_0_output": {"call": "mhsa_0", "take": 0},
                    "embedding_0_output": {"call": "embedding_0"},
                    "scale": "drop",
                },
            },
        },
    ),
    (nets.Residue, {"input_0_tokens": TOKENS, "ffn_0_output": "drop"}),
    (nets.HalfResidue, {"input_0_tokens": TOKENS, "embedding_0_output": EMBEDDED, "mhsa_0_output": "drop"}),
    (nets.Tied, {"input_0_tokens": TOKENS, "embedding_0_output": EMBEDDED}),
    (
        nets.Nested,
        {
            "input_0_tokens": TOKENS,
            "stem_embedding_0_output": {"call": "stem.embedding_0", "with": {"input_0_tokens": TOKENS}},
        },
    ),
    (
        nets.Plain,
        {"input_0_tokens": TOKENS, "embedding_0_output": {"call": "embedding_0", "with": {"input": TOKENS}}},
    ),
]

PIXELS = {"batch": "pixel_values"}
GOLDEN_PICTURES: list[tuple[Callable[[], nn.Module], dict[str, object]]] = [
    (nets.Picture, {"image": PIXELS, "label": "drop"}),
    (
        nets.PictureChain,
        {"backbone_0_output": {"call": "backbone_0", "with": {"input_0_image": PIXELS}}, "return": "logits"},
    ),
]


@pytest.mark.parametrize(
    ("make", "data", "expected"),
    [(make, TEXT, expected) for make, expected in GOLDEN]
    + [(make, PICTURES, expected) for make, expected in GOLDEN_PICTURES],
    ids=lambda each: getattr(each, "__name__", ""),
)
def test_a_signature_has_one_wiring(make: Callable[[], nn.Module], data: Data, expected: dict[str, object]) -> None:
    module = make()
    before = {name: weight.clone() for name, weight in module.state_dict().items()}
    model = wire(module, data)
    found = written(model.wiring)
    assert found == expected
    assert not changed(module, before), "a trial leaves the module as it is"
    assert logits(model, data).shape == ((3, 5, 11) if data is TEXT else (3, 3))
    again = wire(module, data, json.loads(json.dumps(found)))
    assert written(again.wiring) == expected
    assert torch.equal(logits(again.train(False), data), logits(model.train(False), data))


def test_what_is_called_outside_is_what_the_module_would_have_called() -> None:
    module = nets.Chain()
    tokens = text()
    embedded = module.embedding_0(tokens)
    attended, _ = module.mhsa_0(embedded)
    expected = module.head(attended + module.ffn_0(attended, embedded))
    assert torch.equal(wire(module, TEXT)(input_ids=tokens), expected)


REFUSED: list[tuple[Callable[[], nn.Module], str]] = [
    (nets.Vague, "input of ffn_0 could be the tokens, or what embedding_0 returns"),
    (nets.Twice, "forward asks for embedding_0_output, and calls embedding_0 itself as well"),
    (nets.LookingChain, "it cannot be seen whether forward calls embedding_0 itself"),
    (nets.Starred, "forward takes *args, which could be anything"),
    (nets.TwoReaders, "tokens and x of forward could each be the tokens"),
    (nets.TwoLogits, "forward returns 2 tensors of shape (batch, time, vocabulary)"),
    (nets.Hidden, "nothing feeds hidden of forward"),
    (nets.TwoNamesakes, "block_0_output of forward could be what block.0 or block_0 returns"),
    (nets.ManyParts, "lstm_0 returns 2 tensors"),
    (nets.Stranger, "nothing feeds waves of forward"),
]
HOPELESS: list[tuple[Callable[[], nn.Module], str]] = [
    (nets.Circle, "first needs second needs first: none of them can be called first"),
    (nets.LossOnly, "forward returns a loss only; it has to return logits of shape (batch, time, vocabulary)"),
    (nets.Nothing, "nothing that forward asks for reads like the tokens (input_ids)"),
    (nets.Turned, "swap the last two dimensions"),
    (nets.Flat, "leave batch and time apart"),
]


@pytest.mark.parametrize(("make", "words"), REFUSED, ids=lambda each: getattr(each, "__name__", ""))
def test_what_is_not_clear_is_refused_with_a_wiring_that_works(make: Callable[[], nn.Module], words: str) -> None:
    refusal = refused(make)
    assert words in refusal.message
    model = wire(make(), TEXT, proposed(refusal))
    assert logits(model, TEXT).shape == (3, 5, 11)


@pytest.mark.parametrize(("make", "words"), HOPELESS, ids=lambda each: getattr(each, "__name__", ""))
def test_what_no_wiring_can_help_is_refused_with_what_is_known(make: Callable[[], nn.Module], words: str) -> None:
    refusal = refused(make)
    assert words in refusal.message
    assert proposed(refusal).keys() == {name for name in ("tokens", "labels", "first_output") if name in asked_by(make)}


def test_a_wiring_says_as_much_as_it_likes() -> None:
    said = {"ffn_0_output": {"call": "ffn_0", "with": {"scale": {"const": 0.0}}}}
    model = wire(nets.Chain(), TEXT, said)
    known = written(model.wiring)
    assert known["mhsa_0_output"] == ATTENDED
    module = model.module
    assert isinstance(module, nets.Chain)
    assert torch.equal(logits(model, TEXT), module.head(module.mhsa_0(module.embedding_0(text()))[0]))


@pytest.mark.parametrize(
    ("said", "field", "words"),
    [
        ({"y": TOKENS}, "model.wiring.y", "forward has no parameter y; it has x"),
        ({"x": {"call": "bed"}}, "model.wiring.bed", "there is no submodule bed; there are embed, head"),
        ({"x": {"batch": "pixels"}}, "model.wiring.pixels", "a batch has no field pixels; it has input_ids"),
    ],
)
def test_a_wiring_that_names_what_is_not_there_is_wrong(said: dict[str, object], field: str, words: str) -> None:
    with pytest.raises(SpotterError, match=words) as raised:
        wire(nets.Simple(), TEXT, said)
    assert (raised.value.code, raised.value.field) == (Code.CONFIG_INVALID, field)


@pytest.mark.parametrize(
    ("make", "said", "field", "words"),
    [
        (nets.Simple, {"return": "logit"}, "return", "forward returns nothing called logit: it is one tensor"),
        (nets.Simple, {"return": "x"}, "return", "forward returns nothing called x"),
        (nets.InTuple, {"return": 5}, "return", "forward returns nothing called 5; there are 0, 1"),
        (nets.InDict, {"return": "logits"}, "return", "nothing called logits; there are hidden, scores"),
        (
            nets.Plain,
            {"embedding_0_output": {"call": "embedding_0", "take": "T"}},
            "embedding_0_output",
            "embedding_0 returns nothing called T: it is one tensor",
        ),
    ],
)
def test_a_part_that_is_not_there_is_named(
    make: Callable[[], nn.Module], said: dict[str, object], field: str, words: str
) -> None:
    with pytest.raises(SpotterError, match=words) as raised:
        wire(make(), TEXT, said)
    assert (raised.value.code, raised.value.field) == (Code.CONFIG_INVALID, f"model.wiring.{field}")


def test_a_mask_that_keeps_documents_apart_is_tried_in_its_own_shape() -> None:
    apart = replace(TEXT, apart=True)
    with pytest.raises(SpotterError, match="documents are kept apart by an attention_mask") as raised:
        wire(nets.Simple(), apart)
    assert raised.value.field == "data.attend"
    with pytest.raises(AssertionError):
        wire(nets.BERT(), apart)
    mask = torch.ones(5, 5, dtype=torch.bool).tril().expand(3, 1, 5, 5)
    model = wire(nets.Attending(), apart)
    given = model(input_ids=text(), attention_mask=mask)
    assert torch.equal(model(input_ids=text()), given), "what reads one document is given no mask"


def test_a_return_that_holds_no_logits_is_refused() -> None:
    with pytest.raises(SpotterError, match="were expected") as raised:
        wire(nets.InTuple(), TEXT, {"return": 0})
    assert raised.value.field == "model.wiring"


def test_the_end_of_a_text_can_be_read() -> None:
    with pytest.raises(SpotterError, match=r"forward reads 6 tokens, and returns \(2, 6, 11\) for fewer") as raised:
        wire(nets.FixedLength(), TEXT)
    assert (raised.value.code, raised.value.field) == (Code.MODEL_INCOMPATIBLE, "model.file")


def test_documents_are_kept_apart_where_forward_can() -> None:
    mask = torch.ones(3, 5, dtype=torch.long)
    mask[:, 0] = 0
    with pytest.raises(SpotterError, match="documents are kept apart by an attention_mask") as raised:
        wire(nets.Simple(), TEXT)(input_ids=text(), attention_mask=mask)
    assert raised.value.field == "data.attend"
    model = wire(nets.BERT(), TEXT)
    assert not model(input_ids=text(), attention_mask=mask)[:, 0].any()
    assert model(input_ids=text())[:, 0].any(), "nothing is masked unless the batch says so"


def test_a_wired_module_is_one_graph() -> None:
    model = wire(nets.Chain(), TEXT)
    compiled = torch.compile(model, backend="eager", fullgraph=True)
    assert torch.equal(compiled(input_ids=text()), model(input_ids=text()))


def refused(make: Callable[[], nn.Module]) -> SpotterError:
    with pytest.raises(SpotterError) as raised:
        wire(make(), TEXT)
    assert (raised.value.code, raised.value.field) == (Code.MODEL_INCOMPATIBLE, "model.wiring")
    return raised.value


def proposed(refusal: SpotterError) -> dict[str, object]:
    """What a person pastes."""
    wiring = json.loads(refusal.next_step.partition("wiring: ")[2])
    assert isinstance(wiring, dict)
    return wiring


def asked_by(make: Callable[[], nn.Module]) -> set[str]:
    return set(make().forward.__code__.co_varnames)


def text() -> Tensor:
    return torch.arange(15).view(3, 5) % nets.VOCABULARY


def logits(model: Wired, data: Data) -> Tensor:
    pictures = torch.linspace(0, 1, 3 * 3 * nets.SIDE**2).view(3, 3, nets.SIDE, nets.SIDE)
    found = model(input_ids=text()) if data is TEXT else model(pixel_values=pictures)
    assert isinstance(found, Tensor)
    return found


def changed(module: nn.Module, before: dict[str, Tensor]) -> list[str]:
    return [name for name, weight in module.state_dict().items() if not torch.equal(weight, before[name])]
