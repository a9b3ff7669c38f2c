"""The tokenizers under the home folder that people made, uploaded or chose by name: a folder each, with its card.

What runs trained for themselves lies there too, without a card: it is opened, but not listed.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from trainer_core.errors import Code, SpotterError
from trainer_core.files.folders import new_folder
from trainer_core.files.layout import Home
from trainer_core.files.sums import write_sums
from trainer_core.tokenizers.card import TokenizerCard

if TYPE_CHECKING:
    from trainer_core.tokenizers.tokenizer import Tokenizer  # needs numpy, which who lists cards does not

CARD = "report.json"

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,47}")


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


def free_name(home: Home, wished: str | None, stem: str) -> str:
    """`wished`, or else `stem` with a number if it is taken.

    Raises CONFIG_INVALID with field `name` if what is wished for is taken, or no name.
    """
    if wished is None:
        names = (stem if number == 1 else f"{stem}-{number}" for number in count(1))
        return next(name for name in names if not home.tokenizer(name).exists())
    if not _NAME.fullmatch(wished):
        raise _no_name("use lower-case letters, digits, hyphens and underscores only")
    if home.tokenizer(wished).exists():
        raise _no_name(f"there is a tokenizer {wished} already; choose another name")
    return wished


def publish(home: Home, name: str, fill: Callable[[Path], TokenizerCard]) -> TokenizerCard:
    """Make the folder of a tokenizer appear: `fill` writes its files, and returns its card without the right name.

    Raises FileExistsError if the name was taken meanwhile, what `fill` raises, and OSError.
    """
    with new_folder(home.tokenizer(name)) as folder:
        card = fill(folder).model_copy(update={"name": name})
        (folder / CARD).write_text(card.model_dump_json(indent=2), encoding="utf-8")
        write_sums(folder)
    return card


def open_tokenizer(folder: Path) -> Tokenizer:
    """The tokenizer in a folder, of whatever kind. Raises TOKENIZER_LOAD_FAILED."""
    from trainer_core.tokenizers.characters import MARK, open_characters
    from trainer_core.tokenizers.fast import open_fast

    return open_characters(folder) if (folder / MARK).is_file() else open_fast(folder)


def _no_name(problem: str) -> SpotterError:
    return SpotterError(Code.CONFIG_INVALID, problem, field="name")


def _load(folder: Path) -> TokenizerCard | None:
    try:
        card = TokenizerCard.model_validate_json((folder / CARD).read_bytes())
    except (OSError, ValidationError):
        return None
    return card if card.name == folder.name else None
