"""Our own epoch and its lease, which says to the other nodes that we live.

Also finds those that don't live any more and adopts their calls. A lease is counted twice: by the database's clock,
which decides who owns what, and by our own, from before we asked for it, which tells us when to doubt. Owned by the
durable ledger. Imports Trio and this room.
"""

import uuid
from contextlib import ExitStack

import msgspec
import structlog
import trio
from sqlalchemy import Connection

from daemon import __version__
from daemon.ledger import epochs, orders
from daemon.ledger.database import Database
from daemon.ledger.epochs import Orphan
from daemon.ledger.orders import Order
from daemon.ledger.place import Place


class Beat(msgspec.Struct, frozen=True):
    """What a heartbeat has found."""

    alive: bool
    """False: we were relieved."""
    orphans: tuple[Orphan, ...] = ()
    """Calls that are ours now."""
    orders: tuple[Order, ...] = ()
    """What is asked of us."""


class Lease:
    """One epoch after another; a new one begins when we were relieved."""

    def __init__(self, database: Database, place: Place, node: str, seconds: float) -> None:
        self._database = database
        self._place = place
        self._node = node
        self._locks = ExitStack()
        self.seconds = seconds
        self.epoch = ""
        self.until = 0.0
        """When it runs out, on Trio's clock."""

    @property
    def fresh(self) -> bool:
        """Whether nobody can have relieved us yet."""
        return trio.current_time() < self.until

    def begin(self) -> None:
        """Begin an epoch, of which the ledger does not know yet. Errors: `StartError`."""
        # Locks of former epochs are kept: files in their name are still ours.
        self.epoch = uuid.uuid4().hex[:12]
        self._locks.enter_context(self._place.alive(self.epoch))
        self.until = 0.0

    def register(self, connection: Connection) -> None:
        """Tell the ledger of the epoch, if it does not know; to be followed by `beat`."""
        epochs.register(connection, self.epoch, self._node, self._place.id, __version__, self.seconds)

    async def beat(self) -> Beat:
        """Renew the lease, relieve who is dead, adopt their calls. Errors: `LedgerUnavailable`."""
        asked_at = trio.current_time()
        beat = await self._database.write(self._beat, lazy=True)
        if beat.alive:
            self.until = asked_at + self.seconds
        return beat

    def _beat(self, connection: Connection) -> Beat:
        if not epochs.renew(connection, self.epoch, self.seconds):
            return Beat(alive=False)
        neighbours = [epoch for epoch in epochs.of_place(connection, self._place.id) if epoch != self.epoch]
        for relieved in epochs.relieve(connection, self._place.dead(neighbours)):
            structlog.get_logger().warning("epoch_relieved", epoch=relieved)
            self._place.bury(relieved)
        adopted = epochs.adopt(connection, self.epoch)
        return Beat(alive=True, orphans=tuple(adopted), orders=tuple(orders.take(connection, self.epoch)))

    async def end(self) -> None:
        """End the epoch in good order. Errors: `LedgerUnavailable`."""
        await self._database.write(lambda connection: epochs.end(connection, self.epoch))

    def close(self) -> None:
        """Let go of the lock: whoever looks now takes us for dead."""
        self._locks.close()
