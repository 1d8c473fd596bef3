"""The debt collector: hang-ups that are still owed after their call's task has gone.

A platform that is down must not keep a task with all its memory, nor a slot, for every call that ended meanwhile; but
the caller may still be connected, so each debt is tried again, with backoff, until the platform confirms it or its
longest call has passed. Owner of one nursery, with a task per debt, and of the boundary around each. Imports
platforms.base, ledger, observe and core; knows nothing of calls' insides.
"""

import random

import msgspec
import structlog
import trio

from daemon.config import XaiPlatform
from daemon.core import journal
from daemon.core.receipts import Debt, Outcome, without_words
from daemon.errors import PlatformError, PlatformUnavailable
from daemon.ledger.base import Ledger
from daemon.observe.feed import Feed
from daemon.platforms.base import HangUpOutcome, Platform

_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 60.0
# Between attempts when the daemon is about to exit.
_HURRIED_PAUSE = 0.5


class DebtCollector:
    """Pays what is owed."""

    def __init__(self, platform: Platform, ledger: Ledger, feed: Feed, config: XaiPlatform, rng: random.Random) -> None:
        self._platform = platform
        self._ledger = ledger
        self._feed = feed
        self.config = config
        """Its manners at present."""
        self._rng = rng
        self._debts: dict[str, Debt] = {}
        self._tasks: trio.Nursery | None = None
        self._hurry = trio.Event()
        self._fewer = trio.Event()

    @property
    def debts(self) -> tuple[Debt, ...]:
        """What is owed, oldest first."""
        return tuple(self._debts.values())

    def owe(self, debt: Debt) -> None:
        """Take over a debt. Plain; may be called from a call's clean-up."""
        self._debts[debt.call_id] = debt
        # Without a nursery the daemon is being torn down: the debt is on record, and nobody is left to pay it.
        if self._tasks is not None:
            self._tasks.start_soon(self._collect, debt, name=f"debt {debt.call_id}")
        self._feed.publish(debt.call_id, journal.HangUpOwed(why=debt.why))
        _alarm("hang_up_owed", debt)

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Collect until cancelled."""
        try:
            async with trio.open_nursery() as self._tasks:
                task_status.started()
                await trio.sleep_forever()
        finally:
            self._tasks = None
            self._fewer.set()

    async def settle(self) -> None:
        """Try everything that is owed now, because the daemon is about to exit; the time limit is the caller's."""
        self._hurry.set()
        while self._debts and self._tasks is not None:
            await self._fewer.wait()

    def close_books(self) -> None:
        """Say what remains."""
        for debt in self.debts:
            _alarm("debt_remains", debt)

    async def _collect(self, debt: Debt) -> None:
        """See one debt through, over errors of ours too. Nothing but a cancellation ever leaves this function."""
        with structlog.contextvars.bound_contextvars(call_id=debt.call_id):
            noted = False
            while debt.call_id in self._debts:
                try:
                    if not noted:
                        await self._ledger.owe(debt)
                        noted = True
                    await self._discharge(self._debts[debt.call_id])
                except* Exception as bugs:
                    structlog.get_logger().error("debt_failed", exc_info=bugs)
                    await self._wait(_LONGEST_PAUSE)

    async def _discharge(self, debt: Debt) -> None:
        outcome = debt.outcome or await self._hang_up(debt)
        # Known from here on: if the ledger fails, the caller is not hung up again.
        self._debts[debt.call_id] = msgspec.structs.replace(debt, outcome=outcome)
        first = ("longest call has passed",) if outcome == "lost" else ()
        receipt = debt.receipt(outcome, trio.current_time(), first=first)
        if not await self._ledger.settle(debt.call_id, receipt, debt.events):
            receipt = receipt.elsewhere()
        del self._debts[debt.call_id]
        self._fewer.set()
        self._fewer = trio.Event()
        self._feed.publish(debt.call_id, journal.Ended(receipt=receipt, events=debt.events))
        if receipt.outcome == "lost":
            structlog.get_logger().error("call_lost", why=_logged(receipt.reasons))

    async def _hang_up(self, debt: Debt) -> Outcome:
        """Ask until the leg is down, or must be by itself."""
        # At the least a minute: a call may be ended by its own limit, which may be as long as the platform's.
        give_up_at = max(debt.received_at + self.config.max_call_duration, trio.current_time() + _LONGEST_PAUSE)
        pause = _FIRST_PAUSE
        wished = 0.0
        while trio.current_time() < give_up_at:
            await self._wait(max(wished, pause * (0.5 + self._rng.random() / 2)))
            pause, wished = min(2 * pause, _LONGEST_PAUSE), 0.0
            if not await self._ledger.ours(debt.call_id):
                return "handed_over"
            with trio.move_on_after(self.config.hang_up_timeout):
                try:
                    outcome = await self._platform.hang_up(debt.call_id)
                except PlatformError as error:
                    structlog.get_logger().warning("hang_up_failed", why=str(error))
                    wished = (error.retry_after or 0.0) if isinstance(error, PlatformUnavailable) else 0.0
                else:
                    return "hung_up" if outcome is HangUpOutcome.HUNG_UP else "caller_left"
        return "lost"

    async def _wait(self, seconds: float) -> None:
        if self._hurry.is_set():
            await trio.sleep(min(seconds, _HURRIED_PAUSE))
        else:
            with trio.move_on_after(min(seconds, _LONGEST_PAUSE)):
                await self._hurry.wait()


def _alarm(event: str, debt: Debt) -> None:
    why, danger = _logged(debt.reasons), "the caller may still be connected"
    structlog.get_logger().error(event, call_id=debt.call_id, why=why, danger=danger)


def _logged(reasons: tuple[str, ...]) -> str:
    """A chain of reasons as a line of the log may have it."""
    return " > ".join(without_words(reasons))
