"""What the ledger has to tell the calls room: calls that have come, calls that have gone, and what others ask of us.

Imports msgspec and this room's records.
"""

import msgspec

from daemon.ledger.epochs import Orphan
from daemon.ledger.orders import Order


class Adopted(msgspec.Struct, frozen=True):
    """A dead node's calls are ours now."""

    orphans: tuple[Orphan, ...]


class Relieved(msgspec.Struct, frozen=True):
    """These calls are another node's now: they are to be let go of, and not hung up."""

    call_ids: tuple[str, ...]


News = Adopted | Relieved | Order
