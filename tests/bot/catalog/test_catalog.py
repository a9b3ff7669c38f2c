"""What people bring, see, choose and delete, and what is left behind: by the real ingestion, without its processes."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bot.catalog.builtins import Builtins
from bot.catalog.catalog import Catalog
from bot.catalog.in_use import in_use
from bot.catalog.incoming import Incoming
from bot.catalog.owners import COMMAND_LINE, signature
from bot.catalog.tasks import Told
from bot.catalog.wanted import Asked, TokenizerWish, Wanted
from bot.person import Person
from tests.bot.catalog.conftest import ADA, GRACE, UPLOAD_LIMIT, Going, prose, received
from tests.bot.catalog.inline import Inline
from tests.bot.catalog.laying import lay, lay_builtin
from tests.bot.chat import cards
from trainer_core.data.card import DatasetCard, Preprocessing
from trainer_core.data.catalog import BUILTIN, delete
from trainer_core.errors import Code, SpotterError
from trainer_core.files.atomic import name_aside
from trainer_core.files.layout import Home
from trainer_core.tasks.orders import AddDataset, Added, MakeTokenizer, Progress

TABLE = "\n".join(
    json.dumps({"left": prose(60, seed=n + 3), "right": prose(70, seed=n + 11)}) for n in range(20)
).encode()
"""Two columns could be the text."""


@pytest.fixture(autouse=True)
def builtin(home: Home) -> DatasetCard:
    """Made already."""
    return lay_builtin(home)


def waiting(home: Home) -> list[str]:
    """What is on its way in."""
    return [path.name for path in home.incoming.iterdir()] if home.incoming.is_dir() else []


async def add(catalog: Catalog, person: Person = ADA, filename: str = "swans.txt", seed: int = 1) -> Added:
    added = await catalog.add_dataset(person, Wanted(await received(catalog, filename, prose(seed=seed).encode())))
    assert isinstance(added, Added)
    return added


async def ask(catalog: Catalog, person: Person = ADA) -> Asked:
    asked = await catalog.add_dataset(person, Wanted(await received(catalog, "birds.jsonl", TABLE)))
    assert isinstance(asked, Asked)
    return asked


async def test_a_file_becomes_a_data_set_and_leaves_nothing_on_its_way(catalog: Catalog, home: Home) -> None:
    told: list[Progress] = []
    place = await received(catalog, "swans.txt", prose().encode())
    added = await catalog.add_dataset(ADA, Wanted(place, name="birds"), told.append)
    assert isinstance(added, Added) and added.new
    assert (added.card.name, added.card.added_by, added.card.filename) == ("birds", "7", "swans.txt")
    assert told and waiting(home) == []
    assert [card.name for card in await catalog.datasets(ADA)] == [BUILTIN, "birds"]


async def test_the_same_file_again_is_the_same_data_set(catalog: Catalog, home: Home) -> None:
    first, second = await add(catalog), await add(catalog)
    assert (first.new, second.new) == (True, False) and first.card == second.card
    other = await catalog.add_dataset(
        ADA, Wanted(await received(catalog, "swans.txt", prose().encode()), None, None, Preprocessing(normalize=False))
    )
    assert isinstance(other, Added) and other.new and other.card.name == "swans-2"
    assert waiting(home) == []


async def test_nobody_sees_what_others_added(catalog: Catalog, home: Home) -> None:
    lay(home, cards.dataset(name="swans", added_by="7"))
    lay(home, cards.dataset(name="geese", added_by="8"))
    assert [card.name for card in await catalog.datasets(GRACE)] == [BUILTIN, "geese"]
    for ask_for in (catalog.find, catalog.dataset, catalog.delete_dataset):
        with pytest.raises(SpotterError, match="there is no data set 'swans'") as refused:
            await ask_for(GRACE, "swans")
        assert refused.value.code is Code.CORPUS_NOT_FOUND and "swans?" not in str(refused.value)


async def test_the_command_line_sees_everything_and_the_owner_what_it_added(catalog: Catalog, home: Home) -> None:
    lay(home, cards.dataset(name="swans", added_by="8"))
    lay(home, cards.dataset(name="geese", added_by=signature(COMMAND_LINE)))
    assert [card.name for card in await catalog.datasets(COMMAND_LINE)] == [BUILTIN, "geese", "swans"]
    assert [card.name for card in await catalog.datasets(ADA)] == [BUILTIN, "geese"]
    assert [card.name for card in await catalog.datasets(GRACE)] == [BUILTIN, "swans"]


@pytest.mark.parametrize(
    ("filename", "size", "code"),
    [
        ("song.exe", 10, Code.CORPUS_UNREADABLE),
        ("song.txt", UPLOAD_LIMIT + 1, Code.CORPUS_TOO_LARGE),
        ("tokenizer.json", UPLOAD_LIMIT + 1, Code.CORPUS_TOO_LARGE),
    ],
)
async def test_what_is_of_no_use_is_not_even_downloaded(
    catalog: Catalog, home: Home, filename: str, size: int, code: Code
) -> None:
    with pytest.raises(SpotterError) as refused:
        await catalog.receive(filename, size)
    assert (refused.value.code, refused.value.field) == (code, "file")
    assert waiting(home) == []


@pytest.mark.parametrize("data", [b"", b"x", b"\0" * 5000])
async def test_what_is_refused_leaves_nothing_behind(catalog: Catalog, home: Home, data: bytes) -> None:
    with pytest.raises(SpotterError) as refused:
        await catalog.add_dataset(ADA, Wanted(await received(catalog, "song.txt", data)))
    assert refused.value.next_step
    assert waiting(home) == [] and [path.name for path in home.datasets.iterdir()] == [BUILTIN]


class Endless:
    """Carries nothing out, for ever."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()

    async def perform(self, order: AddDataset | MakeTokenizer, told: Told) -> Added:
        self.begun.set()
        await asyncio.Event().wait()
        raise AssertionError("nobody ends it")

    async def close(self) -> None: ...


