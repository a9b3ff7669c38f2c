"""The command line's manners: help, and wrong input as one sentence on standard error with nothing left behind."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from bot.cli import app
from bot.store.db import Database
from playground.server import Playground
from tests.bot.processes import WITHIN, ended, interrupt, spotter, started
from tests.e2e.conftest import TEXT
from trainer_core.files.layout import Home
from trainer_core.models.families import FAMILIES


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to be in, with a text to train on."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SPOTTER_HOME", str(tmp_path / "home"))
    (tmp_path / "song.txt").write_bytes(TEXT)
    (tmp_path / "empty.txt").write_bytes(b"")
    rows = "".join(f"there are {n} swans here,and {n} geese on the lake\n" for n in range(400))
    (tmp_path / "table.csv").write_text(f"left,right\n{rows}")
    (tmp_path / "song.exe").write_bytes(TEXT)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "model.bin").write_bytes(b"precious")
    return tmp_path


def call(*arguments: str) -> Result:
    return CliRunner(env={"NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "120"}).invoke(app, arguments)


def refused(result: Result) -> str:
    """What is said by a command that gave up: one line on standard error alone."""
    assert result.exit_code == 1 and result.stdout == ""
    [sentence] = result.stderr.splitlines()
    assert "Traceback" not in sentence and not re.search(r"(\w+): \1:", sentence)
    return sentence


def test_models_are_listed_with_what_lies_in_the_approved_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "nets").mkdir()
    (tmp_path / "nets" / "small.py").touch()
    monkeypatch.setenv("SPOTTER_MODULE_DIRS", str(tmp_path / "nets"))
    shown = call("models").stdout
    assert all(family in shown for family in FAMILIES) and "nets/small.py" in shown and "tiny 1.33M" in shown
    listed = json.loads(call("models", "--json").stdout)
    assert [model["model"] for model in listed["models"]] == [*FAMILIES]
    assert (listed["modules"], listed["folders"]) == (["nets/small.py"], [])
    assert listed["models"][0]["sizes"]["tiny"] > 1_000_000


@pytest.mark.parametrize(
    "command", ["run", "train", "models", "dataset", "tokenizer", "doctor", "demo", "backup", "restore"]
)
def test_every_command_explains_itself(command: str) -> None:
    whole, own = call("--help"), call(command, "--help")
    assert whole.exit_code == own.exit_code == 0
    assert command in whole.stdout and f"{command} [OPTIONS]" in own.stdout


def test_train_names_its_options() -> None:
    shown = call("train", "--help").stdout
    assert all(option in shown for option in ("--data", "--model", "--size", "--budget", "--out", "--json"))


def test_without_a_command_the_help_is_shown() -> None:
    result = call()
    assert "Usage" in result.stdout + result.stderr and "train" in result.stdout + result.stderr


BAD: list[tuple[str, list[str], list[str]]] = [
    ("unknown data", ["--data", "python-dogs"], ["data: ", "did you mean python-docs?"]),
    ("no such file", ["--data", "missing.md"], ["data: there is no file or folder `missing.md`"]),
    ("no such folder", ["--data", "texts/song"], ["data: there is no file or folder `texts/song`"]),
    ("a name too long for a file", ["--data", "x" * 300], ["data: x", "cannot be read (File name too long)"]),
    ("a folder without a text", ["--data", "full"], ["file: "]),
    ("data that leaves the home", ["--data", "../../etc"], ["data: there is no file or folder `../../etc`"]),
    ("no data", ["--data", ""], ["data: "]),
    ("an empty file", ["--data", "empty.txt"], ["file: ", "is empty"]),
    ("columns of text to choose from", ["--data", "table.csv"], ["file: ", "right, left", "--column"]),
    ("another kind of file", ["--data", "song.exe"], ["file: ", ".txt"]),
    ("no such tokenizer", ["--data", "song.txt", "--tokenizer", "wordpeice"], ["tokenizer: ", "wordpiece?"]),
    ("too small a vocabulary", ["--data", "song.txt", "--vocabulary", "9"], ["vocabulary: "]),
    ("a budget that is none", ["--data", "song.txt", "--budget", "a while"], ["budget: ", "10m"]),
    ("a budget of nothing", ["--data", "song.txt", "--budget", "0 steps"], ["budget: ", "500 steps"]),
    ("an unknown size", ["--data", "song.txt", "--size", "giant"], ["model.size: ", "tiny"]),
    ("an unknown family", ["--data", "song.txt", "--model", "bert"], ["model.family: ", "gpt2"]),
    ("a depth beyond the dial", ["--data", "song.txt", "--size", "depth=65"], ["model.size: ", "up to 64"]),
    ("a model and a source", ["--data", "song.txt", "--model", "gpt2", "--from", "org/x"], ["from: ", "leave one"]),
    ("a module that is not here", ["--data", "song.txt", "--module", "a/b.py"], ["module: ", "SPOTTER_MODULE_DIRS"]),
    ("a run that is not here", ["--data", "song.txt", "--from", "run:no"], ["from: ", "no run called `no`"]),
    ("a setting that is none", ["--data", "song.txt", "--set", "pace.slow=1"], ["pace: ", "no such setting"]),
    ("a setting that cannot be read", ["--data", "song.txt", "--set", "faster"], ["settings: ", "cannot be read"]),
    ("all at once", ["--data", "song.txt", "--size", "giant", "--budget", "x"], ["model.size: ", "budget: "]),
    ("a folder with something in it", ["--data", "song.txt", "--out", "full"], ["out: ", "name a new one"]),
    ("a file in the way", ["--data", "song.txt", "--out", "song.txt"], ["out: ", "name a new one"]),
    (
        "a folder below a file",
        ["--data", "song.txt", "--out", "song.txt/out"],
        ["out: ", "song.txt takes no new folder"],
    ),
]


@pytest.mark.parametrize(("arguments", "says"), [pytest.param(given, says, id=name) for name, given, says in BAD])
def test_bad_input_is_refused_before_anything_is_made(folder: Path, arguments: list[str], says: list[str]) -> None:
    sentence = refused(call("train", *arguments))
    assert all(part in sentence for part in says), sentence
    left = [path for path in (folder / "home").rglob("*") if path.is_file()] if (folder / "home").exists() else []
    assert left == []
    assert [path.name for path in (folder / "full").iterdir()] == ["model.bin"]


def test_data_has_to_be_named() -> None:
    result = call("train")
    assert result.exit_code == 2 and "--data" in result.stderr


@pytest.mark.parametrize(
    "command",
    [
        ["run"],
        ["train", "--data", "python-docs"],
        ["doctor"],
        ["demo"],
        ["backup"],
        ["restore"],
        ["dataset", "list"],
        ["tokenizer", "list"],
    ],
)
def test_a_wrong_setting_is_named_whatever_is_asked(command: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPOTTER_SLOTS", "none")
    assert refused(call(*command)).startswith("SPOTTER_SLOTS: ")


def test_a_home_that_cannot_be_written_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder below a file is one that not even root can make."""
    monkeypatch.setenv("SPOTTER_HOME", "song.txt/home")
    for command in (["train", "--data", "python-docs"], ["demo", "--port", "0"]):
        result = call(*command)
        assert result.exit_code == 1
        [sentence] = result.stderr.splitlines()
        assert "song.txt/home" in sentence and "SPOTTER_HOME has to be a folder of yours" in sentence


