"""The scribe: writes operations into the ledger, now or as soon as it is back.

While the ledger works, an operation is written at once. While it doesn't, it is spooled, and written in its turn before
anything else is. Owned by the durable ledger; the keeper has it write what was spooled. Imports Trio, observe and this
room.
"""

from collections.abc import Iterable, Sequence
from functools import partial
from itertools import islice

import structlog
import trio
from sqlalchemy import Connection

from daemon.errors import LedgerUnavailable
from daemon.ledger.database import Database
from daemon.ledger.failures import Unwritable
from daemon.ledger.health import Health
from daemon.ledger.held import Holdings
from daemon.ledger.operations import Operation, Settled, carry_out
from daemon.ledger.outbox import Endpoint
from daemon.ledger.spool import Spool
from daemon.observe.clock import WallClock

# Operations in one transaction on the way back.
_TOGETHER = 50


class Scribe:
    """Writes down what must be, in the order in which it became true."""

    def __init__(
        self,
        database: Database,
        health: Health,
        spool: Spool,
        held: Holdings,
        endpoints: tuple[Endpoint, ...],
        wall: WallClock,
    ) -> None:
        self._database = database
        self._health = health
        self._spool = spool
        self._held = held
        self._endpoints = endpoints
        self._wall = wall

    async def write(self, operation: Operation) -> bool:
        """Write an operation, or spool it; False if the call is another node's now.

        Cancelling leaves it unknown whether it was written.
        """
        times = -1
        # Again if it came back while we were being told that it is down.
        while self._health.up and times != self._health.times:
            times = self._health.times
            try:
                (kept,) = await self._database.write(partial(self._carry_out, some=(operation,)))
                return self._done(operation, kept=kept)
            except Unwritable:
                return self._done(operation, kept=True)
            except LedgerUnavailable:
                continue
        await self._spool.put(operation)
        return True

    async def carry_out(self, owed: Sequence[Operation]) -> None:
        """Write operations, in order; what the ledger doesn't take is passed over. Errors: `LedgerUnavailable`."""
        for first in range(0, len(owed), _TOGETHER):
            await self._carry_out_together(owed[first : first + _TOGETHER])

    async def _carry_out_together(self, some: Sequence[Operation]) -> None:
        try:
            kept = await self._database.write(partial(self._carry_out, some=some))
        except Unwritable:
            if len(some) > 1:
                for each in some:
                    await self._carry_out_together((each,))
                return
            kept = [True]
        for operation, was_ours in zip(some, kept, strict=True):
            if not self._done(operation, kept=was_ours):
                structlog.get_logger().warning("spooled_too_late", operation=type(operation).__name__)

    async def mend(self) -> int:
        """Write what is spooled to a ledger that works again; gives how much. Errors: `LedgerUnavailable`."""
        written = 0
        while some := tuple(islice(self._spool.waiting, _TOGETHER)):
            await self._carry_out_together(some)
            self._spool.done(some)
            written += len(some)
        # At once, or something could be spooled that nobody writes.
        self._health.recover()
        await trio.lowlevel.checkpoint()
        return written

    async def restore(self, call_ids: Iterable[str]) -> None:
        """Tell the ledger of calls of ours that it does not know. Errors: `LedgerUnavailable`."""
        for call_id in call_ids:
            if held := self._held.get(call_id):
                structlog.get_logger().warning("restored", call_id=call_id, why="the ledger did not know the call")
                await self.carry_out(tuple(held.story()))

    def _carry_out(self, connection: Connection, some: Sequence[Operation]) -> list[bool]:
        now = self._wall()
        return [
            carry_out(connection, each, self._endpoints, ago=max(now - each.at, 0.0) if each.at else 0.0)
            for each in some
        ]

    def _done(self, operation: Operation, *, kept: bool) -> bool:
        """An operation was carried out, as far as it was for us."""
        if isinstance(operation, Settled):
            self._held.let_go(operation.call_id)
        return kept
