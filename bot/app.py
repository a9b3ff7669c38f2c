"""The composition root: settings -> store -> service -> chat -> web, and the way back in order."""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial

from bot import shutdown
from bot.catalog.catalog import Catalog
from bot.chat.access import Access
from bot.chat.client import SpotterClient, point_at
from bot.chat.connection import TokenRefusedError, stay_connected
from bot.chat.notify.missed import tell_missed
from bot.chat.notify.outbox import Outbox
from bot.chat.notify.sender import Sender
from bot.chat.plot import Plotter
from bot.config import Settings, SettingsError
from bot.runs.dispatcher import Dispatcher
from bot.runs.gpus import chosen, list_gpus
from bot.runs.local import LocalPool
from bot.runs.record import Record
from bot.runs.service import RunService
from bot.runs.slots import Slot, share
from bot.runs.watchdog import Watchdog
from bot.schedule import Schedule
from bot.shutdown import within
from bot.store import marks
from bot.store.backup import HourlyBackup
from bot.store.db import Database
from bot.store.migrations import StoreError
from bot.web.health import Health
from trainer_core.files.layout import Home
from trainer_core.process import Lock

_FRESH = 120.0
"""Seconds without an answered heartbeat after which the gateway counts as gone; there is one about every 41."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Spotter:
    """The parts that run for as long as the bot does."""

    database: Database
    pool: LocalPool
    catalog: Catalog
    service: RunService
    client: SpotterClient
    sender: Sender
    health: Health
    token: str


@asynccontextmanager
async def spotter(settings: Settings) -> AsyncIterator[Spotter]:
    """Everything composed and started, but not yet connected. Raises SettingsError if it cannot start."""
    token, owner_id = settings.for_discord()
    home = Home(settings.home.resolve())
    async with AsyncExitStack() as stack:
        _take_home(home, stack)
        database = await _open_store(home)
        stack.push_async_callback(within, "store", database.close)

        pool = LocalPool(home, await _slots(settings), standby=settings.standby, approved=settings.approved)
        stack.push_async_callback(within, "pool", pool.close)
        due = asyncio.Event()
        outbox = Outbox(due.set)
        watchdog = Watchdog(database, pool, outbox, floor=settings.stall_minutes * 60)
        dispatcher = Dispatcher(database, pool, outbox, watchdog, running_cap=settings.running_per_person)
        stack.push_async_callback(within, "dispatcher", dispatcher.close)
        catalog = Catalog(
            home,
            Record(database),
            upload_limit=int(settings.attachment_mb * 2**20),
            corpus_limit=int(settings.corpus_gb * 2**30),
            data_dirs=settings.data_dirs,
        )
        stack.push_async_callback(within, "catalog", catalog.close)
        service = RunService(
            database,
            home,
            catalog,
            outbox,
            dispatcher,
            queued_cap=settings.queued_per_person,
            approved=settings.approved,
        )

        plotter = Plotter()
        stack.push_async_callback(within, "plotter", plotter.close)
        if settings.discord_api and settings.discord_gateway:
            point_at(settings.discord_api, settings.discord_gateway)
        access = Access(owner_id, settings.allowed_user_ids)
        client = SpotterClient(
            database=database,
            service=service,
            catalog=catalog,
            access=access,
            plotter=plotter,
            guilds=settings.guilds,
            read_mark=lambda key: marks.read(database, key),
            write_mark=lambda key, value: marks.write(database, key, value),
            tell_missed=lambda user_id, tell: tell_missed(database, user_id, due.set, tell),
        )
        stack.push_async_callback(within, "gateway", client.close)
        sender = Sender(database, client, plotter, service.status_for_view, due, serves=access.serves)
        backup = HourlyBackup(home.database)
        schedule = Schedule(
            database, outbox, heartbeat_minutes=settings.heartbeat_minutes, back_up=backup, sweep=catalog.sweep
        )
        stack.push_async_callback(within, "schedule", schedule.close)

        def checks() -> Mapping[str, bool]:
            return {"store": database.works, "gateway": _is_fresh(client), "pool": pool.ready}

        health = Health(settings.health_port, checks, lambda: {"backup": backup.works})
        stack.push_async_callback(within, "health port", health.close)

        await pool.start()
        await dispatcher.start()
        await catalog.start()
        schedule.start()
        try:
            await health.start()
        except OSError as error:
            raise SettingsError(
                f"SPOTTER_HEALTH_PORT: port {settings.health_port} is taken; set another one, or 0 for any."
            ) from error
        log.info("home %s, health %s", home.path, health.address)
        yield Spotter(database, pool, catalog, service, client, sender, health, token)


async def serve(settings: Settings) -> None:
    """Serve Discord until SIGINT or SIGTERM. Runs go on after that. Raises SettingsError."""
    stopping = asyncio.Event()
    shutdown.listen(stopping)
    async with spotter(settings) as parts:
        began = time.monotonic()
        gateway = asyncio.create_task(stay_connected(parts.client, parts.token), name="gateway")
        sender = asyncio.create_task(parts.sender.run(), name="sender")
        signalled = asyncio.create_task(stopping.wait(), name="signal")
        done, _ = await asyncio.wait({gateway, sender, signalled}, return_when=asyncio.FIRST_COMPLETED)
        shutdown.leave_within()
        log.info("stopping after %.0f s; runs go on", time.monotonic() - began)
        # Nothing new comes in once nobody reads from the gateway; answers go out by other ways.
        await within("connection", partial(_cancelled, gateway))
        # Who waits for a file to be taken in is told, instead of waited for.
        await within("errands", parts.client.give_up)
        await within("catalog", parts.catalog.close)
        await shutdown.finish_under_way()
        await within("sender", partial(_cancelled, sender))
        signalled.cancel()
        try:
            for task in done:
                task.result()
        except TokenRefusedError as error:
            raise SettingsError(
                "DISCORD_TOKEN: Discord refuses it; reset it on your application's Bot page and set the new one."
            ) from error


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def _slots(settings: Settings) -> Sequence[Slot]:
    """What runs can be given to run on. Raises SettingsError naming a graphics card that is not there."""
    try:
        gpus = chosen(settings.gpus, await list_gpus())
    except ValueError as error:
        raise SettingsError(f"SPOTTER_GPUS: {error}.") from error
    return share(settings.slots, settings.cpu_threads or os.cpu_count() or 1, gpus)


def _is_fresh(client: SpotterClient) -> bool:
    health = client.health()
    answered = health.last_acknowledged
    return health.ready and answered is not None and time.monotonic() - answered < _FRESH


async def _open_store(home: Home) -> Database:
    """Raises SettingsError, with every file left as it was, if the database cannot be used."""
    try:
        return await Database.open(home.database)
    except StoreError as error:
        raise SettingsError(f"SPOTTER_HOME: {error}.") from error
    except (sqlite3.Error, OSError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise SettingsError(f"SPOTTER_HOME: {home.database} cannot be opened ({reason}).") from error


def _take_home(home: Home, stack: AsyncExitStack) -> None:
    """Keep the home folder for this process alone. Raises SettingsError if another bot has it."""
    try:
        home.path.mkdir(parents=True, exist_ok=True)
        lock = Lock.take(home.lock)
    except OSError as error:
        raise SettingsError(f"SPOTTER_HOME: {home.path} cannot be written ({error.strerror}).") from error
    if lock is None:
        raise SettingsError(f"SPOTTER_HOME: another Spotter is using {home.path}; stop it, or set another folder.")
    stack.callback(lock.release)
