"""`spotter demo`: the playground, the real bot in a process of its own, and a scripted person who trains a model.

What the terminal shows is what the person receives, nothing else: it is read from the chat, not from the bot.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.markup import escape

from bot.leftovers import end_workers
from bot.terminal import Wire, line, shown
from playground.commands import Refused
from playground.messages import Message
from playground.people import NoResponse, Person
from playground.server import Playground
from trainer_core.export.model_folder import verify
from trainer_core.files.layout import Home

_CONNECT_WITHIN = 60.0
_LONGEST = 24 * 3600.0
"""Seconds the scripted person waits for a run to end."""
_CARD_WITHIN = 60.0
"""Seconds after the end for the live card's last change; Discord lets a card change rarely."""
_CHANGE = re.compile(r"[\d.]+ → [\d.]+")
"""A first and a last number."""
_YOU = 1_000_000_000_000_000_001
"""The scripted person's user id: the same in every demo, so that a run of an earlier one is still theirs."""
_RUN_BOT = (
    "from trainer_core.process import die_with_parent; die_with_parent();"
    "from bot.cli import main; import sys; sys.argv[0] = 'spotter'; main()"
)
"""The bot, that ends with the demo even if that is killed: nobody else would ever end it."""
_INTERRUPTED = 128 + signal.SIGINT


class DemoFailedError(Exception):
    """Something on the path did not work; the message says what, and where to look."""


async def demo(home: Path, *, budget: str, size: str, port: int, grace: float = 20.0) -> int:
    """Run the demo. Returns the exit status: 0 if everything on the path worked and a model that verifies came out.

    Ctrl-C ends the demo and whatever it started, which gets `grace` seconds to end by itself; a second Ctrl-C ends
    all of it at once. Raises OSError.
    """
    interrupted = asyncio.Event()
    task = asyncio.current_task()
    assert task is not None, "asyncio.run made it"

    def interrupt() -> None:
        if interrupted.is_set():
            task.cancel()
        interrupted.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, interrupt)
    try:
        async with _playground(port) as playground:
            return await _show(playground, home, budget, size, grace, interrupted)
    except asyncio.CancelledError:
        return _INTERRUPTED


async def _show(
    playground: Playground, home: Path, budget: str, size: str, grace: float, interrupted: asyncio.Event
) -> int:
    console, person = Console(highlight=False), playground.person("you", _YOU)
    console.print(f"[bold]Spotter demo.[/] The chat is also in your browser: [cyan]{playground.page_url}[/]\n")
    async with _bot(playground, person, home, grace) as bot:
        try:
            finished = await _finished(_main_job(console, playground, person, bot, budget, size), bot, interrupted)
        except DemoFailedError as error:
            console.print(f"[red]✗[/] {escape(str(error))}", soft_wrap=True)
            status = 1
        else:
            status = 0 if finished else _INTERRUPTED
            if finished and sys.stdin.isatty() and sys.stdout.isatty():
                invitation = f"Now drop a text of your own into the chat at [cyan]{playground.page_url}[/]"
                console.print(f"\n{invitation} and press Train on its card. Ctrl-C ends the demo.", soft_wrap=True)
                await interrupted.wait()
        await _stop_runs(person, bot)
    return status


@asynccontextmanager
async def _playground(port: int) -> AsyncIterator[Playground]:
    """On `port`, or on any free one if that is taken."""
    playground = Playground(port=port)
    try:
        await playground.start()
    except OSError:
        playground = Playground()
        await playground.start()
    try:
        yield playground
    finally:
        await playground.stop()


@dataclass(frozen=True, slots=True)
class _Bot:
    home: Home
    log: Path
    process: asyncio.subprocess.Process

    def last_words(self) -> str:
        return self.log.read_text(errors="replace").strip().rpartition("\n")[2]


