"""The durable ledger: SQLite or PostgreSQL, and a spool for what they can't take now.

Keeps the promises of `base.Ledger`: writes to the database; while that is down, a claim goes by `[ledger] on_failure`,
and everything after it to the spool. Imports this room, core, errors, observe; `keeping.py` has what runs beside it.
"""

import uuid
from contextlib import suppress
from functools import partial

import structlog
import trio

from daemon.core.effects import Effect, ToolUse
from daemon.core.incoming import IncomingCall, PastCall
from daemon.core.receipts import Debt, Receipt
from daemon.errors import LedgerUnavailable
from daemon.ledger import claims, effects, operations, redial
from daemon.ledger.claims import Claim
from daemon.ledger.database import Database
from daemon.ledger.failures import Unwritable
from daemon.ledger.health import Health
from daemon.ledger.held import Holdings
from daemon.ledger.lease import Lease
from daemon.ledger.outbox import Endpoint
from daemon.ledger.scribe import Scribe
from daemon.ledger.spool import Spool
from daemon.observe.clock import WallClock

CLAIM_LIMIT = 3.0
"""Seconds for a claim; its sender waits for the answer, and the caller listens to the ringing."""
_DOUBT = 1.0  # of these, to be sure of our lease


class DurableLedger:
    """Claims, debts, receipts and effects that survive a crash; see `base.Ledger` for what each part promises."""

    def __init__(
        self,
        database: Database,
        health: Health,
        lease: Lease,
        spool: Spool,
        endpoints: tuple[Endpoint, ...],
        wall: WallClock,
        *,
        degrade: bool,
    ) -> None:
        self._database = database
        self._health = health
        self._lease = lease
        self._spool = spool
        self._endpoints = endpoints
        self._wall = wall
        self._degrade = degrade
        self.held = Holdings()
        """Calls of ours without a receipt."""
        self.scribe = Scribe(database, health, spool, self.held, endpoints, wall)

    @property
    def claims(self) -> bool:
        """Whether a claim has a chance now."""
        return self._health.up or self._degrade

    async def claim(self, incoming: IncomingCall, agent: str) -> bool:
        """Claim a call."""
        if incoming.call_id in self.held:
            return False
        if self._health.up and not self._lease.fresh:
            await self._lease.refresh(_DOUBT)
        wanted = Claim(attempt=uuid.uuid4().hex, epoch=self._lease.epoch, incoming=incoming, agent=agent)
        if not self._health.up:
            return await self._claim_without(wanted, self._health.why)
        try:
            return await self._claim(wanted)
        except LedgerUnavailable as error:
            return await self._claim_without(wanted, str(error))

    async def _claim(self, wanted: Claim) -> bool:
        incoming = wanted.incoming
        lost = self.held.lost(incoming.call_id)
        claim = partial(operations.make_claim, claim=wanted, endpoints=self._endpoints, lost=lost)
        with self.held.asking(wanted):
            if not await self._database.write(claim, limit=CLAIM_LIMIT):
                return False
            if wanted.epoch == self._lease.epoch and self._lease.fresh:
                self.held.hold(wanted, self._wall())
                return True
        return await self._claim_in_doubt(wanted)

    async def _claim_in_doubt(self, wanted: Claim) -> bool:
        """See whether a call that was claimed is still ours, as our lease had run out by then."""
        call_id = wanted.incoming.call_id
        if wanted.epoch != self._lease.epoch:
            await trio.lowlevel.checkpoint()
            return False  # whoever has relieved us has adopted it, or does so at the next heartbeat
        held = self.held.hold(wanted, self._wall())
        try:
            await self._lease.refresh()
        except trio.Cancelled:
            self.held.let_go(call_id)  # the next heartbeat finds it
            raise
        return self.held.get(call_id) is held

    async def _claim_without(self, wanted: Claim, why: str) -> bool:
        """Claim a call while the ledger is down."""
        call_id = wanted.incoming.call_id
        if call_id in self.held or self.held.answered_without(wanted):
            return False
        if not self._degrade:
            raise self.held.refused(why)
        self.held.hold(wanted, self._wall())
        self.held.answer_without(wanted)
        claimed = operations.Claimed(claim=wanted, at=self._wall())
        try:
            await self._spool.put(claimed)
        except trio.Cancelled:
            self._spool.withdraw(claimed)
            self.held.let_go(call_id)
            raise
        structlog.get_logger().error("claimed_without_ledger", call_id=call_id, why=why)
        return True

    async def joined(self, call_id: str) -> None:
        """Note that the call's socket is open."""
        if held := self.held.get(call_id):
            held.joined = True
        await self.scribe.write(operations.Joined(call_id=call_id, epoch=self._owner(call_id), at=self._wall()))

    async def assign(self, call_id: str, agent: str) -> None:
        """Note that another agent has the call."""
        if held := self.held.get(call_id):
            held.assign(agent)
        owner = self._owner(call_id)
        await self.scribe.write(operations.Assigned(call_id=call_id, epoch=owner, agent=agent, at=self._wall()))

    async def last_call(self, caller: str, called: str, *, within: float) -> PastCall | None:
        """The latest call between two numbers, if the database says so at once."""
        return await redial.ask(self._database, caller, called, within) if self._health.up else None

    async def owe(self, debt: Debt) -> None:
        """Note that the call's hang-up is owed."""
        if held := self.held.get(debt.call_id):
            held.owed_for = debt.reasons
        owner = self._owner(debt.call_id)
        await self.scribe.write(
            operations.Owed(call_id=debt.call_id, epoch=owner, reasons=debt.reasons, at=self._wall())
        )

    async def settle(self, call_id: str, receipt: Receipt, events: dict[str, int]) -> bool:
        """Keep the receipt of a call."""
        if self.held.is_elsewhere(call_id):
            await trio.lowlevel.checkpoint()
            return False
        held = self.held.get(call_id)
        done = operations.Settled(
            call_id=call_id,
            epoch=self._owner(call_id),
            receipt=receipt,
            events=events,
            claim=held.claim if held else None,
            at=self._wall(),
        )
        kept = await self.scribe.write(done)
        if kept and (held := self.held.get(call_id)):
            held.settled = True
        return kept

    def retire(self) -> None:
        """Adopt nobody's calls any more."""
        self._lease.retired = True

    async def release(self, call_id: str, *, joined: bool) -> None:
        """Give up a call without a receipt."""
        self.retire()  # or our next heartbeat would adopt it again
        if self._health.up:
            with suppress(LedgerUnavailable):
                await self._database.write(
                    partial(claims.release, call_id=call_id, epoch=self._owner(call_id), joined=joined)
                )
        # Not before: a heartbeat in between would take it for one of ours that nobody serves.
        self.held.let_go(call_id)

    async def ours(self, call_id: str) -> bool:
        """Whether the call is still ours."""
        if call_id in self.held and not self._lease.fresh and self._health.up:
            await self._lease.refresh()
        # While the ledger is down, nobody can have relieved us that we know of, and the caller is on our line.
        await trio.lowlevel.checkpoint()
        held = self.held.get(call_id)
        return held is not None and not held.settled

    async def begin_effect(self, call_id: str, use: ToolUse) -> Effect | None:
        """Record that a tool is about to be run."""
        held = self.held.get(call_id)
        if held is None:
            await trio.lowlevel.checkpoint()
            return Effect(use=use)  # not ours to run
        if known := held.begin(use):
            await trio.lowlevel.checkpoint()
            return known
        if self._health.up:
            begin = partial(effects.begin_if_ours, call_id=call_id, epoch=held.claim.epoch, use=use)
            try:
                known = await self._database.write(begin)
            except Unwritable:
                return None
            except LedgerUnavailable:
                pass
            else:
                if known is not None:
                    held.effects[use.id] = known
                return known
        await self._spool.put(operations.Begun(call_id=call_id, use=use, at=self._wall()))
        return None

    async def end_effect(self, call_id: str, use_id: str, output: str) -> None:
        """Record what a tool gave."""
        if held := self.held.get(call_id):
            held.change(use_id, output=output)
        await self.scribe.write(operations.Ended(call_id=call_id, use_id=use_id, output=output, at=self._wall()))

    async def told(self, call_id: str, use_id: str) -> None:
        """Record that the model has it."""
        if held := self.held.get(call_id):
            held.change(use_id, told=True)
        await self.scribe.write(operations.Told(call_id=call_id, use_id=use_id, at=self._wall()))

    async def effects(self, call_id: str) -> tuple[Effect, ...]:
        """The tools that were used on a call. Of one that is not ours, none while the ledger is down."""
        if held := self.held.get(call_id):
            await trio.lowlevel.checkpoint()
            return tuple(held.effects.values())
        if not self._health.up:
            await trio.lowlevel.checkpoint()
            return ()
        try:
            found = await self._database.read(partial(effects.of_calls, call_ids=(call_id,)))
        except LedgerUnavailable:
            return ()
        return found.get(call_id, ())

    def _owner(self, call_id: str) -> str:
        """The epoch that has the call, as far as we know: the one in which we got it, or ours."""
        held = self.held.get(call_id)
        return held.claim.epoch if held else self._lease.epoch

    async def report(self, order_id: str, result: str) -> None:
        """Record what became of an order."""
        await self.scribe.write(operations.Reported(order_id=order_id, result=result, at=self._wall()))
