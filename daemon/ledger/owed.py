"""How many deliveries the outbox owes: looked at now and then, as a scrape of the metrics can't wait for a database.

One task, owned by the app. Imports SQLAlchemy, Trio, errors and this room.
"""

import trio
from sqlalchemy import Connection, func, select

from daemon.errors import LedgerUnavailable
from daemon.ledger.database import Database
from daemon.ledger.health import Health
from daemon.ledger.schema import DbNow, deliveries

EVERY = 15.0
"""Seconds between two looks."""


class DeliveriesOwed:
    """What the last look has found."""

    def __init__(self, database: Database, health: Health) -> None:
        self._database = database
        self._health = health
        self.latest: tuple[int, float] | None = None
        """How many, and the age of the oldest in seconds; None while unknown."""

    async def look(self) -> None:
        """Look until cancelled."""
        while True:
            self.latest = None
            if self._health.up:
                try:
                    self.latest = await self._database.read(owed)
                except LedgerUnavailable as error:
                    self._health.fail(error)
            await trio.sleep(EVERY)


def owed(connection: Connection) -> tuple[int, float]:
    """Count the deliveries that are to be tried (again), and tell the age of the oldest in seconds."""
    waiting = deliveries.c.due_at.is_not(None)
    counted = select(func.count(), func.coalesce(DbNow() - func.min(deliveries.c.made_at), 0.0)).where(waiting)
    number, age = connection.execute(counted).one()
    return int(number), max(float(age), 0.0)
