"""A step: what it learns from, and that how it is cut into forward passes changes nothing but rounding."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from tests.trainer_core.conftest import small_spec, weights
from trainer_core.compute.mode import Mode
from trainer_core.objectives.next_token import NextToken
from trainer_core.spec import RunSpec
from trainer_core.training import Training

Make = Callable[[RunSpec], Training]


def attending(training: Make, how: str) -> Training:
    return training(small_spec(data={"dataset": "gym", "attend": how}))


def reads(training: Training) -> NextToken:
    assert isinstance(training.objective, NextToken)
    return training.objective


def packed(training: Training) -> tuple[Tensor, list[Tensor]]:
    """Two windows, and the documents in them, each from its end of text up to the next document's."""
    end = reads(training).tokenizer.end_of_text
    ordinary = [token for token in range(20) if token != end]
    documents = [torch.tensor([end, *ordinary[:size], end]) for size in (5, 9, 3)]
    rows = [torch.cat([documents[number][:-1] for number in order]) for order in ([0, 1, 2], [2, 1, 0])]
    return torch.stack([torch.cat([row, torch.tensor([end])]) for row in rows]), documents


@torch.no_grad()
def losses(training: Training, windows: Tensor) -> Tensor:
    return training.network.losses(reads(training).fields(windows[:, :-1]), windows[:, 1:])


def test_a_document_kept_apart_has_the_loss_it_has_alone(training: Make) -> None:
    making = attending(training, "document")
    windows, documents = packed(making)
    alone = [losses(making, document[None]) for document in documents]
    torch.testing.assert_close(losses(making, windows), torch.cat([*alone, *alone[::-1]]))


def test_in_a_stream_a_token_sees_all_before_it(training: Make) -> None:
    making = attending(training, "stream")
    windows, documents = packed(making)
    logits = making.model(input_ids=windows[:, :-1]).logits
    expected = torch.nn.functional.cross_entropy(logits.flatten(0, 1), windows[:, 1:].flatten(), reduction="none")
    torch.testing.assert_close(losses(making, windows), expected.detach())
    first = losses(making, documents[0][None])
    assert not torch.allclose(first, losses(making, windows)[-len(first) :])


def test_documents_kept_apart_are_held_out_and_learnt_apart(training: Make) -> None:
    stream, apart = (attending(training, how) for how in ("stream", "document"))
    end = reads(stream).tokenizer.end_of_text
    cursor = next(at for at in range(stream.objective.examples) if inner(stream, at).eq(end).any())
    batch = apart.objective.batch(cursor, 1)
    with torch.no_grad():
        expected = apart.network.losses(batch.inputs, batch.targets).mean().item()
    assert apart.forward_backward(cursor, 1) == pytest.approx(expected)
    assert apart.forward_backward(cursor, 1) != stream.forward_backward(cursor, 1)
    held_out = [making.objective.evaluate(making.network, 2_000, 4, 0).loss for making in (apart, stream)]
    assert held_out[0] != held_out[1]


def inner(training: Training, cursor: int) -> Tensor:
    """The tokens of an example, without its first."""
    return training.objective.batch(cursor, 1).inputs["input_ids"][0, 1:]


@pytest.mark.parametrize(
    ("mode", "sequences", "cuts"),
    [
        (Mode(), 8, (2, 3)),
        (Mode(attention="bmm", head="chunked"), 8, (2,)),
        (Mode("bf16"), 2, (1,)),
    ],
    ids=str,
)
def test_a_step_in_one_forward_pass_learns_as_in_several(
    training: Make, mode: Mode, sequences: int, cuts: tuple[int, ...]
) -> None:
    """To rounding: relative 1e-5 of the loss, and 1e-4 of the gradients; in bf16 1e-3 and 3e-2."""
    making = training(small_spec(batch={"tokens_per_step": 1024, "micro_batch": 8}))
    making.compute_in(mode)
    found = []
    for micro_batch in (sequences, *cuts):
        making.batching = replace(making.batching, micro_batch=micro_batch)
        loss = making.forward_backward(0, sequences)
        found.append((loss, torch.cat([gradient.flatten() for gradient in making.optimizer.gradients()])))
        making.discard()
    of_loss, of_gradient = (1e-3, 3e-2) if mode.precision == "bf16" else (1e-5, 1e-4)
    (whole, expected), *cut = found
    for loss, gradient in cut:
        assert loss == pytest.approx(whole, rel=of_loss)
        assert float((gradient - expected).norm() / expected.norm()) < of_gradient


@pytest.mark.parametrize("mode", [Mode(), Mode("bf16")], ids=str)
def test_back_before_step_1_everything_is_as_it_was(training: Make, mode: Mode) -> None:
    making = training(small_spec(optimizer={"average": 0.9, "name": "muon"}))
    making.compute_in(mode)
    begun = weights(making)

    def two_steps() -> tuple[float, Tensor]:
        for step in range(2):
            loss = making.forward_backward(step, 1)
            making.clip()
            making.step(1e-3)
        return loss, torch.cat([weight.flatten() for weight in making.learnt().values()])

    loss, learnt = two_steps()
    making.restart()
    assert all(torch.equal(weight, begun[name]) for name, weight in weights(making).items())
    again, learnt_again = two_steps()
    assert (again, True) == (loss, torch.equal(learnt, learnt_again))
    with making.averaged():
        averaged = making.objective.evaluate(making.network, 40, 1, 0).loss
    assert averaged != making.objective.evaluate(making.network, 40, 1, 0).loss
