from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from trainer_core.data.intake.scripts import languages, scripts


def test_letters_are_counted_by_script() -> None:
    assert scripts(["abcd 123 !?", "жзий", "ab"]) == {"Latin": 0.6, "Cyrillic": 0.4}
    assert list(scripts(["漢字かな", "カタカナ", "한글"])) == ["Katakana", "Han", "Hiragana", "Hangul"]


def test_letters_of_no_script_or_a_rare_one() -> None:
    assert scripts(["123", "ー"]) == {}  # the long-vowel mark is of both kana
    assert scripts(["\U00010300\U00010301"]) == {"other": 1.0}


@given(st.lists(st.text(max_size=30), max_size=4))
def test_shares_add_up(texts: list[str]) -> None:
    shares = scripts(texts)
    assert not shares or abs(sum(shares.values()) - 1) < 0.01
    assert list(shares.values()) == sorted(shares.values(), reverse=True)


def test_languages_of_a_text() -> None:
    english = "Someone stands by and counts every breath aloud until the bar rests again on its hooks. " * 3
    german = "Jemand steht dabei und zählt jeden Atemzug laut mit, bis die Stange wieder auf den Haken liegt. " * 3
    found = languages([english, english, german])
    assert list(found) == ["en", "de"]
    assert found["en"] > found["de"] > 0.2
    assert languages(["1 2 3 4 5", "!!!"]) == {}