async def test_who_is_cancelled_while_a_file_is_taken_in_leaves_nothing(home: Home, going: Going) -> None:
    endless = Endless()
    catalog = Catalog(home, going, upload_limit=UPLOAD_LIMIT, corpus_limit=2**24, tasks=endless)
    file = await received(catalog, "swans.txt", prose().encode())
    adding = asyncio.create_task(catalog.add_dataset(ADA, Wanted(file)))
    await endless.begun.wait()
    adding.cancel()
    await asyncio.wait([adding])
    assert adding.cancelled() and waiting(home) == []


async def test_which_column_holds_the_text_is_for_the_person_to_say(catalog: Catalog, home: Home) -> None:
    asked = await ask(catalog)
    assert (set(asked.columns), asked.filename) == ({"left", "right"}, "birds.jsonl")
    assert waiting(home) == [asked.pending] and len(asked.pending) == 16
    assert await catalog.datasets(ADA) == [await catalog.find(ADA, BUILTIN)]
    added = await catalog.choose_column(ADA, asked.pending, asked.columns.index("right"))
    assert (added.card.text_column, added.card.name, waiting(home)) == ("right", "birds", [])


async def test_only_who_was_asked_may_answer_and_only_what_was_asked(catalog: Catalog) -> None:
    asked = await ask(catalog)
    for person, index in ((GRACE, 0), (ADA, 2), (ADA, -1)):
        with pytest.raises(SpotterError) as refused:
            await catalog.choose_column(person, asked.pending, index)
        assert refused.value.code is Code.UNAUTHORIZED
    assert (await catalog.choose_column(ADA, asked.pending, 0)).new


async def test_a_question_is_answered_once(catalog: Catalog) -> None:
    asked = await ask(catalog)
    await catalog.choose_column(ADA, asked.pending, 0)
    with pytest.raises(SpotterError, match="no longer here") as refused:
        await catalog.choose_column(ADA, asked.pending, 1)
    assert refused.value.code is Code.CORPUS_NOT_FOUND


async def test_who_cannot_be_asked_is_told_the_columns(catalog: Catalog, home: Home) -> None:
    with pytest.raises(SpotterError, match="left") as refused:
        await catalog.take_in(ADA, Wanted(await received(catalog, "birds.jsonl", TABLE)))
    assert "/trainer dataset add" in refused.value.next_step and waiting(home) == []
    with pytest.raises(SpotterError, match="right") as refused:
        await catalog.take_in(COMMAND_LINE, Wanted(await received(catalog, "birds.jsonl", TABLE)))
    assert "spotter dataset add --column" in refused.value.next_step and waiting(home) == []


async def test_what_lies_in_an_approved_folder_is_taken_in_where_it_lies(catalog: Catalog, texts: Path) -> None:
    (texts / "swans.txt").write_text(prose())
    (texts.parent / "secret.txt").write_text(prose(seed=9))
    assert await catalog.local_sources(GRACE) == ["texts/swans.txt"]
    added = await catalog.add_dataset(GRACE, Wanted("texts/swans.txt"))
    assert isinstance(added, Added) and added.card.source == "local" and (texts / "swans.txt").exists()
    for outside in ("texts/../secret.txt", "secret.txt", str(texts.parent / "secret.txt")):
        with pytest.raises(SpotterError) as refused:
            await catalog.add_dataset(GRACE, Wanted(outside))
        assert refused.value.code is Code.CORPUS_NOT_FOUND


