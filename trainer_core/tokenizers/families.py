"""Model families whose tokenizers are known: what they are called, where they come from, and what they hold.

Light: a list to choose from, and to know a model by. What a run uses is read from the tokenizer's files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Algorithm = Literal["bpe", "unigram", "wordpiece"]


@dataclass(frozen=True, slots=True)
class Family:
    """Models that share a tokenizer."""

    name: str
    sources: tuple[str, ...]
    """Models on the Hugging Face Hub that come with it, the best known first."""
    kind: Algorithm
    vocabulary: int
    """Rows of the models' token embedding. Some tokenizers have fewer entries: the rows were rounded up."""
    special_tokens: Mapping[str, str]
    """By what they are for: bos begins a text, eos ends it, unk stands for what is unknown; pad, sep, cls, mask."""


_ENDOFTEXT = {"bos": "<|endoftext|>", "eos": "<|endoftext|>"}
_GPT2 = {**_ENDOFTEXT, "unk": "<|endoftext|>"}
_NEOX = {**_GPT2, "pad": "<|padding|>"}
_QWEN = {"eos": "<|endoftext|>", "pad": "<|endoftext|>"}
_LLAMA = {"bos": "<s>", "eos": "</s>", "unk": "<unk>"}
_LLAMA3 = {"bos": "<|begin_of_text|>", "eos": "<|end_of_text|>"}
_GEMMA = {"bos": "<bos>", "eos": "<eos>", "unk": "<unk>", "pad": "<pad>"}
_DEEPSEEK = {"bos": "<｜begin▁of▁sentence｜>", "eos": "<｜end▁of▁sentence｜>"}
_BERT = {"unk": "[UNK]", "sep": "[SEP]", "pad": "[PAD]", "cls": "[CLS]", "mask": "[MASK]"}
_ROBERTA = {**_LLAMA, "pad": "<pad>", "sep": "</s>", "cls": "<s>", "mask": "<mask>"}
_ALBERT = {"unk": "<unk>", "sep": "[SEP]", "pad": "<pad>", "cls": "[CLS]", "mask": "[MASK]"}
_T5 = {"eos": "</s>", "unk": "<unk>", "pad": "<pad>"}


def _family(name: str, kind: Algorithm, vocabulary: int, special_tokens: Mapping[str, str], *sources: str) -> Family:
    return Family(name, sources, kind, vocabulary, special_tokens)


