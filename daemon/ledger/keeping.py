"""Keeping the ledger: what runs beside the calls so that the durable ledger can hold its promises.

    keeper
    ├─ journal ..... writes what happens in calls, in groups
    ├─ heartbeat ... renews the lease, adopts dead nodes' calls, takes orders
    ├─ mender ...... while the database is down: tries until it works, then writes what was spooled
    ├─ pruner ...... forgets what is older than the retention
    └─ listener .... on PostgreSQL: is woken when there is an order

Tasks of one nursery, which `open.py` owns. Nothing here raises but for bugs. Imports Trio, this room, errors, observe.
"""

import math
import random
from contextlib import suppress
from functools import partial

import structlog
import trio

from daemon.errors import ConfigError, LedgerUnavailable, StartError
from daemon.ledger import migrate, retention
from daemon.ledger.database import Database
from daemon.ledger.durable import DurableLedger
from daemon.ledger.epochs import Orphan
from daemon.ledger.health import Health
from daemon.ledger.lease import Beat, Lease
from daemon.ledger.news import Adopted, News, Relieved
from daemon.ledger.place import Place
from daemon.ledger.quarantine import move_away
from daemon.ledger.spool import Spool, left_behind
from daemon.observe.clock import WallClock

# Seconds between heartbeats at the most, so that an adoption is never long in coming, nor an order.
_BEAT = 1.0
# A lease is renewed, and an outage looked after, so many times before it could run out.
_TIMES_A_LEASE = 4
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
        wall: WallClock,
        *,
        quarantine: bool,
    ) -> None:
        self._database = database
        self._health = health
        self._lease = lease
        self._place = place
        self._spool = spool
        self._ledger = ledger
        self._wall = wall
        self._quarantine = quarantine
        self._ordered: set[str] = set()
        """Orders that were passed on."""
        self._tell: trio.MemorySendChannel[News]
        self.news: trio.MemoryReceiveChannel[News]
        # Without a bound, as none may be lost; there are never more than calls and what operators type.
        self._tell, self.news = trio.open_memory_channel[News](math.inf)

    async def open(self) -> None:
        """Make the database ready and write what is owed to it; what is found there is news.

        Also the way back after a failure. Errors: `LedgerUnavailable`, `ConfigError`, `StartError`.
        """
        self._lease.listen_anew()
        await self._database.reset()
        engines = self._database.engines
        if self._health.corrupt and self._quarantine:
            await self._database.run(partial(move_away, self._health.corrupt, engines, self._place, self._lease.epochs))
        await self._database.write(partial(migrate.make_ready, engines=engines), limit=migrate.PATIENCE)
        await self._write_what_is_left()
        await self._beat()
        await self._database.run(partial(self._place.clean, *self._lease.epochs, *self._lease.others))
        written = await self._ledger.scribe.mend()
        if written:
            structlog.get_logger().warning("spool_written", operations=written)
        await self._spool.clear()

    async def _write_what_is_left(self) -> None:
        """Write what earlier epochs of this place still owe."""
        remains = await trio.to_thread.run_sync(left_behind, self._place, *self._lease.epochs)
        try:
            for each in remains:
                await self._ledger.scribe.carry_out(each.owed)
                each.remove()
                structlog.get_logger().info("spool_written", file=str(each.file), operations=len(each.owed))
        finally:
            for each in remains:
                each.let_go()

    async def _beat(self) -> None:
        beat = await self._lease.beat(self._ledger.held.look())
        if not beat.alive:
            self._begin_anew()
            beat = await self._lease.beat(self._ledger.held.look())
        self._take_note(beat)
        await self._ledger.scribe.restore(beat.missing)

    def _begin_anew(self) -> None:
        """Somebody has relieved us: let go of our calls, and be somebody new."""
        gone = self._ledger.held.of(self._lease.epoch)
        log = structlog.get_logger()
        log.error("relieved", epoch=self._lease.epoch, calls=len(gone), why="our lease ran out; others have our calls")
        self._lose(gone)
        self._lease.begin()

    def _lose(self, call_ids: tuple[str, ...]) -> None:
        for call_id in call_ids:
            self._ledger.held.lose(call_id)
        if call_ids:
            self._tell.send_nowait(Relieved(call_ids))

    def _take_note(self, beat: Beat) -> None:
        held = self._ledger.held
        for call_id in beat.ended:
            held.let_go(call_id)
        self._lose(tuple(call_id for call_id in beat.elsewhere if call_id in held))
        orphans = tuple(orphan for orphan in beat.orphans if not held.knows(orphan.incoming.call_id))
        for orphan in orphans:
            held.take_over(orphan, self._lease.epoch, self._wall())
        if orphans:
            self._tell.send_nowait(Adopted(orphans))
        for order in beat.orders:
            if order.id not in self._ordered:
                self._ordered.add(order.id)
                self._tell.send_nowait(order)

    def take_adopted(self) -> tuple[Orphan, ...]:
        """The calls that have become ours up to now, taken out of the news. Before anybody follows them."""
        adopted: list[Orphan] = []
        others = []
        while self.news.statistics().current_buffer_used:
            match self.news.receive_nowait():
                case Adopted(orphans):
                    adopted += orphans
                case other:
                    others.append(other)
        for item in others:
            self._tell.send_nowait(item)
        return tuple(adopted)

    async def beat(self) -> None:
        """Keep the lease until cancelled."""
        interval = min(_BEAT, self._lease.seconds / _TIMES_A_LEASE)
        while True:
            with trio.move_on_after(interval):
                await self._lease.wanted.wait()
            self._lease.wanted = trio.Event()
            if self._health.up:
                with suppress(LedgerUnavailable):  # the mender knows
                    await self._beat()
            self._lease.beaten()

    def wake(self) -> None:
        """Beat now: there is something to be done."""
        self._lease.wanted.set()

    async def mend(self) -> None:
        """Bring the ledger back whenever it is down, until cancelled."""
        longest = min(_LONGEST_PAUSE, self._lease.seconds / _TIMES_A_LEASE)
        while True:
            pause, since = _FIRST_PAUSE, trio.current_time()
            while not self._health.up:
                # Half of it at random: several nodes must not come back as one wave.
                await trio.sleep(pause * (0.5 + random.random() / 2))
                pause = min(2 * pause, longest)
                if await self._try_to_open():
                    structlog.get_logger().warning("ledger_back", after=round(trio.current_time() - since, 1))
            await self._health.changed.wait()

    async def _try_to_open(self) -> bool:
        try:
            await self.open()
        except LedgerUnavailable as error:
            self._health.fail(error)
        except (ConfigError, StartError) as error:
            self._health.fail(LedgerUnavailable(str(error)))
        return self._health.up

    async def forget(self, older_than: float) -> None:
        """Delete what ended longer ago than so many seconds, now and then, until cancelled. 0: never."""
        while older_than:
            if self._health.up:
                with suppress(LedgerUnavailable):  # the mender knows
                    await self._forget(older_than)
            await trio.sleep(_PRUNE_EVERY)

    async def _forget(self, older_than: float) -> None:
        # Looked for first: on SQLite, whoever wants to write keeps others from it.
        while old := await self._database.read(partial(retention.find, older_than=older_than)):
            await self._database.write(partial(retention.forget, call_ids=old), lazy=True)
            await trio.sleep(_PRUNE_PAUSE)
        await self._database.write(partial(retention.tidy, older_than=older_than), lazy=True)

    async def end(self) -> None:
        """Say goodbye, so that nobody waits for us: what we still owe is anybody's. Best effort."""
        with suppress(LedgerUnavailable):
            await self._lease.end()
            await self._spool.remove()

    async def report(self, order_id: str, result: str) -> None:
        """Say what became of an order."""
        await self._ledger.report(order_id, result)
