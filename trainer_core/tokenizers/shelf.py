"""The tokenizers under the home folder that people made, uploaded or chose by name: a folder each, with its card.

What runs trained for themselves lies there too, without a card: it is opened, but not listed.
"""

from __future__ import annotations

import difflib
from pathlib import Path

from pydantic import ValidationError

from trainer_core.errors import Code, SpotterError
from trainer_core.layout import Home
from trainer_core.tokenizers.card import TokenizerCard
from trainer_core.tokenizers.tokenizer import Tokenizer

CARD = "report.json"


def list_cards(home: Home) -> list[TokenizerCard]:
    """Every tokenizer that has a card, by name."""
    if not home.tokenizers.is_dir():
        return []
    cards = (_load(folder) for folder in sorted(home.tokenizers.iterdir()) if not folder.name.startswith("."))
    return [card for card in cards if card]


def read_card(home: Home, name: str) -> TokenizerCard:
    """Raises TOKENIZER_NOT_FOUND, with the nearest name if one is near."""
    try:
        card = _load(home.tokenizer(name))
    except ValueError:
        card = None
    if card is None:
        raise not_found(name, [known.name for known in list_cards(home)])
    return card


def not_found(name: str, known: list[str]) -> SpotterError:
    near = difflib.get_close_matches(name.lower(), known, n=1)
    there = f"there are: {', '.join(known)}" if known else "there are none yet"
    hint = f"did you mean {near[0]}?" if near else there
    return SpotterError(
        Code.TOKENIZER_NOT_FOUND, f"there is no tokenizer {name[:64]!r}; {hint}", field="tokenizer.name"
    )


def open_tokenizer(folder: Path) -> Tokenizer:
    """The tokenizer in a folder, of whatever kind. Raises TOKENIZER_LOAD_FAILED."""
    from trainer_core.tokenizers.characters import MARK, open_characters
    from trainer_core.tokenizers.fast import open_fast

    return open_characters(folder) if (folder / MARK).is_file() else open_fast(folder)


def _load(folder: Path) -> TokenizerCard | None:
    try:
        card = TokenizerCard.model_validate_json((folder / CARD).read_bytes())
    except (OSError, ValidationError):
        return None
    return card if card.name == folder.name else None
