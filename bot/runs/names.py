"""Names for runs: made to be said and typed on a phone."""

from __future__ import annotations

from collections.abc import Container
from random import Random

_ADJECTIVES = (
    "amber bold brave breezy bright brisk calm candid clever cosy crisp deft eager early fair fleet fond frank fresh"
    " gentle glad golden grand happy hardy humble jolly keen kind lively loyal lucid lucky mellow merry mild modest"
    " neat nimble noble patient plucky polite proud quick quiet ready rosy sharp shy silver sleek smart snug solid"
    " steady sunny swift tender tidy true vivid warm wise witty zesty"
).split()
_ANIMALS = (
    "alpaca badger beaver bison bobcat condor cougar crane curlew dingo dolphin eagle egret falcon ferret finch gecko"
    " gibbon heron hornet ibex ibis impala jackal jaguar kestrel kiwi koala lemur lion llama lynx magpie marmot marten"
    " moose newt ocelot orca osprey otter owl panda parrot pelican penguin pigeon plover puffin puma quail rabbit raven"
    " robin salmon seal sparrow stoat swan tapir tiger toucan trout turtle walrus weasel whale wombat wren yak zebra"
).split()


def new_name(taken: Container[str], random: Random) -> str:
    """A name like `brisk-otter-42` that is not in `taken`."""
    while True:
        name = f"{random.choice(_ADJECTIVES)}-{random.choice(_ANIMALS)}-{random.randrange(10, 100)}"
        if name not in taken:
            return name
