"""The ledger as the console reads it: a few questions at a time, each bounded, and none that a call could feel.

However many consoles ask for however much, two of the ledger's threads are all they get, and a question that takes too
long says nothing of the ledger's health. Owned by the console; imports Trio and the ledger's reading functions.
"""

from collections.abc import Callable
from typing import TypeVar

import trio
from sqlalchemy import Connection

from daemon.errors import LedgerUnavailable
from daemon.ledger.database import Database

T = TypeVar("T")

AT_ONCE = 2
WAITING = 32
"""Questions that wait for their turn; the next one is told to come back."""
LIMIT = 3.0
"""Seconds for an answer."""


class Archive:
    """What may be asked of one ledger."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._limiter = trio.CapacityLimiter(AT_ONCE)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run a function that only reads. Errors: `LedgerUnavailable`. Cancelling is safe."""
        if not self._database.health.up:
            raise LedgerUnavailable(self._database.health.why)
        if self._limiter.statistics().tasks_waiting >= WAITING:
            raise LedgerUnavailable("too many questions at once: try again in a moment")
        async with self._limiter:
            return await self._database.read(work, limit=LIMIT, curious=True)
