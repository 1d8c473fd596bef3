"""The durable ledger: SQLite or PostgreSQL, and a spool for what they can't take now.

Keeps the promises of `base.Ledger`. What was promised is first written to the database; while that is down, a claim
goes by `[ledger] on_failure`, and everything after a claim goes to the spool. Imports this room, core, errors and
observe; what runs beside it is in `keeping.py`.
"""

import uuid
from collections import Counter
from functools import partial

import structlog
import trio
from sqlalchemy import Connection

from daemon.core.effects import Effect, ToolUse
from daemon.core.incoming import IncomingCall
from daemon.core.receipts import Debt, Receipt
from daemon.errors import LedgerUnavailable
from daemon.ledger import claims, effects, operations
from daemon.ledger.claims import Claim
from daemon.ledger.database import Database
from daemon.ledger.epochs import Orphan
from daemon.ledger.health import Health
from daemon.ledger.lease import Lease
from daemon.ledger.operations import Operation
from daemon.ledger.outbox import Endpoint
from daemon.ledger.spool import Spool


class DurableLedger:
    """Claims, debts, receipts and effects that survive a crash; see `base.Ledger` for what each part promises."""

    def __init__(
        self,
        database: Database,
        health: Health,
        lease: Lease,
        spool: Spool,
        endpoints: tuple[Endpoint, ...],
        *,
        degrade: bool,
    ) -> None:
        self._database = database
        self._health = health
        self._lease = lease
        self._spool = spool
        self._endpoints = endpoints
        self._degrade = degrade
        self.held: dict[str, Claim] = {}
        """Calls of ours without a receipt."""
        self._uncertain: dict[str, str] = {}
        """Attempts whose answer was lost, by call."""
        self.at_fault: Counter[str] = Counter()
        """Claims that were made `without` the ledger, or `refused` because of it."""
        self._without: dict[str, None] = {}
        """Webhook ids of calls that were answered without the ledger."""

    @property
    def claims(self) -> bool:
        """Whether a claim has a chance now."""
        return self._health.up or self._degrade

    async def claim(self, incoming: IncomingCall, agent: str) -> bool:
        """Claim a call."""
        attempt = self._uncertain.get(incoming.call_id) or uuid.uuid4().hex
        wanted = Claim(attempt=attempt, epoch=self._lease.epoch, incoming=incoming, agent=agent)
        if self._health.up:
            # Until its answer is known; also when we are cancelled, or the daemon is.
            self._uncertain[incoming.call_id] = attempt
            try:
                operation = operations.Claimed(claim=wanted)
                won = await self._database.write(
                    partial(operations.carry_out, operation=operation, endpoints=self._endpoints)
                )
            except LedgerUnavailable as error:
                self._health.fail(error)
            else:
                del self._uncertain[incoming.call_id]
                if won:
                    self.held[incoming.call_id] = wanted
                return won
        return await self._claim_without(wanted)

    async def _claim_without(self, wanted: Claim) -> bool:
        """Claim a call while the ledger is down."""
        incoming = wanted.incoming
        if not self._degrade:
            if self._uncertain.pop(incoming.call_id, None):
                await self._spool.put(operations.Disclaimed(attempt=wanted.attempt))
            self.at_fault["refused"] += 1
            raise LedgerUnavailable(self._health.why)
        if incoming.webhook_id in self._without or incoming.call_id in self.held:
            return False
        self._without[incoming.webhook_id] = None
        self.held[incoming.call_id] = wanted
        self._uncertain.pop(incoming.call_id, None)
        await self._spool.put(operations.Claimed(claim=wanted))
        self.at_fault["without"] += 1
        structlog.get_logger().error("claimed_without_ledger", call_id=incoming.call_id, why=self._health.why)
        return True

    async def joined(self, call_id: str) -> None:
        """Note that the call's socket is open."""
        await self._keep(operations.Joined(call_id=call_id, epoch=self._owner(call_id)))

    async def owe(self, debt: Debt) -> None:
        """Note that the call's hang-up is owed."""
        await self._keep(operations.Owed(call_id=debt.call_id, epoch=self._owner(debt.call_id), reasons=debt.reasons))

    async def settle(self, call_id: str, receipt: Receipt, events: dict[str, int]) -> bool:
        """Keep the receipt of a call."""
        done = operations.Settled(call_id=call_id, epoch=self._owner(call_id), receipt=receipt, events=events)
        kept = await self._keep(done)
        self.held.pop(call_id, None)
        return kept

    async def ours(self, call_id: str) -> bool:
        """Whether the call is still ours."""
        owner = self._owner(call_id)
        if owner == self._lease.epoch and self._lease.fresh:
            return True
        if not self._health.up:
            return True  # nobody can have relieved us that we could know of, and the caller is on our line
        try:
            return await self._database.read(partial(claims.owned, call_id=call_id, epoch=owner))
        except LedgerUnavailable as error:
            self._health.fail(error)
            return True

    async def begin_effect(self, call_id: str, use: ToolUse) -> Effect | None:
        """Record that a tool is about to be run."""
        if self._health.up:
            try:
                return await self._database.write(partial(effects.begin, call_id=call_id, use=use))
            except LedgerUnavailable as error:
                self._health.fail(error)
        await self._spool.put(operations.Begun(call_id=call_id, use=use))
        return None

    async def end_effect(self, call_id: str, use_id: str, output: str) -> None:
        """Record what a tool gave."""
        await self._keep(operations.Ended(call_id=call_id, use_id=use_id, output=output))

    async def told(self, call_id: str, use_id: str) -> None:
        """Record that the model has it."""
        await self._keep(operations.Told(call_id=call_id, use_id=use_id))

    async def effects(self, call_id: str) -> tuple[Effect, ...]:
        """The tools that were used on a call. While the ledger is down, none."""
        if not self._health.up:
            return ()
        try:
            return await self._database.read(partial(effects.of_call, call_id=call_id))
        except LedgerUnavailable as error:
            self._health.fail(error)
            return ()

    async def _keep(self, operation: Operation) -> bool:
        """Write an operation, or spool it; False if the call is another node's now."""
        # What is spooled goes first: it may be the claim of this very call.
        if self._health.up and not self._spool.first:
            try:
                return await self._database.write(partial(self._carry_out, operation=operation))
            except LedgerUnavailable as error:
                self._health.fail(error)
        held = self.held.get(operation.call_id) if isinstance(operation, operations.Settled) else None
        if held:
            await self._spool.put(operations.Claimed(claim=held))  # what comes back may be an empty ledger
        await self._spool.put(operation)
        return True

    def _carry_out(self, connection: Connection, operation: Operation) -> bool:
        return operations.carry_out(connection, operation, self._endpoints)

    def _owner(self, call_id: str) -> str:
        """The epoch that has the call, as far as we know: ours, or the one in which we got it."""
        held = self.held.get(call_id)
        return held.epoch if held else self._lease.epoch

    # For `keeping.py`

    def hold(self, orphan: Orphan) -> None:
        """Take note of a call that was adopted."""
        claim = Claim(attempt="adopted", epoch=self._lease.epoch, incoming=orphan.incoming, agent=orphan.agent)
        self.held[orphan.incoming.call_id] = claim

    def held_in(self, epoch: str) -> tuple[str, ...]:
        """Calls that became ours in an epoch, and have no receipt."""
        return tuple(call_id for call_id, held in self.held.items() if held.epoch == epoch)

    async def mend(self) -> int:
        """Write what is owed to a ledger that works again; gives how much. Errors: `LedgerUnavailable`."""
        for held in [*self.held.values()]:
            await self._database.write(partial(self._carry_out, operation=operations.Claimed(claim=held)))
        written = 0
        while operation := self._spool.first:
            if not await self._database.write(partial(self._carry_out, operation=operation)):
                structlog.get_logger().warning("spooled_too_late", operation=type(operation).__name__)
            self._spool.done()
            written += 1
        self._health.recover()
        await trio.lowlevel.checkpoint()
        return written
