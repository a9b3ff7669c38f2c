"""The loss of packed windows, where tokens see the whole window or only their own document."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from tests.trainer_core.conftest import small_spec
from trainer_core.evals.held_out import evaluate
from trainer_core.spec import RunSpec
from trainer_core.training import Training

Make = Callable[[RunSpec], Training]


def attending(training: Make, how: str) -> Training:
    return training(small_spec(data={"dataset": "gym", "attend": how}))


def packed(training: Training) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """Two windows, and the documents in them, each from its end of text up to the next document's."""
    end = training.tokenizer.end_of_text
    ordinary = [token for token in range(20) if token != end]
    documents = [torch.tensor([end, *ordinary[:size], end]) for size in (5, 9, 3)]
    rows = [torch.cat([documents[number][:-1] for number in order]) for order in ([0, 1, 2], [2, 1, 0])]
    return torch.stack([torch.cat([row, torch.tensor([end])]) for row in rows]), documents


def losses(training: Training, windows: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return training.losses(windows[:, :-1], windows[:, 1:])


def test_a_document_kept_apart_has_the_loss_it_has_alone(training: Make) -> None:
    making = attending(training, "document")
    windows, documents = packed(making)
    alone = [losses(making, document[None]) for document in documents]
    expected = torch.cat([*alone, *alone[::-1]])
    torch.testing.assert_close(losses(making, windows), expected)


def test_in_a_stream_a_token_sees_all_before_it(training: Make) -> None:
    making = attending(training, "stream")
    windows, documents = packed(making)
    logits = making.model(input_ids=windows[:, :-1]).logits
    expected = torch.nn.functional.cross_entropy(logits.flatten(0, 1), windows[:, 1:].flatten(), reduction="none")
    assert torch.equal(losses(making, windows), expected.detach())
    first = losses(making, documents[0][None])
    last = losses(making, windows)[-len(first) :]
    assert not torch.allclose(first, last)


def test_documents_kept_apart_are_held_out_and_learnt_apart(training: Make) -> None:
    stream, apart = (attending(training, how) for how in ("stream", "document"))
    end = stream.tokenizer.end_of_text
    cursor = next(at for at in range(stream.order.sequences) if (stream.batch(at, 1)[0, 1:-1] == end).any())
    assert apart.forward_backward(cursor, 1) == pytest.approx(losses(apart, apart.batch(cursor, 1)).mean().item())
    assert apart.forward_backward(cursor, 1) != stream.forward_backward(cursor, 1)
    assert evaluate(apart, 2_000).loss != evaluate(stream, 2_000).loss
