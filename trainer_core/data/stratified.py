"""The hold-out of pictures: about the same share of each class, the same ones for the same pictures and seed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Sides:
    """Places of pictures, each on one side."""

    train: NDArray[np.int64]
    """Ascending, shape (training pictures,)."""
    validation: NDArray[np.int64]
    """In an order by chance, so that the first few are a fair sample, shape (held-out pictures,)."""


def stratified(labels: NDArray[np.int64], keys: NDArray[np.uint64], fraction: float, seed: int) -> Sides:
    """Hold out about `fraction` of each class, at least one picture and never all of them; both of shape (pictures,).

    Pictures of the same key are the same and stay on one side, in whatever classes they are. A class of which all
    pictures are the same is not held out.
    """
    groups, members = np.unique(_salted(keys, seed), return_inverse=True)
    sizes = np.bincount(members)
    owners = np.full(len(groups), np.iinfo(np.int64).max)
    np.minimum.at(owners, members, labels)
    held = np.zeros(len(groups), np.bool_)
    for label in np.unique(owners):
        own = np.flatnonzero(owners == label)  # in the order of the salted keys: by chance
        if len(own) > 1:
            held[_as_many(own, sizes[own], fraction)] = True
    is_held = held[members]
    by_chance = np.argsort(members, kind="stable")
    return Sides(np.flatnonzero(~is_held), by_chance[is_held[by_chance]])


def _as_many(own: NDArray[np.int64], sizes: NDArray[np.int64], fraction: float) -> NDArray[np.int64]:
    """The first of a class' groups, as far as there is room for them; one stays, one goes."""
    room = max(1, round(fraction * int(sizes.sum())))
    fitting = own[:-1][np.cumsum(sizes[:-1]) <= room]
    return fitting if len(fitting) else own[[int(sizes.argmin())]]


def _salted(keys: NDArray[np.uint64], seed: int) -> NDArray[np.uint64]:
    """Keys by chance that are the same for the same key and seed."""
    salt = seed.to_bytes(8, "little")
    digests = (hashlib.blake2b(key.tobytes(), digest_size=8, key=salt).digest() for key in keys)
    return np.frombuffer(b"".join(digests), np.uint64)
