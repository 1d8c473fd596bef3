"""Our own epoch and its lease, which says to the other nodes that we live.

A heartbeat renews it, and looks after those who don't live any more. It is counted here from before we asked for it, so
that we doubt before anybody can have given us up. Owned by the durable ledger. Imports Trio and this room.
"""

import uuid

import msgspec
import structlog
import trio
from sqlalchemy import Connection

from daemon import __version__
from daemon.ledger import epochs, orders
from daemon.ledger.database import LIMIT, Database
from daemon.ledger.epochs import Orphan, Renewal
from daemon.ledger.orders import Order
from daemon.ledger.place import Alive, Place
from daemon.ledger.vigil import Sign, Vigil


class Beat(msgspec.Struct, frozen=True, kw_only=True):
    """What a heartbeat has found."""

    alive: bool
    """False: we were relieved."""
    living: tuple[Sign, ...] = ()
    """Everybody who is not known to be gone."""
    relieved: tuple[str, ...] = ()
    """Whom we have relieved."""
    orphans: tuple[Orphan, ...] = ()
    """Calls that are ours now, or were without our knowing."""
    elsewhere: tuple[str, ...] = ()
    """Calls that we took for ours and that are another's."""
    missing: tuple[str, ...] = ()
    """Calls of ours that are not in the ledger."""
    ended: tuple[str, ...] = ()
    """Calls of ours that have their receipt."""
    orders: tuple[Order, ...] = ()
    """What is asked of us."""


class Lease:
    """One epoch after another; a new one begins when we were relieved."""

    def __init__(self, database: Database, place: Place, node: str, seconds: float) -> None:
        self._database = database
        self._place = place
        self._node = node
        self._locks: dict[str, Alive] = {}
        self._vigil = Vigil()
        self.seconds = seconds
        self.epoch = ""
        self.until = 0.0
        """When it runs out, on Trio's clock."""
        self.wanted = trio.Event()
        """Set when a heartbeat should not be waited for."""
        self._beaten = trio.Event()

    @property
    def fresh(self) -> bool:
        """Whether nobody can have relieved us yet."""
        return trio.current_time() < self.until

    @property
    def others(self) -> tuple[str, ...]:
        """Every epoch that is not known to be over, as of the last heartbeat."""
        return self._vigil.epochs

    @property
    def epochs(self) -> tuple[str, ...]:
        """Every epoch of this process."""
        return tuple(self._locks)

    def begin(self) -> None:
        """Begin an epoch, of which the ledger does not know yet."""
        # Locks of former epochs are kept: files in their name are still ours.
        self.epoch = uuid.uuid4().hex[:12]
        self._locks[self.epoch] = self._place.alive(self.epoch)
        self.until = 0.0

    def listen_anew(self) -> None:
        """Take nobody for silent who could not be heard: the ledger was away."""
        self._vigil.forget()

    async def refresh(self, patience: float = LIMIT) -> None:
        """Have the lease renewed now, and wait until it is, or it is clear that it can't be; for so many seconds."""
        with trio.move_on_after(patience):
            while not self.fresh and self._database.health.up:
                self.wanted.set()
                await self._beaten.wait()

    def beaten(self) -> None:
        """Tell who waits that a heartbeat was tried."""
        self._beaten.set()
        self._beaten = trio.Event()

    async def beat(self, known: frozenset[str]) -> Beat:
        """Renew the lease, relieve who is gone, adopt their calls. `known` are the calls that we know to be ours.

        Errors: `LedgerUnavailable`.
        """
        asked_at = trio.current_time()
        silent = self._vigil.silent(asked_at)

        def look(connection: Connection) -> Beat:
            return self._look(connection, known, silent)

        # On SQLite, what a power cut takes from this is true without it: nobody lives any more.
        beat = await self._database.write(look, lazy=self._local, urgent=True)
        if beat.alive:
            self.until = asked_at + self.seconds
        self._vigil.hear(beat.living, trio.current_time())
        for epoch in beat.relieved:
            structlog.get_logger().warning("epoch_relieved", epoch=epoch)
            self._place.bury(epoch)
        return beat

    def _look(self, connection: Connection, known: frozenset[str], silent: list[Sign]) -> Beat:
        match epochs.renew(connection, self.epoch, self.seconds):
            case Renewal.RELIEVED:
                return Beat(alive=False)
            case Renewal.UNKNOWN:
                epochs.register(connection, self.epoch, self._node, self._place.id, __version__, self.seconds)
        living = epochs.living(connection)
        dead = [sign for sign in living if sign.epoch not in self.epochs and self._is_dead(sign)]
        relieved = epochs.relieve(connection, [*silent, *dead])
        former = epochs.adopt(connection, self.epoch)
        owed = epochs.debts(connection, self.epoch)
        # Looked at one by one: some may have come into the ledger since a moment ago.
        doubtful = known - owed
        owners = epochs.owners(connection, doubtful)
        return Beat(
            alive=True,
            living=tuple(living),
            relieved=tuple(relieved),
            orphans=epochs.orphans(connection, owed - known, former),
            elsewhere=tuple(call_id for call_id, (owner, _) in owners.items() if owner != self.epoch),
            missing=tuple(doubtful - owners.keys()),
            ended=tuple(call_id for call_id, (owner, over) in owners.items() if owner == self.epoch and over),
            orders=tuple(orders.take(connection, self.epoch)),
        )

    def _is_dead(self, sign: Sign) -> bool:
        if self._place.is_dead(sign.epoch, sign.place):
            return True
        # SQLite's file is on this machine, so whoever wrote into it before the machine started is gone.
        return self._local and self._place.is_of_earlier_boot(sign.place)

    @property
    def _local(self) -> bool:
        return self._database.engines.file is not None

    async def end(self) -> None:
        """End the epoch in good order. Errors: `LedgerUnavailable`."""
        await self._database.write(lambda connection: epochs.end(connection, self.epoch))
        self._locks.pop(self.epoch).let_go(ended=True)

    def close(self) -> None:
        """Let go of what is still locked: whoever looks now takes us for dead."""
        for lock in self._locks.values():
            lock.let_go(ended=False)
        self._locks.clear()
