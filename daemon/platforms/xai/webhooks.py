"""Reading xAI's `realtime.call.incoming` webhook, after its signature was verified.

Imports core, errors and msgspec. A signed body is still data from elsewhere: everything but the call's id may be
missing or odd, the id is checked because it goes into URLs and logs, and of headers only what core.sip makes of them
leaves this module.
"""

import re
from typing import Any, TypeVar

import msgspec

from daemon.core.incoming import CALL_ID, IncomingCall
from daemon.core.sip import header, kept, phone_number
from daemon.errors import WebhookRefused

T = TypeVar("T")

INCOMING = "realtime.call.incoming"

_CALL_ID = re.compile(CALL_ID)


class _Data(msgspec.Struct):
    call_id: Any = None
    sip_headers: Any = None


class _Envelope(msgspec.Struct):
    type: str | None = None


class _Incoming(msgspec.Struct):
    data: _Data = msgspec.field(default_factory=_Data)
    created_at: Any = None


def read_webhook(
    body: bytes, webhook_id: str, received_at: float, keep: frozenset[str] = frozenset()
) -> IncomingCall | None:
    """Read the body; None for an event of another type, which is none of our business."""
    kind = _decode(body, _Envelope).type
    if kind is None:
        raise WebhookRefused(400, "no_type", "the body names no event type")
    if kind != INCOMING:
        return None
    event = _decode(body, _Incoming)
    call_id = event.data.call_id
    if not isinstance(call_id, str) or not _CALL_ID.fullmatch(call_id):
        raise WebhookRefused(400, "bad_call_id", "data.call_id is not an id")
    headers = _headers(event.data.sip_headers)
    return IncomingCall(
        call_id=call_id,
        webhook_id=webhook_id,
        called=_number(headers, "To"),
        caller=_number(headers, "From"),
        created_at=event.created_at if isinstance(event.created_at, int | float) else None,
        headers=kept(headers, keep),
        received_at=received_at,
    )


def _headers(listed: object) -> list[tuple[str, str]]:
    """The headers that are a name and a value; a call is not refused for the others."""
    pairs = [(item.get("name"), item.get("value")) for item in _list(listed) if isinstance(item, dict)]
    return [(name, value) for name, value in pairs if isinstance(name, str) and isinstance(value, str)]


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _number(headers: list[tuple[str, str]], name: str) -> str | None:
    value = header(headers, name)
    return None if value is None else phone_number(value)


def _decode(body: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise WebhookRefused(400, "bad_body", "the body is not the JSON of an event") from error
