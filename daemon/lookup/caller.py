"""Looking a caller up, within the time there is: the request, the answer, and what came of it in one word.

Imports config, core, errors, Trio and this room. Never raises for what a server or the network does.
"""

from typing import Literal
from urllib.parse import quote

import msgspec
import trio

from daemon.config import put_into
from daemon.config.lookups import Lookup
from daemon.core.durations import format_duration
from daemon.core.incoming import IncomingCall
from daemon.core.redaction import masked_body
from daemon.errors import LookupFailed
from daemon.lookup.answer import read
from daemon.lookup.fetching import Fetch

Result = Literal["found", "unknown", "late", "failed", "withheld"]
"""An answer; the server does not know the caller; no answer in time; none that is of use; no number to ask for."""


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of a lookup."""

    result: Result
    document: object = None
    """The JSON of the answer, if there is one."""
    why: str = ""
    """What was wrong, if anything."""


async def look_up(lookup: Lookup, incoming: IncomingCall, fetch: Fetch) -> Found:
    """Ask about a caller; waits for at most the lookup's timeout. Cancelling drops the connection."""
    if "{caller}" in lookup.url and incoming.caller is None:
        await trio.lowlevel.checkpoint()
        return Found(result="withheld")
    headers = {name: value.reveal() for name, value in lookup.headers.items()}
    with trio.move_on_after(lookup.timeout):
        try:
            body = await fetch(_filled(lookup.url, incoming), headers, lookup.allow_private)
            if body is None:
                return Found(result="unknown")
            # A server that tells what it was sent must not tell it the agent.
            return Found(result="found", document=read(masked_body(body, put_into(lookup.headers.values()))))
        except LookupFailed as error:
            return Found(result="failed", why=str(error))
    return Found(result="late", why=f"no answer within {format_duration(lookup.timeout)}")


def _filled(url: str, incoming: IncomingCall) -> str:
    """The URL with the numbers in their places; nothing but digits and an encoded plus is put in."""
    numbers = {"caller": incoming.caller or "", "called": incoming.called or ""}
    for name, number in numbers.items():
        url = url.replace(f"{{{name}}}", quote(number, safe=""))
    return url
