"""What the calls room may ask of a ledger. Owned by the ledger room; imports core only."""

from typing import Protocol

from daemon.core.incoming import IncomingCall
from daemon.core.receipts import Receipt


class Ledger(Protocol):
    """Remembers claims for longer than any sender repeats a delivery."""

    async def claim(self, incoming: IncomingCall) -> bool:
        """Claim a call: True if it is ours now, False if the delivery or the call was claimed before.

        Atomic over both ids: of any number of callers with the same webhook id or call id exactly one gets True.
        Cancelling leaves it unknown whether the claim was made.
        """
        ...

    async def settle(self, call_id: str, receipt: Receipt) -> None:
        """Keep the receipt of a claimed call, which is no debt any more. The first one stands.

        Cancelling leaves it unknown whether it was kept.
        """
        ...
