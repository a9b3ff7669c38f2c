"""What follows from signatures alone."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from trainer_core.wiring.aliases import TEXT
from trainer_core.wiring.resolve import resolve
from trainer_core.wiring.signature import Parameter, Signature, signature_of
from trainer_core.wiring.wiring import Batch, Call, Drop, Wiring, flat
from trainer_core.wiring.written import read, written

PATHS = ("a", "b", "c.0", "c.1", "d")
NAMES = (*(f"{path.replace('.', '_')}_output" for path in PATHS), "tokens", "x", "hidden", "attention_mask", "size")


@st.composite
def signatures(draw: st.DrawFn) -> Signature:
    named = draw(st.lists(st.sampled_from(NAMES), max_size=4, unique=True))
    return Signature(
        tuple(Parameter(name, required=draw(st.booleans())) for name in named),
        rest=draw(st.sampled_from([None, None, "*args"])),
        others=draw(st.booleans()),
    )


@settings(max_examples=60)
@given(st.fixed_dictionaries({path: signatures() for path in ("", *PATHS)}))
def test_a_resolution_is_complete_and_can_be_pasted(forwards: dict[str, Signature]) -> None:
    found = resolve(forwards, TEXT, Wiring())
    wiring = found.wiring
    made = set[str]()
    for path in (*wiring.calls, ""):
        inputs = wiring.of(path)
        assert inputs.keys() == forwards[path].names, "every parameter is said"
        needed = {source.module for source in flat(inputs) if isinstance(source, Call)}
        assert needed <= made, "what is called has been called with what was there"
        made.add(path)
    pasted = resolve(forwards, TEXT, read(written(wiring)))
    assert pasted.wiring == wiring
    reads = TEXT.main in wiring.fields()
    assert (
        not pasted.problems
        if reads
        else pasted.problems == ("nothing that forward asks for reads like the tokens (input_ids)",)
    )


def test_a_default_comes_before_a_submodule() -> None:
    forwards = {"": Signature((Parameter("tokens"), Parameter("ffn_0_output", required=False))), "ffn_0": Signature()}
    found = resolve(forwards, TEXT, Wiring())
    assert found.problems == ()
    assert found.wiring.inputs == {"tokens": Batch("input_ids"), "ffn_0_output": Drop()}


def test_names_below_the_asking_submodule_will_do() -> None:
    forwards = {
        "": Signature((Parameter("tokens"), Parameter("block_output"))),
        "block": Signature((Parameter("mix_output"),)),
        "block.mix": Signature((Parameter("token_ids"),)),
    }
    found = resolve(forwards, TEXT, Wiring())
    assert found.problems == ()
    assert list(found.wiring.calls) == ["block.mix", "block"]


def test_what_tells_no_signature_takes_anything() -> None:
    assert signature_of(min) == Signature(rest="*args", others=True)
