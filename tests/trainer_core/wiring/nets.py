"""Modules as people write them, none of which knows of Spotter. Their names say what they ask for."""

# People's own code is not typed through and through.
# mypy: disable-error-code="no-any-return, override"

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

VOCABULARY, CONTEXT, WIDTH = 11, 6, 4


class Language(nn.Module):
    """Token embeddings and a head; what is between them differs."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(VOCABULARY, WIDTH)
        self.head = nn.Linear(WIDTH, VOCABULARY)

    def read(self, tokens: Tensor) -> Tensor:
        return self.head(self.embed(tokens))


class Simple(Language):
    def forward(self, x: Tensor) -> Tensor:
        return self.read(x)


class PlaceOnly(Language):
    def forward(self, tokens: Tensor, /) -> Tensor:
        return self.read(tokens)


class KeywordOnly(Language):
    def forward(self, *, token_ids: Tensor, scale: float = 1.0) -> Tensor:
        return self.read(token_ids) * scale


class Defaults(Language):
    def forward(self, idx: Tensor, x: Tensor | None = None, temperature: float = 2.0) -> Tensor:
        return self.read(idx) / temperature


class Extras(Language):
    def forward(self, input_ids: Tensor, **options: object) -> Tensor:
        assert not options
        return self.read(input_ids)


class GPT(Language):
    """All logits only where there are targets, as in nanoGPT."""

    def forward(self, idx: Tensor, targets: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        logits = self.read(idx)
        if targets is None:
            return logits[:, [-1]], None
        return logits, cross_entropy(logits.flatten(0, 1), targets.flatten())


class Bigram(Language):
    """All logits where there are no targets, flat ones else, as in a well-known lecture."""

    def forward(self, idx: Tensor, targets: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        logits = self.read(idx)
        if targets is None:
            return logits, None
        flat = logits.flatten(0, 1)
        return flat, cross_entropy(flat, targets.flatten())


class LossToo(Language):
    def forward(self, tokens: Tensor, labels: Tensor) -> dict[str, Tensor]:
        logits = self.read(tokens)
        return {"loss": cross_entropy(logits.flatten(0, 1), labels.flatten()), "logits": logits}


class Insisting(Language):
    """Its targets have a default that it cannot do with."""

    def forward(self, tokens: Tensor, labels: Tensor | None = None) -> tuple[Tensor, Tensor]:
        assert labels is not None
        logits = self.read(tokens)
        return cross_entropy(logits.flatten(0, 1), labels.flatten()), logits


class BERT(Language):
    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor,
        token_type_ids: Tensor,
        position_ids: Tensor | None = None,
        head_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
    ) -> Tensor:
        assert attention_mask.shape == token_type_ids.shape == input_ids.shape
        return self.read(input_ids) * attention_mask[..., None] + token_type_ids[..., None]


class Attending(Language):
    """Averages what it may attend to."""

    def forward(self, tokens: Tensor, attention_mask: Tensor) -> Tensor:
        batch, time = tokens.shape
        assert attention_mask.shape == (batch, 1, time, time)
        seen = attention_mask[:, 0].float()
        return self.head(seen @ self.embed(tokens) / seen.sum(-1, keepdim=True))


@dataclass
class Answer:
    scores: Tensor
    hidden: Tensor


class Pair(NamedTuple):
    hidden: Tensor
    scores: Tensor


class InDataclass(Language):
    def forward(self, tokens: Tensor) -> Answer:
        return Answer(self.read(tokens), self.embed(tokens))


class InNamedTuple(Language):
    def forward(self, tokens: Tensor) -> Pair:
        return Pair(self.embed(tokens), self.read(tokens))


class InDict(Language):
    def forward(self, tokens: Tensor) -> dict[str, Tensor]:
        return {"hidden": self.embed(tokens), "scores": self.read(tokens)}


class InTuple(Language):
    def forward(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        return self.embed(tokens), self.read(tokens)


class InObject(Language):
    def forward(self, tokens: Tensor) -> SimpleNamespace:
        return SimpleNamespace(logits=self.read(tokens))


class Looking(Language):
    """What it does depends on the numbers, which cannot be followed without any."""

    def forward(self, tokens: Tensor) -> Tensor:
        return self.read(tokens) if int(tokens.max()) > 0 else self.read(tokens * 0)


class Embedding(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(VOCABULARY, WIDTH))

    def forward(self, input_0_tokens: Tensor) -> Tensor:
        return self.weight[input_0_tokens]


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.mix = nn.Linear(WIDTH, WIDTH)

    def forward(self, embedding_0_output: Tensor) -> tuple[Tensor, dict[str, str]]:
        return self.mix(embedding_0_output), {}


class FeedForward(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.mix = nn.Linear(WIDTH, WIDTH)

    def forward(self, mhsa_0_output: Tensor, embedding_0_output: Tensor, scale: float = 1.0) -> Tensor:
        return self.mix(mhsa_0_output + embedding_0_output) * scale


class Chained(nn.Module):
    """Called with what its own submodules return, as modules drawn in an editor are."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding_0 = Embedding()
        self.mhsa_0 = Attention()
        self.ffn_0 = FeedForward()
        self.head = nn.Linear(WIDTH, VOCABULARY)


