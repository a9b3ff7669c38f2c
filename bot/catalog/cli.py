"""`spotter dataset` and `spotter tokenizer`: what the chat's commands of these names do, without the chat."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from bot.console import give_up, refusals, say, settings_or_give_up, show

if TYPE_CHECKING:
    from rich.console import RenderableType

    from bot.catalog.catalog import Catalog
    from bot.catalog.tasks import Told
    from bot.catalog.wanted import TokenizerWish
    from trainer_core.data.card import DatasetCard, Preprocessing
    from trainer_core.tokenizers.card import TokenizerCard

dataset = typer.Typer(help="Data sets: take a text in, see what it holds, delete it.", no_args_is_help=True)
tokenizer = typer.Typer(help="Tokenizers: train one or take one in, see how well it serves.", no_args_is_help=True)

_T = TypeVar("_T")
_Json = Annotated[bool, typer.Option("--json", help="Print it as JSON.")]
_Name = Annotated[str, typer.Argument(help="Its name.")]


@dataset.command("add")
def add_dataset(
    source: Annotated[
        str,
        typer.Argument(
            help="A file (.txt .md .csv .tsv .json .jsonl .parquet, each also .gz, or a .zip of them), a folder, or"
            " hub:NAME of the Hugging Face Hub. A folder of folders of pictures is a data set of pictures."
        ),
    ],
    name: Annotated[str | None, typer.Option(help="What to call it; made from the source's name.")] = None,
    column: Annotated[str | None, typer.Option(help="The column that holds the text.")] = None,
    config: Annotated[str | None, typer.Option(help="Of a data set on the Hub: its configuration.")] = None,
    split: Annotated[str, typer.Option(help="Of a data set on the Hub: its split.")] = "train",
    streaming: Annotated[bool, typer.Option("--streaming", help="Of a data set on the Hub: keep no copy.")] = False,
    secrets: Annotated[
        bool, typer.Option("--keep-secrets/--remove-secrets", help="What becomes of lines that look like secrets.")
    ] = True,
    normalize: Annotated[bool, typer.Option(help="Bring characters to Unicode normal form C.")] = True,
    control: Annotated[bool, typer.Option(help="Remove control characters.")] = True,
    whitespace: Annotated[bool, typer.Option(help="Tidy line ends and white space.")] = True,
    duplicates: Annotated[bool, typer.Option(help="Leave out documents that came before.")] = True,
    near_duplicates: Annotated[bool, typer.Option(help="Leave out documents that nearly came before.")] = True,
    similarity: Annotated[float, typer.Option(help="From which two documents are nearly the same, 0.5 to 1.")] = 0.85,
    min_characters: Annotated[int, typer.Option(help="Leave out shorter documents.")] = 1,
    max_characters: Annotated[int | None, typer.Option(help="Cut longer documents.")] = None,
    as_json: _Json = False,
) -> None:
    """Take a text in as a data set, and show what it holds.

    The same source, taken in in the same way, is the data set there is already.
    """

    async def add(catalog: Catalog, told: Told) -> RenderableType:
        from rich.console import Group

        from bot.catalog.owners import COMMAND_LINE
        from bot.catalog.wanted import Wanted
        from bot.here import no_source, source_of

        found = await asyncio.to_thread(
            source_of, source, catalog.data_dirs, config=config, split=split, streaming=streaming
        )
        if found is None:
            raise no_source(source)
        preprocessing = _preprocessing(
            normalize=normalize,
            control=control,
            whitespace=whitespace,
            min_characters=min_characters,
            max_characters=max_characters,
            duplicates=duplicates,
            near_duplicates=near_duplicates,
            similarity=similarity,
            remove_secrets=not secrets,
        )
        added = await catalog.take_in(COMMAND_LINE, Wanted(found, name, column, preprocessing), told)
        shown = await _dataset(catalog, added.card.name, as_json=as_json)
        return shown if added.new or isinstance(shown, str) else Group(shown, "It was there already.")

    _with_catalog(add)


@dataset.command("list")
def list_datasets(as_json: _Json = False) -> None:
    """The data sets there are."""

    async def print_list(catalog: Catalog, _: Told) -> RenderableType:
        from bot.catalog.owners import COMMAND_LINE
        from bot.catalog.tables import datasets_table

        cards = await catalog.datasets(COMMAND_LINE)
        if as_json:
            return _json(cards)
        none = "There are none yet: `spotter dataset add` takes one in. You can train on python-docs as it is."
        return datasets_table(cards) if cards else none

    _with_catalog(print_list)


@dataset.command("show")
def show_dataset(name: _Name, as_json: _Json = False) -> None:
    """What a data set holds, and what to train on it. Never its text."""
    _with_catalog(lambda catalog, _: _dataset(catalog, name, as_json=as_json))


@dataset.command("delete")
def delete_dataset(name: _Name, yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False) -> None:
    """Remove a data set with its tokens. Models that were trained on it stay."""
    from bot.catalog.owners import COMMAND_LINE

    found = _done_with_catalog(lambda catalog, _: catalog.deletable(COMMAND_LINE, name))
    if not yes:
        typer.confirm(f"Delete {found.name}?", abort=True)
    gone = _done_with_catalog(lambda catalog, _: catalog.delete_dataset(COMMAND_LINE, found.name))
    say(f"{gone.name} is gone.")


@tokenizer.command("train")
def train_tokenizer(
    kind: Annotated[
        str,
        typer.Argument(help="bpe, unigram, wordpiece, sentencepiece, characters; pretrained or upload to take one in."),
    ] = "bpe",
    data: Annotated[str | None, typer.Option(help="A data set's name: to train on, and to report on.")] = None,
    vocabulary: Annotated[int | None, typer.Option(help="Number of tokens; what suits the text.")] = None,
    family: Annotated[
        str | None, typer.Option(help="Of a pretrained one: a model family, a model on the Hub, or a folder.")
    ] = None,
    file: Annotated[Path | None, typer.Option(help="Of an upload: a tokenizer.json or a .model.")] = None,
    name: Annotated[str | None, typer.Option(help="What to call it; made from what it is.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Refuse it if its report has problems.")] = False,
    as_json: _Json = False,
) -> None:
    """Make a tokenizer, and show how well it serves text that it was not trained on."""

    async def make(catalog: Catalog, told: Told) -> RenderableType:
        from bot.catalog.owners import COMMAND_LINE
        from bot.catalog.tables import tokenizer_table

        wish = await _wish(catalog, kind, file, name, data, vocabulary, family, strict=strict)
        card = await catalog.make_tokenizer(COMMAND_LINE, wish, told)
        return card.model_dump_json() if as_json else tokenizer_table(card)

    _with_catalog(make)


@tokenizer.command("list")
def list_tokenizers(as_json: _Json = False) -> None:
    """The tokenizers there are."""

    async def print_list(catalog: Catalog, _: Told) -> RenderableType:
        from bot.catalog.owners import COMMAND_LINE
        from bot.catalog.tables import tokenizers_table

        cards = await catalog.tokenizers(COMMAND_LINE)
        if as_json:
            return _json(cards)
        return tokenizers_table(cards) if cards else "There are none yet: `spotter tokenizer train` makes one."

    _with_catalog(print_list)


@tokenizer.command("show")
def show_tokenizer(name: _Name, as_json: _Json = False) -> None:
    """What a tokenizer is, and its report."""

    async def print_card(catalog: Catalog, _: Told) -> RenderableType:
        from bot.catalog.owners import COMMAND_LINE
        from bot.catalog.tables import tokenizer_table

        card = await catalog.tokenizer(COMMAND_LINE, name)
        return card.model_dump_json() if as_json else tokenizer_table(card)

    _with_catalog(print_card)


def _with_catalog(work: Callable[[Catalog, Told], Awaitable[RenderableType]]) -> None:
    """Do the work, showing how tasks get on, then print what it returns; gives up, in a sentence, at a refusal."""
    done = _done_with_catalog(work)
    if isinstance(done, str):
        say(done)
    else:
        show(done)


def _done_with_catalog(work: Callable[[Catalog, Told], Awaitable[_T]]) -> _T:
    from rich.console import Console

    from bot.here import open_catalog, shown, until_signalled

    settings = settings_or_give_up()

    async def run() -> _T:
        async with open_catalog(settings) as catalog:
            with shown(Console(stderr=True)) as told:
                return await work(catalog, told)

    try:
        with refusals(settings.home.resolve()):
            return until_signalled(run())
    except KeyboardInterrupt:
        give_up("Given up; nothing was made.")


async def _dataset(catalog: Catalog, name: str, *, as_json: bool) -> RenderableType:
    from bot.catalog.owners import COMMAND_LINE
    from bot.catalog.tables import dataset_table

    card, suggestion = await catalog.dataset(COMMAND_LINE, name)
    if as_json:
        return json.dumps({**card.model_dump(mode="json"), "suggestion": asdict(suggestion)})
    return dataset_table(card, suggestion)


def _json(cards: Sequence[DatasetCard] | Sequence[TokenizerCard]) -> str:
    return json.dumps([card.model_dump(mode="json") for card in cards])


def _preprocessing(**choices: object) -> Preprocessing:
    """Raises SpotterError naming the option that is wrong."""
    from pydantic import ValidationError

    from bot.catalog.named import invalid
    from trainer_core.data.card import Preprocessing

    try:
        return Preprocessing.model_validate(choices)
    except ValidationError as error:
        raise invalid(error, "preprocessing") from error


async def _wish(
    catalog: Catalog,
    kind: str,
    file: Path | None,
    name: str | None,
    data: str | None,
    vocabulary: int | None,
    family: str | None,
    *,
    strict: bool,
) -> TokenizerWish:
    """The options as a wish; a file is copied in. Raises SpotterError, OSError."""
    from typing import get_args

    from bot.catalog.named import no_tokenizer
    from bot.catalog.wanted import TokenizerWish
    from trainer_core.tokenizers.card import TokenizerKind

    kinds: dict[str, TokenizerKind] = {known: known for known in get_args(TokenizerKind)}
    if kind not in kinds:
        raise no_tokenizer(kind, kinds)
    incoming = None
    if file is not None:
        incoming = await catalog.receive(file.name, (await asyncio.to_thread(file.stat)).st_size)
        try:
            await asyncio.to_thread(shutil.copyfile, file, incoming.path)
        except BaseException:
            # Cancelled, too: only a tokenizer that is made would take the copy away.
            await incoming.discard()
            raise
    return TokenizerWish(kinds[kind], name, data, vocabulary, family, incoming, strict)
