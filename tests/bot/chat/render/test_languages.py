"""Languages by their names."""

import pytest

from bot.chat.render.languages import language


@pytest.mark.parametrize(
    ("code", "name"), [("de", "German"), ("nb", "Norwegian Bokmål"), ("zxx", "no language"), ("xx", "xx")]
)
def test_a_language_has_its_name(code: str, name: str) -> None:
    assert language(code) == name
