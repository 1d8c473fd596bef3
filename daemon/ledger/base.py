"""What the calls room may ask of a ledger. Owned by the ledger room; imports core and errors only."""

from typing import Protocol

from daemon.core.effects import Effect, ToolUse
from daemon.core.incoming import IncomingCall, PastCall
from daemon.core.receipts import Debt, Receipt


class Ledger(Protocol):
    """Remembers claims, debts, receipts and the effects of tools, for longer than this process lives.

    Only a claim can fail with `LedgerUnavailable`. Everything after it is owed to somebody who was answered 200, so
    what the ledger can't take now is spooled and written once it is back. What affects a call that another node has
    adopted meanwhile changes nothing, and says so.
    """

    @property
    def claims(self) -> bool:
        """Whether a claim has a chance now; False sends a balancer elsewhere."""
        ...

    async def claim(self, incoming: IncomingCall, agent: str) -> bool:
        """Claim a call: True if it is ours now, False if the delivery or the call was claimed before.

        Atomic over both ids: of any number of callers, on any node, with the same webhook id or call id exactly one
        gets True. A claim that was cancelled, or that failed, is nobody's: the same delivery may make it again.

        Errors: `LedgerUnavailable`.
        """
        ...

    async def joined(self, call_id: str) -> None:
        """Note that the call's socket is open: from here on it is rejoined after a crash, and not greeted again."""
        ...

    async def assign(self, call_id: str, agent: str) -> None:
        """Note that another agent has the call than the one it was claimed for: after a crash, that one goes on."""
        ...

    async def last_call(self, caller: str, called: str, *, within: float) -> PastCall | None:
        """The latest call from one number to another that was joined and that ended at most `within` seconds ago.

        None as well if the ledger can't say so at once: nobody should wait for it.
        """
        ...

    async def owe(self, debt: Debt) -> None:
        """Note that the call is to end and its hang-up is not confirmed: after a crash it is hung up, not rejoined."""
        ...

    async def settle(self, call_id: str, receipt: Receipt, events: dict[str, int]) -> bool:
        """Keep the receipt of a claimed call, which is no debt any more. The first one stands.

        `events` counts what came on its sockets, by type. False: the call is another node's now, and so is its receipt.
        Cancelling leaves it unknown whether it was kept; settling again is harmless.
        """
        ...

    async def release(self, call_id: str, *, joined: bool) -> None:
        """Give up a call without a receipt: whoever looks next adopts it. Nothing, if it is another node's already.

        `joined`: whether its socket was ever open. Best effort: what is not released is adopted once we are gone.
        From the first one on, nobody's calls are adopted any more.
        """
        ...

    def retire(self) -> None:
        """Adopt nobody's calls any more: we are about to end, and could only hang them up. Others may do better."""
        ...

    async def ours(self, call_id: str) -> bool:
        """Whether the call is still ours; asks the database only if our lease may have run out, so it is cheap.

        To be asked before anything that a second owner must not do as well: a join, a hang-up, a tool.
        """
        ...

    async def begin_effect(self, call_id: str, use: ToolUse) -> Effect | None:
        """Record that a tool is about to be run. None: it is new, run it. An effect: it was begun before, don't."""
        ...

    async def end_effect(self, call_id: str, use_id: str, output: str) -> None:
        """Record what a tool gave."""
        ...

    async def told(self, call_id: str, use_id: str) -> None:
        """Note that the model was given a tool's output, so that it is not given it again after a crash."""
        ...

    async def effects(self, call_id: str) -> tuple[Effect, ...]:
        """The tools that were used on a call, oldest first."""
        ...
