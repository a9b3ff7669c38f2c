"""What the documents say of the program is so: settings, commands, states, tables, files."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from discord.app_commands import Command
from typer import Typer
from typer.core import TyperGroup
from typer.main import get_command

from bot.chat.commands import TRAINER
from bot.cli import app
from bot.config import Settings
from bot.runs.model import NEXT, TERMINAL
from bot.store.migrations import shipped
from trainer_core.models.sizes import SIZES

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")] + sorted(ROOT.glob("docs/*.md"))
README, ARCHITECTURE = ((ROOT / name).read_text() for name in ("README.md", "docs/architecture.md"))
FOLDERS = ("bot", "trainer_core", "playground", "tests", "deploy", "docs")
_TICKED = re.compile(r"`([^`\n]+)`")


def table(text: str, heading: str) -> dict[str, list[str]]:
    """The first table under the heading: its rows' further cells, by what stands in code in the first."""
    lines = text[text.index(f"## {heading}\n") :].splitlines()
    begin = next(number for number, line in enumerate(lines) if line.startswith("|---"))
    rows: dict[str, list[str]] = {}
    for line in lines[begin + 1 :]:
        if not line.startswith("|"):
            break
        first, *rest = (cell.strip() for cell in line.strip("|").split("|"))
        (name,) = _TICKED.findall(first)
        assert name not in rows, f"{name} stands there twice"
        rows[name] = rest
    return rows


def default(value: object) -> str:
    """A setting's default as the table shows it."""
    if value in (None, frozenset(), ()):
        return "–"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


def test_readme_has_every_setting_with_its_default() -> None:
    expected = {
        "DISCORD_TOKEN" if name == "discord_token" else f"SPOTTER_{name.upper()}": default(field.default)
        for name, field in Settings.model_fields.items()
    }
    assert {name: cells[0] for name, cells in table(README, "Settings").items()} == expected


def test_readme_has_every_command_of_the_chat() -> None:
    known = {f"/{command.qualified_name}" for command in TRAINER.walk_commands() if isinstance(command, Command)}
    assert set(table(README, "Commands")) == known


def test_readme_names_every_option_of_train() -> None:
    (cell,) = table(README, "Commands")["/trainer train"]
    train = TRAINER.get_command("train")
    assert train is not None
    assert set(_TICKED.findall(cell)) == {option["name"] for option in train.to_dict(None)["options"]}  # type: ignore[arg-type]  # the tree, which is only asked for translations


def test_readme_has_every_command_of_the_command_line() -> None:
    section = README[README.index("On the command line:") :]
    known = named_commands(app)
    for group in app.registered_groups:
        assert group.typer_instance
        known |= {f"{group.name} {name}" for name in named_commands(group.typer_instance)}
    assert set(re.findall(r"^\| `spotter ([a-z ]+)` \|", section, re.MULTILINE)) == known


def named_commands(of: Typer) -> set[str]:
    return {command.name or command.callback.__name__ for command in of.registered_commands if command.callback}


def test_readme_has_every_size() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\d+) \| (\d+) \| (\d+) \|", README, re.MULTILINE)
    assert rows == [(size, str(s.layers), str(s.width), str(s.context)) for size, s in SIZES.items()]


def test_the_diagram_has_every_transition_and_no_other() -> None:
    (diagram,) = re.findall(r"```mermaid\nstateDiagram-v2\n(.*?)```", ARCHITECTURE, re.DOTALL)
    drawn = set(re.findall(r"(\S+) --> (\S+)", diagram))
    expected = {(str(before), str(after)) for before, nexts in NEXT.items() for after in nexts}
    assert drawn == expected | {("[*]", "queued")} | {(str(state), "[*]") for state in TERMINAL}


def test_every_table_of_the_store_is_described() -> None:
    made = {name for _, script in shipped() for name in re.findall(r"CREATE TABLE (\w+)", script)}
    assert set(table(ARCHITECTURE, "The store")) == made


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_what_a_document_points_at_exists(document: Path) -> None:
    text = document.read_text()
    for target in re.findall(r"\]\(([^)#]*)#?[^)]*\)", text):
        assert target.startswith("https://") or (document.parent / target).exists(), target
    for name in _TICKED.findall(text):
        if name.split("/")[0] in FOLDERS and re.fullmatch(r"[\w./]+\.(py|sql|service)", name) and "V2__" not in name:
            assert (ROOT / name).is_file(), name


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_command_that_a_document_shows_is_one(document: Path) -> None:
    """It has the options that it needs and no others; it is not run."""
    for block in re.findall(r"^```\w*\n(.*?)^```", document.read_text(), re.MULTILINE | re.DOTALL):
        for line in re.findall(r"^(?:\$ )?spotter( [a-z].*)$", block, re.MULTILINE):
            command, words = get_command(app), shlex.split(line.partition("  ")[0])
            while isinstance(command, TyperGroup):
                assert words[0] in command.commands, line
                command = command.commands[words.pop(0)]
            command.make_context(None, words)  # raises UsageError


def test_nobody_is_told_to_install_what_no_index_has() -> None:
    """Whoever took the name there would be installed instead."""
    files = [*DOCUMENTS, *ROOT.glob("bot/**/*.py"), *ROOT.glob("trainer_core/**/*.py")]
    assert [file for file in files if re.search(r"pip install '?spotter-trainer", file.read_text())] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_make_target_that_a_document_names_exists(document: Path) -> None:
    known = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = re.findall(r"(?:^|`)make ((?:[a-z-]+ ?)+)", document.read_text(), re.MULTILINE)
    assert {target for targets in named for target in targets.split()} <= known


def test_pictures_are_small_enough_for_a_page() -> None:
    pictures = list((ROOT / "docs" / "images").iterdir())
    assert pictures and all(picture.stat().st_size < 300_000 for picture in pictures)


def test_the_image_is_built_from_files_that_are_let_into_it() -> None:
    instructions = (ROOT / "Dockerfile").read_text()
    sources = {word for line in re.findall(r"^COPY (.+)$", instructions, re.MULTILINE) for word in line.split()[:-1]}
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert {Path(source).parts[0] for source in sources} == allowed
    assert all((ROOT / source).exists() for source in sources)
