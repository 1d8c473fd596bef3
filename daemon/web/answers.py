"""What strangers are told: a status and a short JSON object, with nothing of ours and nothing of theirs in it.

Used by every route of this room. Imports the response class only; never formats an exception.
"""

import msgspec
from quart_trio.wrappers import TrioResponse


def answer(status: int, /, **fields: str) -> TrioResponse:
    """Make a response of a few words."""
    return TrioResponse(msgspec.json.encode(fields), status=status, content_type="application/json")


def nothing() -> TrioResponse:
    """Make a response that says nothing. The body is given, as Quart would read a missing one with asyncio."""
    return TrioResponse(b"", status=204)
