"""A call that was announced to us: the verified webhook, reduced to what a call needs.

Made by a platform's webhook reader, passed through the web room to the supervisor. Imports msgspec and core.sip; never
keeps raw header text (it is written by whoever is calling): only headers that an agent is configured to be told of, and
of these only what `core/sip.py` makes of them.
"""

from typing import Final

import msgspec

from daemon.core.sip import Header

CALL_ID: Final = r"[A-Za-z0-9_-]{1,128}"
"""What the platform's ids of calls look like, as a regular expression."""


class IncomingCall(msgspec.Struct, frozen=True, kw_only=True):
    """One caller who is waiting to be answered."""

    call_id: str
    """The platform's id for the call; already checked against `CALL_ID`."""
    webhook_id: str
    """The verified id of the delivery; a redelivery carries the same one."""
    called: str | None
    """The number that was dialled, E.164 with `+`, or None when the header held none."""
    caller: str | None
    """Who is calling, E.164 with `+`, or None when withheld or not a number."""
    created_at: float | None
    """When the platform made the event, Unix seconds; None when it did not say."""
    sent_at: float | None = None
    """When this delivery of it was signed, Unix seconds of the same clock as `created_at`."""
    headers: tuple[Header, ...] = ()
    """SIP headers that some agent is to be told of. Not kept in the ledger."""
    received_at: float
    """When the delivery reached us, in seconds of the monotonic clock."""


class PastCall(msgspec.Struct, frozen=True):
    """A call that is over, as far as a later one may go on with it."""

    call_id: str
    agent: str
    """Name of the agent that had it."""
