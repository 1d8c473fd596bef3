"""A call that was announced to us: the verified webhook, reduced to what a call needs.

Made by a platform's webhook reader, passed through the web room to the supervisor. Imports nothing but msgspec;
never keeps raw header text (it is written by whoever is calling).
"""

import msgspec


class IncomingCall(msgspec.Struct, frozen=True, kw_only=True):
    """One caller who is waiting to be answered."""

    call_id: str
    """The platform's id for the call; already checked against `[A-Za-z0-9_-]{1,128}`."""
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
    received_at: float
    """When the delivery reached us, in seconds of the monotonic clock."""
