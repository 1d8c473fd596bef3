"""An agent's lookup as a record: whom to ask about a caller, and what to make of the answer.

Owned by the configuration room and read by all; imports msgspec and this room's kinds. Must never hold behaviour.
"""

from typing import Annotated

from msgspec import Struct, field

from daemon.config.checks import distinct
from daemon.config.kinds import (
    AgentPointer,
    Check,
    FieldDefault,
    FieldName,
    FieldPointer,
    HeaderName,
    HeaderValue,
    LookupTimeout,
    LookupUrl,
    PrivatePlace,
)


class Lookup(Struct, frozen=True, kw_only=True):
    """`[agents.NAME.lookup]`: a server of the operator's that is asked about the caller while the call is joined."""

    url: LookupUrl = ""
    """Where to ask, by GET; `{caller}` and `{called}` in path or query stand for numbers. Empty for no lookup."""
    timeout: LookupTimeout = 1.5
    """Seconds after which the agent goes ahead without an answer; so long the caller may hear it ringing on."""
    headers: dict[HeaderName, HeaderValue] = field(default_factory=dict)
    """Headers of the request; references to secrets in them are filled in."""
    fields: dict[FieldName, FieldPointer] = field(default_factory=dict)
    """What of the JSON answer templates may use: a name for each, and a JSON Pointer to it."""
    defaults: dict[FieldName, FieldDefault] = field(default_factory=dict)
    """What stands for a field that is missing, or late; its type is the field's. Empty text for those without one."""
    allow_private: Annotated[tuple[PrivatePlace, ...], Check(distinct)] = ()
    """Networks, addresses and host names that are not public and may be connected to all the same."""
    agent_field: AgentPointer = ""
    """JSON Pointer to the name of the agent who takes the call instead of this one; empty for none."""
