"""Destinations as records: the places that callers can be sent to.

Owned by the configuration room and read by all; imports msgspec and this room's kinds. Must never hold behaviour.
"""

from typing import Annotated

from msgspec import Struct

from daemon.config.checks import distinct
from daemon.config.kinds import Check, Count, DestinationUri, Example
from daemon.config.numbering import Kind
from daemon.config.plans import EXAMPLE_URI


class Destination(Struct, frozen=True, kw_only=True):
    """`[destinations.NAME]`: a place that callers can be sent to."""

    uri: Annotated[DestinationUri, Example(EXAMPLE_URI)]
    """`tel:+E164`, or `sip:user@host` with an optional port and `;transport=`; at most 256 characters. Required."""
    description: str = ""
    """What is there, in words for people; agents that may transfer callers there read it too."""
    fallback: str = ""
    """Name of the destination that is tried next when an agent's transfer there fails; empty for none."""
    allow: Annotated[tuple[Kind, ...], Check(distinct)] = ()
    """Kinds of number, such as `premium_rate`, that are refused unless they are named here."""
    max_transfers_per_hour: Count | None = None
    """Transfers there that agents may try within an hour, on this node; None for no limit but that of `[limits]`."""
