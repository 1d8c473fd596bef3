"""Transactions, each in a worker thread, because no driver of SQLite or PostgreSQL is made for Trio.

One limiter bounds the threads. SQLite has one writer at a time; here, and not in its own polling, writers queue up, and
what a caller waits for goes first. A thread can't be cancelled: it is left to end by itself, and once its time is up,
its connection is cut, so that it does. Owner of no nursery. Imports Trio, SQLAlchemy and this room's engine, failures,
health, grip and turns; never knows a table.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TypeVar

import trio
from sqlalchemy import Connection, Engine, exc

from daemon.errors import LedgerUnavailable
from daemon.ledger.engine import CONNECTIONS, Engines, file_id, reading, replaced
from daemon.ledger.failures import LedgerCorrupt, explained
from daemon.ledger.grip import Grip
from daemon.ledger.health import Health
from daemon.ledger.turns import Turns

T = TypeVar("T")

Timed = Callable[[str, float, bool], None]
"""(`write`, `lazy` or `read`; seconds, waiting included; whether it worked)"""

# Seconds for one transaction, waiting for its turn included.
LIMIT = 5.0


class Database:
    """Runs plain functions on connections, and tells `health` when that fails."""

    def __init__(self, engines: Engines, health: Health | None = None) -> None:
        self.engines = engines
        self.health = health or Health()
        self.timed: Timed = lambda _kind, _seconds, _worked: None
        """Told of every transaction."""
        self._limiter = trio.CapacityLimiter(CONNECTIONS)
        self._turns = Turns() if engines.file else None
        self._abandoned: list[tuple[float, Grip]] = []
        self._closed = False

    async def write(
        self, work: Callable[[Connection], T], *, lazy: bool = False, urgent: bool = False, limit: float = LIMIT
    ) -> T:
        """Run a function in a transaction of its own; when this returns, it is committed.

        A lazy one may be lost in a power cut, and waits for others unless it is urgent. The function may be run twice,
        if the connection turns out to be dead before anything was committed. Errors: `LedgerUnavailable`, also when it
        took longer than `limit` seconds; then, and when cancelled, it is unknown whether it was committed.
        """
        engine = self.engines.lazy if lazy else self.engines.durable
        with self._watched("lazy" if lazy else "write"):
            with trio.move_on_after(limit) as scope:
                if self._turns is None:
                    return await self._in_thread(engine, work, scope.deadline)
                async with self._turns.turn(last=lazy and not urgent):
                    return await self._in_thread(engine, work, scope.deadline)
            raise self._too_slow(limit)

    async def read(self, work: Callable[[Connection], T], *, limit: float = LIMIT, curious: bool = False) -> T:
        """Run a function that only reads. Errors: as `write`.

        A curious one is somebody's wish to know, and may ask for much: that it fails says nothing of the ledger.
        """
        with self._watched("read", curious=curious):
            with trio.move_on_after(limit) as scope:
                return await self._in_thread(self.engines.lazy, work, scope.deadline, reads=True)
            raise self._too_slow(limit)

    @contextmanager
    def _watched(self, kind: str, *, curious: bool = False) -> Iterator[None]:
        """Tell how long it took, unless it was cancelled, and that the ledger is down if it failed."""
        began, since = trio.current_time(), self.health.times
        try:
            yield
        except LedgerUnavailable as error:
            if not curious:
                self.health.fail(error, since)
            self.timed(kind, trio.current_time() - began, False)
            raise
        self.timed(kind, trio.current_time() - began, True)

    async def run(self, work: Callable[[], T]) -> T:
        """Run something that blocks and is no transaction. Not to be cancelled."""
        return await trio.to_thread.run_sync(work)

    def close(self) -> None:
        """Close every connection for good, those in use as soon as they are not."""
        self._closed = True
        for _, grip in self._abandoned:
            grip.cut()
        self.engines.dispose()

    async def reset(self) -> None:
        """Close every connection, so that the next transactions see what is there now."""
        for _, grip in self._abandoned:
            grip.cut()
        # SQLite knows its other files by their names: whoever still closes a file that was replaced would delete the
        # new one's. So nobody may have the old one when the new one is opened.
        async with self._nobody_else():
            await trio.to_thread.run_sync(self.engines.dispose)

    @asynccontextmanager
    async def _nobody_else(self) -> AsyncIterator[None]:
        """On SQLite, keep every thread from its transaction; one that hangs is waited for, for a while."""
        tokens = [object() for _ in range(CONNECTIONS if self.engines.file else 0)]
        held = []
        try:
            with trio.move_on_after(LIMIT):
                for token in tokens:
                    await self._limiter.acquire_on_behalf_of(token)
                    held.append(token)
            yield
        finally:
            for token in held:
                self._limiter.release_on_behalf_of(token)

    async def _in_thread(
        self, engine: Engine, work: Callable[[Connection], T], deadline: float, *, reads: bool = False
    ) -> T:
        self._cut_overdue()
        grip = Grip()

        def run() -> T:
            with explained(self.engines.where):
                try:
                    return self._transact(engine, work, grip, reads=reads)
                except exc.DBAPIError as error:
                    # A connection that died in the pool, as when the database was restarted.
                    if not error.connection_invalidated or grip.committing or grip.abandoned:
                        raise
                    return self._transact(engine, work, grip, reads=reads)

        try:
            return await trio.to_thread.run_sync(run, abandon_on_cancel=True, limiter=self._limiter)
        except LedgerCorrupt as error:
            error.file = file_id(self.engines.file or "")
            raise
        except trio.Cancelled:
            grip.abandoned = True
            self._abandoned.append((deadline, grip))
            self._cut_overdue()
            raise

    def _transact(self, engine: Engine, work: Callable[[Connection], T], grip: Grip, *, reads: bool) -> T:
        with self._closed_if_late(engine), engine.connect() as connection:
            if replaced(connection):
                fix = "stop Callwarden before you move the file away or put another in its place"
                raise LedgerUnavailable(f"{self.engines.where}: the file was replaced while it was open; {fix}")
            if reads:
                reading(connection)
            with grip.on(connection), connection.begin():
                result = work(connection)
                grip.committing = True
            return result

    def _cut_overdue(self) -> None:
        """Free the threads of transactions that nobody waits for any more and whose time is up."""
        now = trio.current_time()
        for deadline, grip in self._abandoned:
            if deadline <= now:
                grip.cut()
        self._abandoned = [(deadline, grip) for deadline, grip in self._abandoned if deadline > now]

    def _too_slow(self, limit: float) -> LedgerUnavailable:
        return LedgerUnavailable(f"{self.engines.where}: no answer within {limit:g} s")

    @contextmanager
    def _closed_if_late(self, engine: Engine) -> Iterator[None]:
        """Close the connection that is used in the block, if every other one was closed meanwhile."""
        pool = engine.pool
        try:
            yield
        finally:
            if self._closed or engine.pool is not pool:
                pool.dispose()
