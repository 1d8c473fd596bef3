"""Deliveries in virtual time: a real SQLite file, whose clock is the virtual one, and endpoints in memory."""

import random
import sqlite3
from collections.abc import Callable
from typing import TypeVar

import trio
from sqlalchemy import Connection, Engine, event
from trio.testing import MockClock

from daemon.config import Delivery, Secret
from daemon.config import Ledger as LedgerTable
from daemon.deliveries.posting import open_client
from daemon.deliveries.sender import Sender, read_endpoints
from daemon.ledger.database import Database
from daemon.ledger.engine import Engines
from daemon.ledger.failures import explained
from daemon.ledger.health import Health
from tests.calls.world import EPOCH, wall
from tests.deliveries.receivers import SECRET, Receiver
from tests.ledger.filled import Ledger

T = TypeVar("T")

ONE = "https://one.test/calls"
TWO = "https://two.test/calls"


class InlineDatabase(Database):
    """A database whose work is done in the calling task: in a thread it would take no time, or for ever, on a virtual
    clock."""

    async def _in_thread(
        self, engine: Engine, work: Callable[[Connection], T], deadline: float, *, reads: bool = False
    ) -> T:
        await trio.lowlevel.checkpoint()
        with explained(self.engines.where), engine.begin() as connection:
            return work(connection)


class World:
    """A ledger, endpoints, and a sender between them."""

    def __init__(self, engines: Engines, clock: MockClock, *urls: str) -> None:
        for engine in {engines.durable, engines.lazy}:
            _use_clock(engine, clock)
        engines.dispose()
        self.health = Health()
        self.database = InlineDatabase(engines, self.health)
        self.receiver = Receiver()
        self.ledger = Ledger(engines, *urls)
        self.ledger.node()
        self.deliveries = tuple(Delivery(url=url, secret=Secret(SECRET)) for url in urls)
        self.table = LedgerTable()

    def calls_end(self, count: int, first: int = 1) -> None:
        """So many calls come and go."""
        for number in range(first, first + count):
            self.ledger.claim(f"call-{number}")
            self.ledger.end(f"call-{number}")

    async def send(self, seconds: float) -> None:
        """Send for a while."""
        with trio.move_on_after(seconds):
            await self.send_until_cancelled()

    async def send_until_cancelled(self) -> None:
        """Send as `run` does."""
        async with open_client(self.receiver) as client, trio.open_nursery() as nursery:
            sender = Sender(
                self.database,
                read_endpoints(self.deliveries),
                client,
                wall,
                random.Random(1),
                transcripts=self.table.transcripts,
            )
            await sender.run(nursery)


def _use_clock(engine: Engine, clock: MockClock) -> None:
    @event.listens_for(engine, "connect")
    def override(connection: sqlite3.Connection, _record: object) -> None:
        connection.create_function("julianday", 1, lambda _now: (EPOCH + clock.current_time()) / 86_400 + 2_440_587.5)
