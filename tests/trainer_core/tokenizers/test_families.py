from __future__ import annotations

from transformers import CONFIG_MAPPING

from trainer_core.tokenizers.families import FAMILIES, find


def test_there_are_many_and_each_is_found_by_its_name_and_its_models() -> None:
    assert len(FAMILIES) >= 40
    for family in FAMILIES:
        for key in (family.name, family.name.upper(), *family.sources):
            assert find(key) is family
    assert find("gpt2-but-not-quite") is None


def test_no_two_families_share_a_name_or_a_model() -> None:
    keys = [key.lower() for family in FAMILIES for key in (family.name, *(set(family.sources) - {family.name}))]
    assert len(keys) == len(set(keys))


def test_what_transformers_makes_by_default_agrees() -> None:
    """A second opinion where it has one: the configuration class's own vocabulary."""
    model_types = {"gpt2": "gpt2", "gpt-neox": "gpt_neox", "bloom": "bloom", "bert": "bert", "roberta": "roberta"}
    model_types |= {
        "qwen3": "qwen3",
        "t5": "t5",
        "mistral": "mistral",
        "phi-3": "phi3",
        "falcon": "falcon",
        "mt5": "mt5",
    }
    for name, model_type in model_types.items():
        family = find(name)
        assert family
        assert family.vocabulary == CONFIG_MAPPING[model_type]().vocab_size, name


def test_special_tokens_are_known_by_their_parts() -> None:
    parts = {"bos", "eos", "unk", "pad", "sep", "cls", "mask"}
    assert all(family.special_tokens.keys() <= parts for family in FAMILIES)
    assert all(all(family.special_tokens.values()) for family in FAMILIES)
