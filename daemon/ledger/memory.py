"""A ledger that lasts as long as the process, for tests and simulations. Imports core and Trio only."""

from typing import Any

import msgspec
import trio

from daemon.core.effects import Effect, ToolUse
from daemon.core.incoming import IncomingCall, PastCall
from daemon.core.receipts import Debt, Receipt

# A day's worth at several calls a second; senders give up on a delivery within a day or three.
_REMEMBERED = 500_000


class MemoryLedger:
    """Claims by webhook id and by call id, the oldest forgotten when there are very many. See `ledger.base.Ledger`."""

    def __init__(self, *, remembered: int = _REMEMBERED) -> None:
        self.claims = True
        self._claims: dict[tuple[str, str], None] = {}
        self.receipts: dict[str, Receipt] = {}
        """By call id."""
        self.joins: list[str] = []
        self.released: list[str] = []
        """Calls that were given up."""
        self.debts: dict[str, Debt] = {}
        """What was ever owed, by call id."""
        self._calls: dict[str, tuple[IncomingCall, str]] = {}
        """Claimed calls, each with its agent."""
        self._ended: dict[str, float] = {}
        """When calls that were joined got their receipts, the latest last."""
        self._effects: dict[tuple[str, str], Effect] = {}
        self._remembered = remembered

    async def claim(self, incoming: IncomingCall, agent: str) -> bool:
        """Claim a call."""
        await trio.lowlevel.checkpoint()
        keys = (("webhook", incoming.webhook_id), ("call", incoming.call_id))
        if any(key in self._claims for key in keys):
            return False
        self._claims.update(dict.fromkeys(keys))
        self._calls[incoming.call_id] = incoming, agent
        _forget(self._claims, self._remembered)
        _forget(self._calls, self._remembered)
        return True

    async def joined(self, call_id: str) -> None:
        """Note that the call was joined."""
        await trio.lowlevel.checkpoint()
        self.joins.append(call_id)

    async def assign(self, call_id: str, agent: str) -> None:
        """Note another agent."""
        await trio.lowlevel.checkpoint()
        if call_id in self._calls:
            self._calls[call_id] = self._calls[call_id][0], agent

    async def last_call(self, caller: str, called: str, *, within: float) -> PastCall | None:
        """The latest call between two numbers."""
        await trio.lowlevel.checkpoint()
        for call_id in reversed(self._ended):
            incoming, agent = self._calls.get(call_id, (None, ""))
            if trio.current_time() - self._ended[call_id] > within:
                break
            if incoming is not None and (incoming.caller, incoming.called) == (caller, called):
                return PastCall(call_id, agent)
        return None

    async def owe(self, debt: Debt) -> None:
        """Note a debt."""
        await trio.lowlevel.checkpoint()
        self.debts[debt.call_id] = debt

    async def settle(self, call_id: str, receipt: Receipt, events: dict[str, int]) -> bool:
        """Keep a receipt."""
        await trio.lowlevel.checkpoint()
        self.receipts.setdefault(call_id, receipt)
        if receipt.joined:
            self._ended.setdefault(call_id, trio.current_time())
        _forget(self._ended, self._remembered)
        _forget(self.receipts, self._remembered)
        return True

    def retire(self) -> None:
        """Nobody's calls are ever adopted."""

    async def release(self, call_id: str, *, joined: bool) -> None:
        """Give up a call."""
        await trio.lowlevel.checkpoint()
        self.released.append(call_id)

    async def ours(self, call_id: str) -> bool:
        """Nobody else has this ledger."""
        await trio.lowlevel.checkpoint()
        return True

    async def begin_effect(self, call_id: str, use: ToolUse) -> Effect | None:
        """Record that a tool is about to be run."""
        await trio.lowlevel.checkpoint()
        known = self._effects.get((call_id, use.id))
        if known is None:
            self._effects[call_id, use.id] = Effect(use=use)
        return known

    async def end_effect(self, call_id: str, use_id: str, output: str) -> None:
        """Record what a tool gave."""
        await trio.lowlevel.checkpoint()
        self._change(call_id, use_id, output=output)

    async def told(self, call_id: str, use_id: str) -> None:
        """Record that the model has it."""
        await trio.lowlevel.checkpoint()
        self._change(call_id, use_id, told=True)

    def _change(self, call_id: str, use_id: str, **changes: object) -> None:
        effect = self._effects[call_id, use_id]
        self._effects[call_id, use_id] = msgspec.structs.replace(effect, **changes)

    async def effects(self, call_id: str) -> tuple[Effect, ...]:
        """The tools that were used on a call."""
        await trio.lowlevel.checkpoint()
        return tuple(effect for (known, _), effect in self._effects.items() if known == call_id)


def _forget(oldest_first: dict[Any, Any], limit: int) -> None:
    while len(oldest_first) > limit:
        del oldest_first[next(iter(oldest_first))]
