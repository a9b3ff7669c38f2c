"""`spotter dataset` and `spotter tokenizer`, from taking a text in to deleting it, with real task processes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from bot.cli import app
from tests.bot.catalog.conftest import prose
from tests.bot.catalog.laying import lay, lay_builtin
from tests.bot.chat import cards
from trainer_core.files.layout import Home

SECRET = "the key is AKIAIOSFODNN7EXAMPLE, and nobody may know it\n"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home with what ships with Spotter, and an empty folder to be in."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SPOTTER_HOME", str(tmp_path / "home"))
    home = Home(tmp_path / "home")
    lay_builtin(home)
    return home


def call(*arguments: str) -> Result:
    return CliRunner(env={"NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "200"}).invoke(app, arguments)


def done(*arguments: str) -> str:
    """What a command printed that did what it was asked to."""
    result = call(*arguments)
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    return result.stdout


def refused(*arguments: str) -> str:
    """What is said by a command that gave up: one line on standard error alone."""
    result = call(*arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    [sentence] = result.stderr.splitlines()
    return sentence


def test_a_text_is_taken_in_shown_and_deleted(home: Home) -> None:
    Path("swans.txt").write_text(prose() + SECRET)
    card = json.loads(done("dataset", "add", "swans.txt", "--name", "birds", "--remove-secrets", "--json"))
    assert (card["name"], card["counts"]["secret_lines_removed"], card["added_by"]) == ("birds", 1, "command line")
    assert card["suggestion"]["size"] == "tiny" and Path("swans.txt").exists()
    shown = done("dataset", "show", "birds")
    for part in ("birds", "swans.txt", "tokens", "Latin", "suggestion", "lines with secrets removed: 1"):
        assert part in shown
    assert "swan glides" not in shown and "AKIA" not in shown, "never its text"
    assert [one["name"] for one in json.loads(done("dataset", "list", "--json"))] == ["python-docs", "birds"]
    assert "birds" in done("dataset", "list")
    assert done("dataset", "delete", "birds", "--yes") == "birds is gone.\n"
    assert not home.dataset("birds").exists()
    assert "there is no data set 'birds'" in refused("dataset", "show", "birds")


def test_a_tokenizer_that_needs_no_training_is_made_listed_and_shown() -> None:
    assert done("tokenizer", "list") == "There are none yet: `spotter tokenizer train` makes one.\n"
    card = json.loads(done("tokenizer", "train", "characters", "--vocabulary", "300", "--name", "letters", "--json"))
    assert (card["name"], card["kind"], card["vocabulary"]) == ("letters", "characters", 300)
    assert "letters" in done("tokenizer", "list")
    assert [one["name"] for one in json.loads(done("tokenizer", "list", "--json"))] == ["letters"]
    assert "special tokens" in done("tokenizer", "show", "letters")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["dataset", "add", "missing.txt"], "data: there is no file or folder `missing.txt`. Name a file"),
        (["dataset", "add", "nothere"], "data: there is no file or folder `nothere`. Name a file"),
        (["dataset", "add", ""], "data: nothing is named. Name a file"),
        (["dataset", "add", "hub:"], "data: name the data set of the Hub, like `hub:"),
        (["dataset", "add", "hub:" + "x" * 300], "name: string should have at most 200 characters"),
        (["train", "--data", "hub:"], "data: name the data set of the Hub, like `hub:"),
        (
            ["dataset", "add", "song.txt", "--min-characters", "5000", "--max-characters", "1000"],
            "max_characters: is less",
        ),
        (["dataset", "add", "song.txt", "--similarity", "2"], "similarity: "),
        (["dataset", "show", "python-dogs"], "did you mean python-docs? "),
        (["dataset", "delete", "nothere"], "there is no data set 'nothere'"),
        (["dataset", "delete", "python-docs", "--yes"], "`python-docs` is built in and stays"),
        (["tokenizer", "train", "wordpeice"], "did you mean wordpiece?"),
        (["tokenizer", "train", "bpe"], "data: name the data set to train on"),
        (["tokenizer", "train", "bpe", "--data", "python-docs", "--vocabulary", "9"], "vocabulary: "),
        (
            ["tokenizer", "train", "bpe", "--data", "python-docs", "--family", "gpt2"],
            "family: goes with the kind pretr",
        ),
        (
            ["tokenizer", "train", "bpe", "--data", "python-docs", "--file", "a.model"],
            "file: goes with the kind upload",
        ),
        (["tokenizer", "train", "upload", "--file", "tokenizer.json"], "tokenizer.json: Is a directory"),
        (["tokenizer", "train", "bpe", "--data", "nothing-like-it"], "there is no data set"),
        (["tokenizer", "train", "upload", "--file", "missing.model"], "missing.model: No such file or directory"),
        (["tokenizer", "show", "nothing"], "there is no tokenizer 'nothing'"),
    ],
)
def test_bad_input_is_one_sentence(arguments: list[str], says: str, home: Home) -> None:
    Path("song.txt").write_text(prose())
    Path("a.model").write_bytes(b"")
    Path("tokenizer.json").mkdir()
    assert says in refused(*arguments)
    assert [path.name for path in home.datasets.iterdir()] == ["python-docs"] and not home.tokenizers.exists()
    assert not home.incoming.exists() or not list(home.incoming.iterdir())


def test_what_lies_in_an_approved_folder_is_taken_in_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "somewhere" / "letters").mkdir(parents=True)
    (tmp_path / "somewhere" / "letters" / "swans.txt").write_text(prose())
    monkeypatch.setenv("SPOTTER_DATA_DIRS", str(tmp_path / "somewhere" / "letters"))
    assert json.loads(done("dataset", "add", "letters/swans.txt", "--json"))["source"] == "local"
    assert "there is no file or folder `letters/geese.txt`" in refused("dataset", "add", "letters/geese.txt")


def test_no_name_is_cut_in_a_list(home: Home) -> None:
    """Neither where a terminal is narrow nor where there is none."""
    name = "a-name-that-is-as-long-as-a-name-may-be-" + "x" * 8
    folder = home.tokenizer(name)
    folder.mkdir(parents=True)
    (folder / "report.json").write_text(cards.tokenizer(name=name, source="s" * 100).model_dump_json())
    lay(home, cards.dataset(name=name))
    for columns in ("20", "80"):
        for group in ("tokenizer", "dataset"):
            result = CliRunner(env={"TERM": "dumb", "COLUMNS": columns}).invoke(app, [group, "list"])
            assert f"{name} " in result.stdout


def test_deleting_asks_first(home: Home) -> None:
    lay(home, cards.dataset(name="swans"))
    result = CliRunner().invoke(app, ["dataset", "delete", "swans"], input="n\n")
    assert result.exit_code == 1 and home.dataset("swans").exists()


@pytest.mark.parametrize(
    ("group", "commands"), [("dataset", ["add", "list", "show", "delete"]), ("tokenizer", ["train", "list", "show"])]
)
def test_every_command_explains_itself(group: str, commands: list[str]) -> None:
    whole = done(group, "--help")
    for command in commands:
        assert command in whole and f"{command} [OPTIONS]" in done(group, command, "--help")
