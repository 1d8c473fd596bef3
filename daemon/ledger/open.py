"""Opening the ledger a configuration names, and keeping it until the daemon ends.

Owner of one nursery, for the tasks of `keeping.py`. Imports Trio, config, observe and this room.
"""

import platform
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import trio

from daemon.config import Config
from daemon.errors import LedgerUnavailable, StartError
from daemon.ledger.database import Database
from daemon.ledger.durable import DurableLedger
from daemon.ledger.engine import Engines, make_engines
from daemon.ledger.epochs import Orphan
from daemon.ledger.health import Health
from daemon.ledger.journal import JournalWriter
from daemon.ledger.keeping import Keeper
from daemon.ledger.lease import Lease
from daemon.ledger.outbox import Endpoint
from daemon.ledger.place import Place
from daemon.ledger.spool import Spool
from daemon.observe.clock import WallClock, system_clock
from daemon.observe.feed import Watcher

# Seconds at the end to write what happened last, and that we are gone.
_LAST_WORDS = 5.0
_DIRECTORY = Path("/var/lib/callwarden")


@dataclass(frozen=True, slots=True)
class OpenLedger:
    """The ledger, and what its owner needs beside it."""

    ledger: DurableLedger
    database: Database
    health: Health
    keeper: Keeper
    lease: Lease
    node: str
    """Our name among the nodes."""
    folder: Path
    """Where the ledger keeps what is not in the database."""
    orphans: tuple[Orphan, ...]
    """Calls that were somebody's who is no more, and are ours now."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What a durable ledger is made of, before anything runs."""

    engines: Engines
    database: Database
    health: Health
    lease: Lease
    node: str
    folder: Path
    journal: JournalWriter
    ledger: DurableLedger
    keeper: Keeper
    degrade: bool
    """Whether it may be done without."""


def assemble(config: Config, wall: WallClock) -> Parts:
    """Put the ledger together and begin an epoch; the database is not touched yet.

    Errors: `StartError` if the state directory can't be used.
    """
    table = config.ledger
    engines = make_engines(table.url, table.password.reveal() if table.password else "")
    folder, node = _directory(table.directory, engines), table.node or platform.node()
    place = Place(folder)
    degrade = table.on_failure == "degrade" or (table.on_failure == "auto" and engines.file is not None)
    endpoints = tuple(Endpoint(url=each.url, events=each.events) for each in config.deliveries)
    health = Health(up=False)
    database = Database(engines, health)
    lease = Lease(database, place, node, table.lease)
    lease.begin()
    spool = Spool(place, lease.epoch)
    journal = JournalWriter(database, health, transcripts=table.transcripts)
    ledger = DurableLedger(database, health, lease, spool, endpoints, wall, degrade=degrade)
    keeper = Keeper(database, health, lease, place, spool, ledger, wall, quarantine=degrade)
    return Parts(engines, database, health, lease, node, folder, journal, ledger, keeper, degrade)


@asynccontextmanager
async def open_ledger(
    config: Config, watch: Callable[[Watcher], None], *, wall: WallClock = system_clock
) -> AsyncIterator[OpenLedger]:
    """Open the ledger; `watch` is given the journal, to be fed.

    Errors: `ConfigError` if the tables are newer than we are, `StartError` if the ledger can't be opened and may not be
    done without. Where it may, it is opened as soon as it can be.
    """
    parts = assemble(config, wall)
    keeper, journal, health = parts.keeper, parts.journal, parts.health
    try:
        await _open(keeper, health, degrade=parts.degrade)
        watch(journal.watch)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(journal.write_down, name="journal")
            nursery.start_soon(keeper.beat, name="heartbeat")
            nursery.start_soon(keeper.mend, name="ledger mender")
            nursery.start_soon(keeper.forget, config.ledger.retention, name="ledger pruner")
            if parts.engines.file is None:
                from daemon.ledger.listening import listen  # and psycopg, which nobody else needs

                nursery.start_soon(listen, parts.engines.lazy, keeper.wake, name="ledger listener")
            try:
                opened = OpenLedger(
                    parts.ledger,
                    parts.database,
                    health,
                    keeper,
                    parts.lease,
                    parts.node,
                    parts.folder,
                    keeper.take_adopted(),
                )
                yield opened
            finally:
                nursery.cancel_scope.cancel(reason="the ledger is closed")
                with trio.move_on_after(_LAST_WORDS, shield=True):
                    await _say_goodbye(journal, keeper, health)
    finally:
        parts.lease.close()
        parts.database.close()


async def _open(keeper: Keeper, health: Health, *, degrade: bool) -> None:
    """Open it, or leave that to the mender. A corrupt file is known for one only once it was opened."""
    for _ in range(2):
        try:
            await keeper.open()
        except LedgerUnavailable as error:
            health.fail(error)
            if not degrade:
                raise StartError(f"[ledger] url: {error}") from error
        if health.up or not health.corrupt:
            break


async def _say_goodbye(journal: JournalWriter, keeper: Keeper, health: Health) -> None:
    if not health.up:
        return
    await journal.flush()
    await keeper.end()


def _directory(named: str, engines: Engines) -> Path:
    if named:
        return Path(named)
    return Path(engines.file).parent if engines.file else _DIRECTORY
