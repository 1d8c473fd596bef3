"""A ledger that lasts as long as the process. Imports core and Trio only."""

from typing import Any

import trio

from daemon.core.incoming import IncomingCall
from daemon.core.receipts import Receipt

# A day's worth at several calls a second; senders give up on a delivery within a day or three.
_REMEMBERED = 500_000


class MemoryLedger:
    """Claims by webhook id and by call id, the oldest forgotten when there are very many."""

    def __init__(self, *, remembered: int = _REMEMBERED) -> None:
        self._claims: dict[tuple[str, str], None] = {}
        self.receipts: dict[str, Receipt] = {}
        """By call id."""
        self._remembered = remembered

    async def claim(self, incoming: IncomingCall) -> bool:
        """Claim a call; see `ledger.base.Ledger`."""
        await trio.lowlevel.checkpoint()
        keys = (("webhook", incoming.webhook_id), ("call", incoming.call_id))
        if any(key in self._claims for key in keys):
            return False
        self._claims.update(dict.fromkeys(keys))
        _forget(self._claims, self._remembered)
        return True

    async def settle(self, call_id: str, receipt: Receipt) -> None:
        """Keep a receipt; see `ledger.base.Ledger`."""
        await trio.lowlevel.checkpoint()
        self.receipts.setdefault(call_id, receipt)
        _forget(self.receipts, self._remembered)


def _forget(oldest_first: dict[Any, Any], limit: int) -> None:
    while len(oldest_first) > limit:
        del oldest_first[next(iter(oldest_first))]
