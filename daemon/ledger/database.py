"""Transactions, each in a worker thread, because no driver of SQLite or PostgreSQL is made for Trio.

One limiter bounds the threads. SQLite has one writer at a time; here, and not in its own polling, writers queue up, and
what a caller waits for goes first. A thread can't be cancelled: it is left to end by itself, in its own time limits.
Owner of no nursery. Imports Trio, SQLAlchemy and this room's engine and failures; never knows a table.
"""

from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TypeVar

import trio
from sqlalchemy import Connection, Engine

from daemon.errors import LedgerUnavailable
from daemon.ledger.engine import Engines, reading
from daemon.ledger.failures import explained

T = TypeVar("T")

Timed = Callable[[str, float, bool], None]
"""(`write`, `lazy` or `read`; seconds, waiting included; whether it worked)"""

_THREADS = 12
# Seconds for one transaction, waiting for its turn included.
LIMIT = 5.0


class Database:
    """Runs plain functions on connections."""

    def __init__(self, engines: Engines) -> None:
        self.engines = engines
        self.timed: Timed = lambda _kind, _seconds, _worked: None
        """Told of every transaction."""
        self._limiter = trio.CapacityLimiter(_THREADS)
        self._turns = Turns() if engines.file else None

    async def write(self, work: Callable[[Connection], T], *, lazy: bool = False, limit: float = LIMIT) -> T:
        """Run a function in a transaction of its own; when this returns, it is committed.

        A lazy one waits for all others, and may be lost in a power cut. Errors: `LedgerUnavailable`, also when it took
        longer than `limit` seconds; then, and when cancelled, it is unknown whether it was committed.
        """
        engine = self.engines.lazy if lazy else self.engines.durable
        with self._watched("lazy" if lazy else "write"):
            with trio.move_on_after(limit):
                if self._turns is None:
                    return await self._in_thread(engine, work, reads=False)
                async with self._turns.turn(last=lazy):
                    return await self._in_thread(engine, work, reads=False)
            raise LedgerUnavailable(f"{self.engines.where}: no answer within {limit:g} s")

    async def read(self, work: Callable[[Connection], T], *, limit: float = LIMIT) -> T:
        """Run a function that only reads. Errors: as `write`."""
        with self._watched("read"):
            with trio.move_on_after(limit):
                return await self._in_thread(self.engines.lazy, work, reads=True)
            raise LedgerUnavailable(f"{self.engines.where}: no answer within {limit:g} s")

    @contextmanager
    def _watched(self, kind: str) -> Iterator[None]:
        """Tell how long it took, unless it was cancelled."""
        began = trio.current_time()
        try:
            yield
        except LedgerUnavailable:
            self.timed(kind, trio.current_time() - began, False)
            raise
        self.timed(kind, trio.current_time() - began, True)

    async def _in_thread(self, engine: Engine, work: Callable[[Connection], T], *, reads: bool) -> T:
        def run() -> T:
            with explained(self.engines.where), engine.connect() as connection:
                if reads:
                    reading(connection)
                with connection.begin():
                    return work(connection)

        return await trio.to_thread.run_sync(run, abandon_on_cancel=True, limiter=self._limiter)

    async def run(self, work: Callable[[], T]) -> T:
        """Run something slow that manages its own transactions, such as a migration. No time limit."""

        def explain() -> T:
            with explained(self.engines.where):
                return work()

        return await trio.to_thread.run_sync(explain, limiter=self._limiter)


class Turns:
    """A lock with two queues: whoever may come last waits until nobody else does."""

    def __init__(self) -> None:
        self._taken = False
        self._waiting: tuple[deque[trio.Event], deque[trio.Event]] = (deque(), deque())

    @asynccontextmanager
    async def turn(self, *, last: bool) -> AsyncIterator[None]:
        """Hold the lock while the block lasts. Cancelling while waiting gives up the place in the queue."""
        await trio.lowlevel.checkpoint_if_cancelled()
        if self._taken:
            await self._wait(self._waiting[last])
        self._taken = True
        try:
            yield
        finally:
            self._pass_on()

    async def _wait(self, queue: deque[trio.Event]) -> None:
        mine = trio.Event()
        queue.append(mine)
        try:
            await mine.wait()
        except trio.Cancelled:
            if mine.is_set():
                self._pass_on()  # it was our turn already, and we don't want it any more
            else:
                queue.remove(mine)
            raise

    def _pass_on(self) -> None:
        first, last = self._waiting
        if first or last:
            (first or last).popleft().set()  # stays taken, for the one who is woken
        else:
            self._taken = False
