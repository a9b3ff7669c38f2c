"""Which scripts a text is written in, and which languages, as far as a sample tells."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import cache

_SCRIPTS = """
    Latin Han Cyrillic Hiragana Katakana Hangul Arabic Devanagari Greek Hebrew Thai Bengali Tamil Telugu Gujarati
    Kannada Malayalam Gurmukhi Oriya Sinhala Georgian Armenian Ethiopic Khmer Lao Myanmar Tibetan Mongolian Thaana
    Syriac Cherokee Canadian_Aboriginal Javanese Balinese Bopomofo Yi Tifinagh Nko Coptic Gothic Runic Ogham Cuneiform
    Egyptian_Hieroglyphs Linear_B
""".split()
_OTHER = "other"
_NO_SCRIPT = ("Common", "Inherited")
_LEAST_SHARE = 0.02
"""Of a language: a lone passage is often taken for a wrong one."""
_FEWEST_LETTERS = 20
_LONGEST = 1_000
"""Characters of a passage that its language is told from."""


def scripts(texts: Iterable[str]) -> dict[str, float]:
    """Share of the letters in each script, the largest first."""
    letters: Counter[str] = Counter()
    for text in texts:
        letters.update(text)
    counts: Counter[str] = Counter()
    for letter, count in letters.items():
        if letter.isalpha() and (script := _script(letter)):
            counts[script] += count
    return _shares(counts)


def languages(texts: Iterable[str]) -> dict[str, float]:
    """Share of the text in each language (ISO 639-1), the largest first; texts with few letters do not count."""
    import py3langid

    counts: Counter[str] = Counter()
    for text in texts:
        passage = text[:_LONGEST]
        if sum(map(str.isalpha, passage)) >= _FEWEST_LETTERS:
            language, _ = py3langid.classify(passage)
            counts[language] += len(text)
    return _shares(counts, _LEAST_SHARE)


def languages_soon() -> Callable[[Iterable[str]], dict[str, float]]:
    """`languages`, with what it takes half a second to load being loaded from now on."""

    def load() -> None:
        import py3langid

        py3langid.classify("")

    loading = threading.Thread(target=load, name="languages", daemon=True)
    loading.start()

    def once_loaded(texts: Iterable[str]) -> dict[str, float]:
        loading.join()
        return languages(texts)

    return once_loaded


def _shares(counts: Mapping[str, int], least: float = 0.0) -> dict[str, float]:
    total = sum(counts.values())
    shares = {name: round(count / total, 4) for name, count in Counter(counts).most_common()}
    return {name: share for name, share in shares.items() if share > least}


@cache
def _script(letter: str) -> str | None:
    """The script of a letter; None if it is of any."""
    import regex

    for script in (*_SCRIPTS, *_NO_SCRIPT):
        if regex.match(rf"\p{{Script={script}}}", letter):
            return None if script in _NO_SCRIPT else script.replace("_", " ")
    return _OTHER