class Chain(Chained):
    def forward(self, input_0_tokens: Tensor, mhsa_0_output: Tensor, ffn_0_output: Tensor) -> Tensor:
        return self.head(mhsa_0_output + ffn_0_output)


class Residue(Chained):
    """Asks for an output that it then works out itself."""

    def forward(self, input_0_tokens: Tensor, ffn_0_output: Tensor) -> Tensor:
        embedded = self.embedding_0(input_0_tokens)
        return self.head(self.ffn_0(self.mhsa_0(embedded)[0], embedded))


class HalfResidue(Chained):
    """Works one of the outputs out itself, and needs the other."""

    def forward(self, input_0_tokens: Tensor, embedding_0_output: Tensor, mhsa_0_output: Tensor) -> Tensor:
        return self.head(self.mhsa_0(embedding_0_output)[0])


class Tied(Chained):
    """The head has the embedding's weights: that they are used does not mean that it is called."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(WIDTH, VOCABULARY, bias=False)
        self.head.weight = self.embedding_0.weight

    def forward(self, input_0_tokens: Tensor, embedding_0_output: Tensor) -> Tensor:
        return self.head(embedding_0_output)


class Nested(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.ModuleDict({"embedding_0": Embedding()})
        self.blocks = nn.ModuleList([Attention()])
        self.head = nn.Linear(WIDTH, VOCABULARY)

    def forward(self, input_0_tokens: Tensor, stem_embedding_0_output: Tensor) -> Tensor:
        return self.head(self.blocks[0](stem_embedding_0_output)[0])


class Plain(nn.Module):
    """Its submodules are torch's, whose parameters say little."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding_0 = nn.Embedding(VOCABULARY, WIDTH)
        self.head = nn.Linear(WIDTH, VOCABULARY)

    def forward(self, input_0_tokens: Tensor, embedding_0_output: Tensor) -> Tensor:
        return self.head(embedding_0_output)


class Vague(Plain):
    def __init__(self) -> None:
        super().__init__()
        self.ffn_0 = nn.Linear(WIDTH, WIDTH)

    def forward(self, input_0_tokens: Tensor, embedding_0_output: Tensor, ffn_0_output: Tensor) -> Tensor:
        return self.head(embedding_0_output + ffn_0_output)


class Twice(Chained):
    """Calls a submodule, and asks for what it returns as well."""

    def forward(self, input_0_tokens: Tensor, embedding_0_output: Tensor) -> Tensor:
        return self.head(self.embedding_0(input_0_tokens) + embedding_0_output)


