"""The ledger and the deliveries as records: where calls are written down, and who is told of them.

Owned by the configuration room and read by all; imports msgspec and this room's kinds. Must never hold behaviour.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from daemon.config.checks import distinct
from daemon.config.kinds import Check, Duration, Example, HttpUrl, LeaseDuration, LedgerUrl, NodeName, WebhookSecret
from daemon.config.secrets import Secret

DeliveryEvent = Literal["call.claimed", "call.ended"]


class Ledger(Struct, frozen=True, kw_only=True):
    """`[ledger]`: where claims, receipts and what happens in calls are kept."""

    url: LedgerUrl = "sqlite:////var/lib/callwarden/ledger.db"
    """`sqlite:///PATH`, or `postgresql://USER@HOST/DATABASE`, which several nodes can share. Never with a password."""
    password: Secret | None = None
    """Password of the user in a PostgreSQL URL; None where none is needed."""
    directory: str = ""
    """Folder for locks and for what is owed while the database is down; empty for SQLite's own, or the state folder."""
    on_failure: Literal["auto", "refuse", "degrade"] = "auto"
    """Calls that come while the ledger can't be written: refused, or answered all the same. `auto` refuses on
    PostgreSQL, where two nodes could answer one call, and answers on SQLite."""
    node: NodeName = ""
    """Name of this machine among the nodes; empty for its host name."""
    lease: LeaseDuration = 10.0
    """Seconds after which a node that has not been heard of loses its calls to another one."""
    transcripts: bool = True
    """Whether what callers and agents say is kept too."""
    retention: Duration = 7_776_000.0
    """Seconds for which ended calls are kept; 0 is for ever."""


class Delivery(Struct, frozen=True, kw_only=True):
    """`[[deliveries]]`: somebody who is told of calls, by signed webhooks."""

    url: Annotated[HttpUrl, Example('url = "https://example.com/calls"')]
    """Where the webhooks go. Required."""
    secret: Annotated[WebhookSecret, Example('secret = "${credential:deliveries-secret}"')]
    """Standard Webhooks secret that signs them. Required."""
    events: Annotated[tuple[DeliveryEvent, ...], Meta(min_length=1), Check(distinct)] = ("call.ended",)
    """What is told: `call.ended`, `call.claimed`."""