@asynccontextmanager
async def _bot(playground: Playground, owner: Person, home: Path, grace: float) -> AsyncIterator[_Bot]:
    """The bot as `spotter run` starts it, told of the playground's addresses. Raises OSError.

    It takes its runs along when it ends, each within `grace` seconds: here nobody would see them go on.
    """
    await asyncio.to_thread(home.mkdir, parents=True, exist_ok=True)
    log = home / "bot.log"
    environment = {
        **os.environ,
        "DISCORD_TOKEN": playground.token,
        "SPOTTER_OWNER_ID": str(owner.id),
        "SPOTTER_HOME": str(home),
        "SPOTTER_DISCORD_API": playground.api_url,
        "SPOTTER_DISCORD_GATEWAY": playground.gateway_url,
        "SPOTTER_HEALTH_PORT": "0",
    }
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", _RUN_BOT, "run"),
            env=environment,
            stdout=output,
            stderr=output,
            start_new_session=True,  # Ctrl-C in the terminal is for the demo, which then ends the bot
        )
    try:
        yield _Bot(Home(home), log, process)
    finally:
        try:
            await _end(process, grace)
        finally:
            await end_workers(Home(home), (), 0.0 if _is_hurried() else grace)


async def _end(process: asyncio.subprocess.Process, grace: float) -> None:
    ended = asyncio.create_task(process.wait())
    try:
        if process.returncode is None:
            process.terminate()
        await asyncio.wait({ended}, timeout=0.0 if _is_hurried() else grace)
    finally:
        if process.returncode is None:
            process.kill()
        await ended


def _is_hurried() -> bool:
    """Whether the demo was interrupted a second time."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def _finished(job: Coroutine[None, None, None], bot: _Bot, interrupted: asyncio.Event) -> bool:
    """Whether the job came to its end, undisturbed. Raises DemoFailedError if it failed, or the bot ended before."""
    working = asyncio.create_task(job)
    ended = asyncio.create_task(bot.process.wait())
    disturbed = asyncio.create_task(interrupted.wait())
    tasks = (working, ended, disturbed)
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            working.result()
        elif ended.done() and not disturbed.done():
            raise DemoFailedError(f"the bot ended: {bot.last_words()} Its log is {bot.log}")
        return working.done()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _main_job(
    console: Console, playground: Playground, person: Person, bot: _Bot, budget: str, size: str
) -> None:
    """The main job as a person does it. Raises DemoFailedError if anything on the path fails."""
    try:
        await playground.until_connected(_CONNECT_WITHIN)
    except TimeoutError:
        raise DemoFailedError(f"the bot did not connect; its log is {bot.log}") from None
    run = await _unfinished(person)
    if run is None:
        run = await _start(console, person, budget, size)
    else:
        console.print(f"[bold]{escape(run)}[/] was under way when the last demo was cut short: it goes on.\n")
    end = await _follow(console, person, run)
    with suppress(TimeoutError):
        # Word of an end does not wait for its picture.
        end = await _whole(person, end.id)
    console.print(shown(end.to_dict(), note="reports"))
    if missing := lacks(end.to_dict()):
        raise DemoFailedError(f"the last message lacks {', '.join(missing)}; the bot's log is {bot.log}")
    try:
        await person.until(lambda message: _about(message, run) and message.silent and message.edits > 0, _CARD_WITHIN)
    except TimeoutError:
        raise DemoFailedError(f"there was no live card that changed; the bot's log is {bot.log}") from None
    folder = bot.home.run(run).export
    problems = verify(folder)
    if problems:
        raise DemoFailedError(f"no model that verifies came out: {'; '.join(problems)}")
    console.print(f"[green]✓[/] The model is in [bold]{escape(str(folder))}[/]", soft_wrap=True)


async def _whole(person: Person, message_id: int) -> Message:
    """The message once it lacks nothing. Raises TimeoutError."""
    return await person.until(lambda message: message.id == message_id and not lacks(message.to_dict()), _CARD_WITHIN)


async def _unfinished(person: Person) -> str | None:
    """A run of an earlier demo that was killed: one that was told to end has stopped its runs."""
    try:
        left = await person.autocomplete("trainer stop", "run", "")
    except (Refused, NoResponse, TimeoutError) as error:
        raise DemoFailedError(str(error)) from error
    return str(left[0].value) if left else None


async def _start(console: Console, person: Person, budget: str, size: str) -> str:
    """Train as a person does. Returns the run's name. Raises DemoFailedError."""
    console.print(f"[bold cyan]you[/]  {escape(f'/trainer train data:python-docs size:{size} budget:{budget}')}\n")
    try:
        reply = await person.slash("trainer train", data="python-docs", size=size, budget=budget)
    except (Refused, NoResponse, TimeoutError) as error:
        raise DemoFailedError(str(error)) from error
    answer = reply.message
    if answer is None:
        raise DemoFailedError("the bot took its answer back")
    console.print(shown(answer.to_dict(), note="acknowledges"))
    return await _name_of(person, answer)