@pytest.fixture
async def kept(folder: Path) -> Home:
    """A home with a database in it."""
    home = Home(folder / "home")
    await (await Database.open(home.database)).close()
    return home


def test_a_backup_is_made_listed_and_restored(kept: Home) -> None:
    made = call("backup")
    assert made.exit_code == 0 and re.fullmatch(
        r"The backup is \S+/backups/spotter-[\d-]+\.db \(\d+\.\d MiB\)\.\n", made.stdout
    )
    listed = call("restore")
    [line] = listed.stdout.splitlines()
    name = line.split()[0]
    assert listed.exit_code == 0 and re.search(r" \d{4}-\d\d-\d\d \d\d:\d\d UTC  \d+\.\d MiB$", line)
    kept.database.write_bytes(b"damaged" * 999)
    restored = call("restore", name)
    assert restored.exit_code == 0 and restored.stdout.splitlines()[0] == f"{name} is now the database."
    assert re.fullmatch(r"What was there is in \S+/backups/before-restore-[\d-]+\.", restored.stdout.splitlines()[1])
    assert call("backup").exit_code == 0, "it is whole again"


def test_backups_are_listed_newest_first(kept: Home) -> None:
    folder = kept.path / "backups"
    folder.mkdir()
    names = [f"spotter-2026010{day}-120000.db" for day in (2, 3, 1)]
    for name in names:
        (folder / name).touch()
    assert [line.split()[0] for line in call("restore").stdout.splitlines()] == sorted(names, reverse=True)