async def test_a_data_set_is_deleted_unless_a_run_needs_it(catalog: Catalog, going: Going, home: Home) -> None:
    lay(home, cards.dataset(name="swans"))
    going.names["swans"] = "brisk-otter-42"
    with pytest.raises(SpotterError, match="brisk-otter-42"):
        await catalog.delete_dataset(ADA, "swans")
    going.names.clear()
    assert (await catalog.delete_dataset(ADA, " Swans ")).name == "swans"
    assert not list(home.datasets.glob("*swans*"))
    with pytest.raises(SpotterError, match="is built in and stays"):
        await catalog.delete_dataset(ADA, BUILTIN)


async def test_what_another_process_trains_on_is_not_deleted(catalog: Catalog, home: Home) -> None:
    lay(home, cards.dataset(name="swans"))
    script = (
        "import sys, pathlib; from bot.catalog.in_use import in_use; from trainer_core.files.layout import Home\n"
        "with in_use(Home(pathlib.Path(sys.argv[1])), 'swans'): print('up', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(home.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as training:
        assert training.stdout and training.stdin
        training.stdout.readline()
        with in_use(home, "swans"):
            pass  # others may train on it, too
        with pytest.raises(SpotterError, match="somebody trains on `swans`"):
            await catalog.delete_dataset(ADA, "swans")
        training.stdin.close()
        training.wait()
    await catalog.delete_dataset(ADA, "swans")
    with pytest.raises(SpotterError, match="there is no data set 'swans'"), in_use(home, "swans"):
        pass


class Refusing:
    """Carries nothing out, and counts."""

    def __init__(self) -> None:
        self.asked = 0
        self.ended = asyncio.Event()

    async def perform(self, order: AddDataset | MakeTokenizer, told: Told) -> Added:
        self.asked += 1
        if self.asked > 1:
            await self.ended.wait()
        raise SpotterError(Code.WORKER_LOST, "Spotter is being stopped.")

    async def close(self) -> None:
        self.ended.set()


async def test_what_cannot_be_made_is_not_tried_at_every_look(home: Home, going: Going) -> None:
    delete(home, BUILTIN)
    refusing = Refusing()
    catalog = Catalog(home, going, upload_limit=UPLOAD_LIMIT, corpus_limit=2**24, tasks=refusing)
    assert await catalog.datasets(ADA) == [] and refusing.asked == 0, "nothing is made for a list"
    for _ in range(3):
        with pytest.raises(SpotterError, match="being stopped"):
            await catalog.find(ADA, BUILTIN)
    assert refusing.asked == 1


async def test_what_could_not_be_made_is_tried_again_later(home: Home) -> None:
    clock, asked = [0.0], list[AddDataset]()

    async def add(order: AddDataset) -> Added:
        asked.append(order)
        raise SpotterError(Code.DISK_FULL)

    builtins = Builtins(Home(home.path / "another"), add, lambda: clock[0])
    for seconds in (0.0, 59.0, 61.0):
        clock[0] = seconds
        with pytest.raises(SpotterError):
            await builtins.card(BUILTIN)
    assert len(asked) == 2


async def test_a_stop_is_no_error(home: Home, going: Going, caplog: pytest.LogCaptureFixture) -> None:
    delete(home, BUILTIN)
    refusing = Refusing()
    refusing.asked = 1
    catalog = Catalog(home, going, upload_limit=UPLOAD_LIMIT, corpus_limit=2**24, tasks=refusing)
    await catalog.start()
    await catalog.close()
    assert refusing.asked in (1, 2) and caplog.text == ""


async def test_who_waits_first_may_be_cancelled(home: Home) -> None:
    """The others still get what they wait for."""
    another, go, asked = Home(home.path / "another"), asyncio.Event(), 0

    async def add(order: AddDataset) -> Added:
        nonlocal asked
        asked += 1
        await go.wait()
        return Added(card=lay_builtin(another))

    builtins = Builtins(another, add)
    first = asyncio.create_task(builtins.card(BUILTIN))
    while not asked:
        await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait([first])
    second = asyncio.create_task(builtins.card(BUILTIN))
    await asyncio.sleep(0)  # it waits, too
    go.set()
    assert (await second).builtin and (first.cancelled(), asked) == (True, 1)


async def test_a_column_that_is_pressed_twice_at_once_is_taken_in_once(catalog: Catalog, home: Home) -> None:
    asked = await ask(catalog)
    answers = await asyncio.gather(
        *(catalog.choose_column(ADA, asked.pending, index) for index in (0, 1)), return_exceptions=True
    )
    [refused] = [answer for answer in answers if isinstance(answer, SpotterError)]
    assert "being taken in already" in str(refused)
    assert len(await catalog.datasets(ADA)) == 2 and waiting(home) == []


async def test_what_ships_with_spotter_is_made_once_when_it_is_needed(
    catalog: Catalog, home: Home, inline: Inline
) -> None:
    delete(home, BUILTIN)
    await catalog.start()
    assert (await catalog.find(GRACE, BUILTIN)).builtin
    assert [card.name for card in await catalog.datasets(ADA)] == [BUILTIN]
    assert len(inline.performed) == 1


async def test_a_suggestion_goes_by_what_runs_came_to_here(catalog: Catalog, going: Going) -> None:
    _, guessed = await catalog.dataset(ADA, BUILTIN)
    going.measured = dict.fromkeys(("tiny", "mini", "small", "medium"), 1e9)
    _, fast = await catalog.dataset(ADA, BUILTIN)
    assert guessed and fast and fast.seconds < guessed.seconds


async def test_a_start_sweeps_what_an_earlier_bot_left(catalog: Catalog, home: Home) -> None:
    asked, left = await ask(catalog), await received(catalog, "left.txt", b"half")
    owner = json.loads((left.folder / "owner.json").read_bytes())
    (left.folder / "owner.json").write_text(json.dumps({**owner, "start": "long ago"}))
    half, growing = name_aside(home.dataset("half")), name_aside(home.dataset("growing"))
    for folder in (half, growing):
        folder.mkdir()
        (folder / "documents.bin").touch()
        os.utime(folder, times=(0, 0))
    os.utime(half / "documents.bin", times=(0, 0))
    await catalog.start()
    assert waiting(home) == [asked.pending] and not left.folder.exists()
    assert growing.exists() and not half.exists()


async def test_a_tokenizer_is_trained_listed_and_named_for_a_run(catalog: Catalog) -> None:
    await add(catalog, GRACE)
    card = await catalog.make_tokenizer(GRACE, TokenizerWish("bpe", name="words", dataset="Swans", vocabulary=300))
    assert (card.name, card.kind, card.source, card.added_by) == ("words", "bpe", "swans", "8")
    assert await catalog.tokenizers(GRACE) == [card] == [await catalog.tokenizer(GRACE, "Words")]
    assert (await catalog.tokenizer_spec(GRACE, "words")).name == "words"
    assert await catalog.tokenizers(COMMAND_LINE) == [card] and await catalog.tokenizers(ADA) == []
    for ask_for in (catalog.tokenizer, catalog.tokenizer_spec):
        with pytest.raises(SpotterError) as refused:
            await ask_for(ADA, "words")
        assert refused.value.code is Code.TOKENIZER_NOT_FOUND


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        (TokenizerWish("bpe", dataset="nothing-like-it"), Code.CORPUS_NOT_FOUND),
        (TokenizerWish("bpe", dataset=BUILTIN, vocabulary=99), Code.CONFIG_INVALID),
        (TokenizerWish("bpe", dataset=BUILTIN, vocabulary=500_000), Code.TOKENIZER_TRAIN_FAILED),
        (TokenizerWish("bpe", dataset="pets"), Code.CONFIG_INVALID),
        (TokenizerWish("bpe", dataset=BUILTIN, family="gpt2"), Code.CONFIG_INVALID),
        (TokenizerWish("pretrained", family="someone/not-here"), Code.TOKENIZER_NOT_FOUND),
        (TokenizerWish("pretrained", family="/etc"), Code.TOKENIZER_NOT_FOUND),
        (TokenizerWish("pretrained", family="../elsewhere"), Code.TOKENIZER_NOT_FOUND),
    ],
)
async def test_a_tokenizer_that_cannot_be_is_refused_before_anything_begins(
    catalog: Catalog, home: Home, inline: Inline, wish: TokenizerWish, code: Code
) -> None:
    lay(home, cards.pictures(added_by="7"))
    with pytest.raises(SpotterError) as refused:
        await catalog.make_tokenizer(ADA, wish)
    assert refused.value.code is code and inline.performed == []


async def test_a_tokenizer_that_was_sent_and_is_none_leaves_nothing(catalog: Catalog, home: Home) -> None:
    file: Incoming = await received(catalog, "tokenizer.json", b"{}")
    with pytest.raises(SpotterError) as refused:
        await catalog.make_tokenizer(ADA, TokenizerWish("upload", file=file))
    assert refused.value.code in (Code.TOKENIZER_LOAD_FAILED, Code.TOKENIZER_TRAIN_FAILED)
    assert waiting(home) == [] and not list(home.tokenizers.glob("*"))
