"""The call on which a tool is used, as the tool may know it. Imports msgspec only."""

import msgspec


class ToolCall(msgspec.Struct, frozen=True, kw_only=True):
    """What a tool may know of the call; a Python function gets it in a parameter with this annotation."""

    id: str
    """The call's id, to find it in both logs."""
    caller: str | None = None
    """Who calls, in E.164 form; None if that is withheld. Whoever places a call can claim any number."""
    called: str | None = None
    """The number that was called, in E.164 form."""
    agent: str = ""
    """Name of the agent that uses the tool."""
    idempotency_key: str = ""
    """The same whenever this use of the tool is run again, and for no other use."""
    traceparent: str | None = None
    """The W3C Trace Context of this use, for requests of yours; None if the call is not traced."""