RESTORES: list[tuple[str, str, list[str]]] = [
    ("no such file", "missing.db", ["backups/missing.db: No such file"]),
    ("no such path", "elsewhere/missing.db", ["elsewhere/missing.db: No such file"]),
    ("a folder", "full", ["full: Is a directory"]),
    ("no database", "song.txt", ["song.txt is damaged (file is not a database)"]),
    ("an empty file", "empty.txt", ["empty.txt is no database of Spotter"]),
]


@pytest.mark.parametrize(("file", "says"), [pytest.param(file, says, id=name) for name, file, says in RESTORES])
def test_what_cannot_be_restored_is_named(kept: Home, file: str, says: list[str]) -> None:
    before = {path: path.read_bytes() for path in kept.path.iterdir() if path.name != "spotter.lock"}
    sentence = refused(call("restore", file))
    assert all(part in sentence for part in says), sentence
    assert {path: path.read_bytes() for path in kept.path.iterdir() if path.name != "spotter.lock"} == before


def test_without_a_home_there_is_nothing_to_copy_or_restore(folder: Path) -> None:
    assert "there is no database" in refused(call("backup"))
    assert "There are no backups in" in refused(call("restore"))
    assert "there is no folder" in refused(call("restore", "song.txt"))
    assert not (folder / "home").exists()


def test_a_damaged_database_is_not_copied(kept: Home) -> None:
    kept.database.write_bytes(b"damaged" * 999)
    assert "spotter.db: file is not a database" in refused(call("backup"))
    assert list((kept.path / "backups").iterdir()) == []


async def test_the_log_of_a_start_has_no_warnings_about_what_is_not_wanted(tmp_path: Path) -> None:
    """discord.py warns of missing voice libraries and of servers it is told nothing about."""
    async with Playground() as playground:
        variables = {
            "DISCORD_TOKEN": playground.token,
            "SPOTTER_OWNER_ID": str(playground.person("Ada").id),
            "SPOTTER_STANDBY": "0",
            "SPOTTER_DISCORD_API": playground.api_url,
            "SPOTTER_DISCORD_GATEWAY": playground.gateway_url,
        }
        async with started("run", home=tmp_path / "home", **variables) as process:
            await playground.until_connected(WITHIN)
            interrupt(process)
            done = await ended(process)
    assert done.status == 0 and "logging in using static token" in done.err, "what else discord.py says is there"
    assert "WARNING" not in done.err


async def test_sentences_go_to_standard_error_of_a_real_process(tmp_path: Path) -> None:
    done = await spotter("train", "--data", "song.txt", "--budget", "soon", home=tmp_path / "home")
    assert (done.status, done.out) == (1, "")
    assert done.err == (
        "budget: cannot read 'soon' as a budget; write it like `10m`, `2h`, `500 steps`, `3 epochs` or `20M tokens`."
        " Correct the setting named above.\n"
    )
    assert not (tmp_path / "home").exists()