async def _name_of(person: Person, answer: Message) -> str:
    """The run the answer speaks of."""
    offered = await person.autocomplete("trainer stop", "run", "")
    names = [str(choice.value) for choice in offered if str(choice.value) in str(answer.to_dict())]
    if not names:
        raise DemoFailedError(f"the bot did not take the run: {line(answer.to_dict())}")
    return names[0]


async def _follow(console: Console, person: Person, run: str) -> Message:
    """Show the live card as it changes, until the run's last message comes. Raises DemoFailedError if none does."""
    last = asyncio.create_task(person.until(lambda message: _about(message, run) and not message.silent, _LONGEST))
    seen = (0, 0)

    def news(message: Message) -> bool:
        return _about(message, run) and message.silent and (message.id, message.edits) > seen

    with Live(console=console, refresh_per_second=4) if console.is_terminal else nullcontext() as live:
        while not last.done():
            card = asyncio.create_task(person.until(news, _LONGEST))
            await asyncio.wait({last, card}, return_when=asyncio.FIRST_COMPLETED)
            if card.done() and not card.exception():
                message = card.result()
                seen = (message.id, message.edits)
                if live is None:
                    console.print(f"  card, change {message.edits}: {line(message.to_dict())}", soft_wrap=True)
                else:
                    live.update(shown(message.to_dict(), note=f"live card, change {message.edits}"))
            card.cancel()
    try:
        return await last
    except TimeoutError:
        raise DemoFailedError(f"{run} did not end within {_LONGEST:.0f} s") from None


def lacks(message: Wire) -> list[str]:
    """What the message, in Discord's wire form, would need to be the report of a finished run; empty if nothing."""
    embeds = message["embeds"]
    fields = {field["name"]: field["value"] for embed in embeds for field in embed.get("fields", [])}
    there = {
        "the loss curve": any(embed.get("image") for embed in embeds),
        "the first and the last validation loss": _CHANGE.fullmatch(fields.get("Validation loss", "")),
        "the bits per byte": _CHANGE.fullmatch(fields.get("Bits per byte", "")),
        "a sample": fields.get("It writes", "").strip("` \n"),
    }
    return [what for what, is_there in there.items() if not is_there]


def _about(message: Message, run: str) -> bool:
    """Whether the message is one the bot sent by itself about the run."""
    titles = " ".join(embed.get("title", "") for embed in message.embeds)
    return message.author.bot and message.origin is None and run in f"{titles} {message.content}"


async def _stop_runs(person: Person, bot: _Bot) -> None:
    """Have the bot stop whatever still runs, so that it does not take it up again when it is started next."""
    if bot.process.returncode is not None:
        return
    with suppress(Refused, NoResponse, TimeoutError):
        for choice in await person.autocomplete("trainer stop", "run", ""):
            await person.slash("trainer stop", run=choice.value)
