"""What a person may type where a tokenizer is asked for."""

from __future__ import annotations

import pytest

from bot.catalog.named import KINDS, is_family, tokenizer_spec
from trainer_core.errors import Code, SpotterError
from trainer_core.spec import TokenizerSpec


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_is_made_by_the_run(kind: str) -> None:
    spec = tokenizer_spec(f" {kind.upper()} ", 4_000, ["songs"])
    assert (spec.kind, spec.name, spec.vocabulary) == (kind, None, 4_000)


def test_their_own_come_before_kinds_and_families() -> None:
    assert tokenizer_spec("Songs", None, ["songs"]) == TokenizerSpec(kind="saved", name="songs")
    assert tokenizer_spec("gpt2", None, ["gpt2"]) == TokenizerSpec(kind="saved", name="gpt2")
    assert tokenizer_spec("GPT2", None, []) == TokenizerSpec(kind="pretrained", name="gpt2")
    assert tokenizer_spec("openai-community/gpt2", None, []) == TokenizerSpec(kind="pretrained", name="gpt2")


@pytest.mark.parametrize(("typed", "near"), [("song", "songs"), ("wordpeice", "wordpiece"), ("/etc/passwd", None)])
def test_a_name_that_is_none_is_refused_with_the_nearest(typed: str, near: str | None) -> None:
    with pytest.raises(SpotterError) as raised:
        tokenizer_spec(typed, None, ["songs"])
    assert raised.value.code is Code.TOKENIZER_NOT_FOUND
    assert (f"did you mean {near}?" in str(raised.value)) is (near is not None)


@pytest.mark.parametrize("vocabulary", [99, 500_001])
def test_a_vocabulary_out_of_bounds_names_the_field(vocabulary: int) -> None:
    with pytest.raises(SpotterError) as raised:
        tokenizer_spec("bpe", vocabulary, [])
    assert (raised.value.code, raised.value.field) == (Code.CONFIG_INVALID, "vocabulary")


@pytest.mark.parametrize("named", ["gpt2", "someone/their-model", "openai-community/gpt2"])
def test_families_and_models_of_the_hub_can_be_named_by_anybody(named: str) -> None:
    assert is_family(named)


@pytest.mark.parametrize("named", ["/etc", "..", "../secrets", "./model", "a/b/c", "~/model", "", "models\n/x"])
def test_a_folder_is_no_family(named: str) -> None:
    assert not is_family(named)
