"""Keeping the ledger: what runs beside the calls so that the durable ledger can hold its promises.

    keeper
    ├─ journal ..... writes what happens in calls, in groups
    ├─ heartbeat ... renews the lease, adopts dead nodes' calls, takes orders
    ├─ mender ...... while the database is down: tries until it works, then writes what was spooled
    ├─ pruner ...... forgets what is older than the retention
    └─ listener .... on PostgreSQL: is woken when there is an order

Tasks of one nursery, which `open.py` owns. Nothing here raises but for bugs. Imports Trio, this room, errors, observe.
"""

import random
from functools import partial
from pathlib import Path

import structlog
import trio

from daemon.errors import ConfigError, LedgerUnavailable, StartError
from daemon.ledger import operations, orders
from daemon.ledger.database import Database
from daemon.ledger.durable import DurableLedger
from daemon.ledger.epochs import Orphan
from daemon.ledger.health import Health
from daemon.ledger.lease import Beat, Lease
from daemon.ledger.migrate import prepare
from daemon.ledger.news import Adopted, News, Relieved
from daemon.ledger.outbox import Endpoint
from daemon.ledger.place import Place
from daemon.ledger.retention import prune
from daemon.ledger.spool import Spool, left_behind

# Seconds between heartbeats at the most, so that an adoption is never long in coming, nor an order.
_BEAT = 2.0
_BEATS_A_LEASE = 4
_FIRST_PAUSE = 0.25
_LONGEST_PAUSE = 3.0
_PRUNE_EVERY = 3600.0
# Between two portions, so that nobody notices.
_PRUNE_PAUSE = 0.1


class Keeper:
    """Owner of the ledger's lease, and of its way back from failure."""

    def __init__(
        self,
        database: Database,
        health: Health,
        lease: Lease,
        place: Place,
        spool: Spool,
        ledger: DurableLedger,
        endpoints: tuple[Endpoint, ...],
        *,
        quarantine: bool,
        retention: float,
    ) -> None:
        self._database = database
        self._health = health
        self._lease = lease
        self._place = place
        self._spool = spool
        self._ledger = ledger
        self._endpoints = endpoints
        self._quarantine = quarantine
        self._retention = retention
        self._woken = trio.Event()
        self._turned = trio.Event()
        self._tell: trio.MemorySendChannel[News]
        self.news: trio.MemoryReceiveChannel[News]
        self._tell, self.news = trio.open_memory_channel[News](10_000)

    async def open(self) -> tuple[Orphan, ...]:
        """Make the database ready and write what is owed to it; gives the calls that are ours now.

        Also the way back after a failure. Errors: `LedgerUnavailable`, `ConfigError`, `StartError`.
        """
        engines = self._database.engines
        await self._database.run(engines.dispose)
        if self._health.corrupt and self._quarantine and engines.file:
            await self._database.run(partial(_move_away, engines.file))
        await self._database.run(partial(prepare, engines))
        await self._database.write(self._lease.register)
        for file, owed in await trio.to_thread.run_sync(left_behind, self._place, self._lease.epoch):
            for operation in owed:
                write = partial(operations.carry_out, operation=operation, endpoints=self._endpoints)
                await self._database.write(write)
            await trio.to_thread.run_sync(file.unlink)
            structlog.get_logger().info("spool_written", file=str(file), operations=len(owed))
        beat = await self._lease.beat()
        if not beat.alive:
            await self._begin_anew()
            beat = await self._lease.beat()
        self._pass_on(beat, adopted=False)
        written = await self._ledger.mend()
        if written:
            structlog.get_logger().warning("spool_written", operations=written)
            await self._spool.clear()
        return beat.orphans

    async def _begin_anew(self) -> None:
        """Somebody has relieved us: let go of our calls, and be somebody new."""
        gone = self._ledger.held_in(self._lease.epoch)
        log = structlog.get_logger()
        log.error("relieved", epoch=self._lease.epoch, calls=len(gone), why="our lease ran out; others have our calls")
        self._lease.begin()
        self._tell.send_nowait(Relieved(gone))
        await self._database.write(self._lease.register)

    def _pass_on(self, beat: Beat, *, adopted: bool = True) -> None:
        for orphan in beat.orphans:
            self._ledger.hold(orphan)
        if beat.orphans and adopted:
            self._tell.send_nowait(Adopted(beat.orphans))
        for order in beat.orders:
            self._tell.send_nowait(order)

    async def beat(self) -> None:
        """Keep the lease until cancelled."""
        interval = min(_BEAT, self._lease.seconds / _BEATS_A_LEASE)
        while True:
            with trio.move_on_after(interval):
                await self._woken.wait()
            self._woken = trio.Event()
            if self._health.up:
                try:
                    await self._beat()
                except LedgerUnavailable as error:
                    self._health.fail(error)
            self._turned.set()
            self._turned = trio.Event()

    async def _beat(self) -> None:
        beat = await self._lease.beat()
        if not beat.alive:
            await self._begin_anew()
            beat = await self._lease.beat()
        self._pass_on(beat)

    def wake(self) -> None:
        """Beat now: there is something to be done."""
        self._woken.set()

    async def turn(self) -> None:
        """Come back once the heartbeat has gone round, whatever it found: a ledger that is down turns as well."""
        turned = self._turned
        self.wake()
        await turned.wait()

    async def mend(self) -> None:
        """Bring the ledger back whenever it is down, until cancelled."""
        while True:
            pause, since = _FIRST_PAUSE, trio.current_time()
            while not self._health.up:
                # Half of it at random: several nodes must not come back as one wave.
                await trio.sleep(pause * (0.5 + random.random() / 2))
                pause = min(2 * pause, _LONGEST_PAUSE)
                try:
                    orphans = await self.open()
                except LedgerUnavailable as error:
                    self._health.fail(error)
                except (ConfigError, StartError) as error:
                    self._health.fail(LedgerUnavailable(str(error)))
                else:
                    log = structlog.get_logger()
                    log.warning("ledger_back", after=round(trio.current_time() - since, 1))
                    if orphans:
                        self._tell.send_nowait(Adopted(orphans))
            await self._health.changed.wait()

    async def forget(self) -> None:
        """Delete what is older than the retention, now and then, until cancelled."""
        while self._retention:
            if self._health.up:
                try:
                    await self._prune()
                except LedgerUnavailable as error:
                    self._health.fail(error)
            await trio.sleep(_PRUNE_EVERY)

    async def _prune(self) -> None:
        forgotten = 1
        while forgotten:
            await trio.sleep(_PRUNE_PAUSE)
            forgotten = await self._database.write(partial(prune, older_than=self._retention), lazy=True)

    async def report(self, order_id: str, result: str) -> None:
        """Say what became of an order; kept to ourselves if the ledger is down."""
        try:
            await self._database.write(partial(orders.report, order_id=order_id, result=result))
        except LedgerUnavailable as error:
            self._health.fail(error)


def _move_away(name: str) -> None:
    """Put a corrupt database aside, for whoever can read something from it, and make room for a new one."""
    file = Path(name)
    number = 1
    while (aside := file.with_name(f"{file.name}.corrupt-{number}")).exists():
        number += 1
    for suffix in ("", "-wal", "-shm"):
        part = file.with_name(file.name + suffix)
        if part.exists():
            part.rename(f"{aside}{suffix}")
    structlog.get_logger().error("ledger_moved_away", to=str(aside), fix="a new one was begun; look into the old one")
