"""From an HTTP refusal of xAI's to one of our named errors. Imports errors, httpx's status names and msgspec only.

The body is `{"code": "...", "error": "..."}`, two strings, where it was ever seen; `code` may be missing. The same
body comes with a refused WebSocket handshake.
"""

from collections.abc import Mapping

import msgspec

from daemon.errors import CallNotFound, NotAuthorized, PlatformError, PlatformRefused, PlatformUnavailable

_LONGEST_DETAIL = 300


class ErrorBody(msgspec.Struct, frozen=True):
    """What xAI says about a refusal."""

    code: str = ""
    error: str = ""


def read_error(body: bytes) -> ErrorBody:
    """The body's two strings, cut to a sensible length; empty ones if it is anything else."""
    try:
        said = msgspec.json.decode(body, type=ErrorBody)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return ErrorBody()
    return ErrorBody(said.code[:_LONGEST_DETAIL], said.error[:_LONGEST_DETAIL])


def refusal(status: int, headers: Mapping[str, str], body: bytes) -> PlatformError:
    """The error for a status that is not a success. Header names are lower case."""
    said = read_error(body)
    if status in (401, 403):
        return NotAuthorized(status, said.code, said.error)
    if status in (404, 409, 410):
        return CallNotFound(status, said.code, said.error)
    if status == 429 or status >= 500:
        message = ": ".join(part for part in (f"HTTP {status}", said.code, said.error) if part)
        return PlatformUnavailable(message, retry_after=_seconds(headers.get("retry-after")))
    return PlatformRefused(status, said.code, said.error)


def _seconds(retry_after: str | None) -> float | None:
    # The other form, a date, would need a wall clock; nobody has seen it here.
    return float(retry_after) if retry_after is not None and retry_after.isdecimal() else None
