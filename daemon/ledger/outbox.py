"""The outbox: deliveries that are owed to the endpoints of `[[deliveries]]`, as statements on a connection.

A delivery is put in by the transaction that makes its news true, so neither is ever without the other. Sending is
the deliveries room's work. Imports SQLAlchemy and this room.
"""

import uuid

import msgspec
from sqlalchemy import Connection

from daemon.ledger.inserting import insert_new
from daemon.ledger.journal import DELAY
from daemon.ledger.schema import DbNow, deliveries

# Seconds until the first attempt: by then what happened in the call is written down too, on whichever node.
FIRST_PAUSE = DELAY + 0.5
_NAMESPACE = uuid.UUID("6b0f4f0e-3f1b-4b0e-9d6e-0c1a9d5e7c11")


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """Who wants to hear of which events."""

    url: str
    events: tuple[str, ...]


def put(connection: Connection, endpoints: tuple[Endpoint, ...], event: str, call_id: str) -> None:
    """Owe an event of a call to every endpoint that wants it, once."""
    for endpoint in endpoints:
        if event in endpoint.events:
            row = {
                "id": f"msg_{uuid.uuid5(_NAMESPACE, f'{endpoint.url} {event} {call_id}').hex}",
                "url": endpoint.url,
                "event": event,
                "call_id": call_id,
                "made_at": DbNow(),
                "due_at": DbNow() + FIRST_PAUSE,
                "attempts": 0,
            }
            insert_new(connection, deliveries, row)