FAMILIES: tuple[Family, ...] = (
    # decoders
    _family(
        "gpt2",
        "bpe",
        50_257,
        _GPT2,
        "openai-community/gpt2",
        "gpt2",
        "openai-community/gpt2-medium",
        "openai-community/gpt2-large",
        "openai-community/gpt2-xl",
        "distilbert/distilgpt2",
    ),
    _family("openai-gpt", "bpe", 40_478, {"unk": "<unk>"}, "openai-community/openai-gpt"),
    _family("gpt-neo", "bpe", 50_257, _GPT2, "EleutherAI/gpt-neo-1.3B", "EleutherAI/gpt-neo-125m"),
    _family("gpt-j", "bpe", 50_400, _GPT2, "EleutherAI/gpt-j-6B"),
    _family("gpt-neox", "bpe", 50_432, _NEOX, "EleutherAI/gpt-neox-20b"),
    _family("pythia", "bpe", 50_304, _GPT2, "EleutherAI/pythia-160m", "EleutherAI/pythia-70m", "EleutherAI/pythia-1b"),
    _family("opt", "bpe", 50_272, {"bos": "</s>", "eos": "</s>", "unk": "</s>", "pad": "<pad>"}, "facebook/opt-350m"),
    _family("bloom", "bpe", 250_880, {**_LLAMA, "pad": "<pad>"}, "bigscience/bloom", "bigscience/bloom-560m"),
    _family("falcon", "bpe", 65_024, {"eos": "<|endoftext|>"}, "tiiuae/falcon-7b"),
    _family("stablelm", "bpe", 50_304, _ENDOFTEXT, "stabilityai/stablelm-3b-4e1t"),
    _family("starcoder", "bpe", 49_152, _GPT2, "bigcode/starcoder"),
    _family("starcoder2", "bpe", 49_152, _GPT2, "bigcode/starcoder2-3b", "bigcode/starcoder2-7b"),
    _family("llama-2", "bpe", 32_000, _LLAMA, "meta-llama/Llama-2-7b-hf", "meta-llama/Llama-2-13b-hf"),
    _family("tinyllama", "bpe", 32_000, _LLAMA, "TinyLlama/TinyLlama-1.1B-Chat-v1.0"),
    _family(
        "llama-3",
        "bpe",
        128_256,
        _LLAMA3,
        "meta-llama/Meta-Llama-3-8B",
        "meta-llama/Llama-3.1-8B",
        "meta-llama/Llama-3.2-1B",
        "meta-llama/Llama-3.2-3B",
    ),
    _family("mistral", "bpe", 32_000, _LLAMA, "mistralai/Mistral-7B-v0.1"),
    _family("mixtral", "bpe", 32_000, _LLAMA, "mistralai/Mixtral-8x7B-v0.1"),
    _family("gemma", "bpe", 256_000, _GEMMA, "google/gemma-7b", "google/gemma-2b"),
    _family("gemma-2", "bpe", 256_000, _GEMMA, "google/gemma-2-2b", "google/gemma-2-9b"),
    _family("gemma-3", "bpe", 262_144, _GEMMA, "google/gemma-3-270m", "google/gemma-3-1b-pt"),
    _family("recurrent-gemma", "bpe", 256_000, _GEMMA, "google/recurrentgemma-2b"),
    _family("qwen2", "bpe", 151_936, _QWEN, "Qwen/Qwen2-0.5B", "Qwen/Qwen2-1.5B"),
    _family("qwen2.5", "bpe", 151_936, _QWEN, "Qwen/Qwen2.5-0.5B", "Qwen/Qwen2.5-1.5B"),
    _family("qwen3", "bpe", 151_936, _QWEN, "Qwen/Qwen3-0.6B-Base", "Qwen/Qwen3-1.7B-Base"),
    _family("phi-2", "bpe", 51_200, _GPT2, "microsoft/phi-2", "microsoft/phi-1", "microsoft/phi-1_5"),
    _family(
        "phi-3",
        "bpe",
        32_064,
        {"bos": "<s>", "eos": "<|endoftext|>", "unk": "<unk>", "pad": "<|endoftext|>"},
        "microsoft/Phi-3-mini-4k-instruct",
    ),
    _family("olmo", "bpe", 50_304, {"eos": "<|endoftext|>", "pad": "<|padding|>"}, "allenai/OLMo-1B-hf"),
    _family("olmo-2", "bpe", 100_352, {"eos": "<|endoftext|>", "pad": "<|pad|>"}, "allenai/OLMo-2-0425-1B"),
    _family("smollm", "bpe", 49_152, _GPT2, "HuggingFaceTB/SmolLM-135M", "HuggingFaceTB/SmolLM-360M"),
    _family("smollm2", "bpe", 49_152, _GPT2, "HuggingFaceTB/SmolLM2-135M", "HuggingFaceTB/SmolLM2-360M"),
    _family(
        "command-r",
        "bpe",
        256_000,
        {"bos": "<BOS_TOKEN>", "eos": "<|END_OF_TURN_TOKEN|>", "unk": "<UNK>", "pad": "<PAD>"},
        "CohereForAI/c4ai-command-r-v01",
    ),
    _family("deepseek-v2", "bpe", 102_400, _DEEPSEEK, "deepseek-ai/DeepSeek-V2-Lite"),
    _family("deepseek-v3", "bpe", 129_280, _DEEPSEEK, "deepseek-ai/DeepSeek-V3"),
    _family(
        "granite-3",
        "bpe",
        49_155,
        {"bos": "<|end_of_text|>", "eos": "<|end_of_text|>"},
        "ibm-granite/granite-3.0-8b-base",
    ),
    _family(
        "gpt-oss",
        "bpe",
        201_088,
        {"bos": "<|startoftext|>", "eos": "<|return|>", "pad": "<|endoftext|>"},
        "openai/gpt-oss-20b",
    ),
    _family("mamba", "bpe", 50_280, _ENDOFTEXT, "state-spaces/mamba-2.8b-hf", "state-spaces/mamba-130m-hf"),
    _family("rwkv-4", "bpe", 50_277, _ENDOFTEXT, "RWKV/rwkv-4-169m-pile"),
    _family("xglm", "unigram", 256_008, {**_LLAMA, "pad": "<pad>"}, "facebook/xglm-564M"),
    # encoders
    _family("bert", "wordpiece", 30_522, _BERT, "google-bert/bert-base-uncased", "bert-base-uncased"),
    _family("bert-cased", "wordpiece", 28_996, _BERT, "google-bert/bert-base-cased", "bert-base-cased"),
    _family("bert-multilingual", "wordpiece", 119_547, _BERT, "google-bert/bert-base-multilingual-cased"),
    _family("distilbert", "wordpiece", 30_522, _BERT, "distilbert/distilbert-base-uncased"),
    _family("electra", "wordpiece", 30_522, _BERT, "google/electra-small-discriminator"),
    _family("mobilebert", "wordpiece", 30_522, _BERT, "google/mobilebert-uncased"),
    _family("squeezebert", "wordpiece", 30_522, _BERT, "squeezebert/squeezebert-uncased"),
    _family("layoutlm", "wordpiece", 30_522, _BERT, "microsoft/layoutlm-base-uncased"),
    _family("roberta", "bpe", 50_265, _ROBERTA, "FacebookAI/roberta-base", "roberta-base", "FacebookAI/roberta-large"),
    _family("deberta", "bpe", 50_265, _BERT, "microsoft/deberta-base"),
    _family("deberta-v3", "unigram", 128_100, _BERT, "microsoft/deberta-v3-base", "microsoft/deberta-v3-small"),
    _family("albert", "unigram", 30_000, _ALBERT, "albert/albert-base-v2", "albert/albert-xxlarge-v2"),
    _family("xlm-roberta", "unigram", 250_002, _ROBERTA, "FacebookAI/xlm-roberta-base", "xlm-roberta-base"),
    _family("camembert", "unigram", 32_005, _ROBERTA, "almanach/camembert-base", "camembert-base"),
    _family("rembert", "unigram", 250_300, _ALBERT, "google/rembert"),
    _family("modernbert", "bpe", 50_368, _BERT, "answerdotai/ModernBERT-base"),
    _family("clip", "bpe", 49_408, {"bos": "<|startoftext|>", "eos": "<|endoftext|>"}, "openai/clip-vit-base-patch32"),
    # encoders with decoders
    _family("bart", "bpe", 50_265, _ROBERTA, "facebook/bart-large", "facebook/bart-base"),
    _family("mbart-50", "unigram", 250_054, _ROBERTA, "facebook/mbart-large-50"),
    _family("t5", "unigram", 32_128, _T5, "google-t5/t5-small", "t5-small", "google-t5/t5-base"),
    _family("flan-t5", "unigram", 32_128, _T5, "google/flan-t5-small", "google/flan-t5-base"),
    _family("mt5", "unigram", 250_112, _T5, "google/mt5-small"),
    _family("umt5", "unigram", 256_384, _T5, "google/umt5-small", "google/umt5-base"),
    _family("pegasus", "unigram", 96_103, _T5, "google/pegasus-xsum"),
    _family("nllb", "bpe", 256_206, _ROBERTA, "facebook/nllb-200-distilled-600M"),
    _family("whisper", "bpe", 51_865, _GPT2, "openai/whisper-tiny"),
)


def find(name: str) -> Family | None:
    """The family called so, or that comes with the model called so, whatever its case."""
    return _BY_NAME.get(name.lower())


_BY_NAME = {key.lower(): family for family in FAMILIES for key in (*family.sources, family.name)}