class LookingChain(Chained):
    """What it calls depends on the numbers."""

    def forward(self, input_0_tokens: Tensor, embedding_0_output: Tensor) -> Tensor:
        if int(input_0_tokens.max()) > 0:
            return self.head(embedding_0_output)
        return self.head(self.embedding_0(input_0_tokens))


class Starred(Language):
    def forward(self, *args: Tensor) -> Tensor:
        return self.read(args[0])


class TwoReaders(Language):
    def forward(self, tokens: Tensor, x: Tensor) -> Tensor:
        return self.read(tokens) + self.read(x)


class TwoLogits(Language):
    def forward(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        return self.read(tokens), self.read(tokens) * 2


class Hidden(nn.Module):
    """A recurrent one, as in tutorials: the state has to be given, and None will do."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(VOCABULARY, WIDTH)
        self.recurrent = nn.LSTM(WIDTH, WIDTH, batch_first=True)
        self.head = nn.Linear(WIDTH, VOCABULARY)

    def forward(self, x: Tensor, hidden: tuple[Tensor, Tensor] | None) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        read, hidden = self.recurrent(self.embed(x), hidden)
        return self.head(read), hidden


class TwoNamesakes(Nested):
    """`block_0_output` may be what `block.0` returns, or what `block_0` does."""

    def __init__(self) -> None:
        super().__init__()
        self.block = nn.ModuleList([Embedding()])
        self.block_0 = Embedding()

    def forward(self, input_0_tokens: Tensor, block_0_output: Tensor) -> Tensor:
        return self.head(block_0_output)


class ManyParts(Language):
    """One of its submodules returns two tensors."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm_0 = Recurrent()

    def forward(self, tokens: Tensor, lstm_0_output: Tensor) -> Tensor:
        return self.head(lstm_0_output)


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(VOCABULARY, WIDTH)
        self.recurrent = nn.GRU(WIDTH, WIDTH, batch_first=True)

    def forward(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        return self.recurrent(self.embed(tokens))


class First(nn.Module):
    def forward(self, second_output: Tensor) -> Tensor:
        return second_output


class Second(nn.Module):
    def forward(self, first_output: Tensor) -> Tensor:
        return first_output


class Circle(Language):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = First(), Second()

    def forward(self, tokens: Tensor, first_output: Tensor) -> Tensor:
        return self.read(tokens) + first_output


class LossOnly(Language):
    def forward(self, tokens: Tensor, labels: Tensor | None = None) -> Tensor:
        return self.read(tokens).mean()


class Nothing(Language):
    def forward(self) -> Tensor:
        return self.embed.weight


class Stranger(Language):
    def forward(self, waves: Tensor) -> Tensor:
        return self.read(waves)


class FixedLength(Language):
    def __init__(self) -> None:
        super().__init__()
        self.places = nn.Parameter(torch.zeros(CONTEXT, VOCABULARY))

    def forward(self, tokens: Tensor) -> Tensor:
        return self.read(tokens) + self.places


class Turned(Language):
    def forward(self, tokens: Tensor) -> Tensor:
        return self.read(tokens).transpose(1, 2)


class Flat(Language):
    def forward(self, tokens: Tensor) -> Tensor:
        return self.read(tokens).flatten(0, 1)


CLASSES, SIDE = ("ant", "bee", "cat"), 8


class Picture(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(3)
        self.head = nn.Linear(3 * SIDE * SIDE, len(CLASSES))

    def forward(self, image: Tensor, label: Tensor | None = None) -> Tensor:
        return self.head(self.norm(image).flatten(1))


class Backbone(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)

    def forward(self, input_0_image: Tensor) -> Tensor:
        return self.conv(input_0_image).mean((2, 3))


class PictureChain(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.backbone_0 = Backbone()
        self.head = nn.Linear(4, len(CLASSES))

    def forward(self, backbone_0_output: Tensor) -> dict[str, Tensor]:
        return {"logits": self.head(backbone_0_output)}
