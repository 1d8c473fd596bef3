"""What is owed to the ledger, as records: made when it can't be written, carried out when it can.

Each can be carried out twice without harm, because a crash may come between carrying it out and forgetting it. Imports
msgspec, core and this room's statements.
"""

from typing import assert_never

import msgspec
from sqlalchemy import Connection

from daemon.core.effects import ToolUse
from daemon.core.receipts import Receipt
from daemon.ledger import claims, effects, outbox
from daemon.ledger.claims import Claim
from daemon.ledger.outbox import Endpoint


class _Operation(msgspec.Struct, frozen=True, kw_only=True, tag_field="do", tag=str.lower):
    """Base of the operations."""


class Claimed(_Operation, frozen=True, kw_only=True):
    """A call was answered without the ledger."""

    claim: Claim


class Disclaimed(_Operation, frozen=True, kw_only=True):
    """A claim was refused, and may be in the ledger all the same."""

    attempt: str


class Joined(_Operation, frozen=True, kw_only=True):
    """A call's socket was opened."""

    call_id: str
    epoch: str


class Assigned(_Operation, frozen=True, kw_only=True):
    """Another agent has the call."""

    call_id: str
    epoch: str
    agent: str


class Owed(_Operation, frozen=True, kw_only=True):
    """A call is to be hung up."""

    call_id: str
    epoch: str
    reasons: tuple[str, ...]


class Settled(_Operation, frozen=True, kw_only=True):
    """A call has its receipt."""

    call_id: str
    epoch: str
    receipt: Receipt
    events: dict[str, int]


class Begun(_Operation, frozen=True, kw_only=True):
    """A tool was begun."""

    call_id: str
    use: ToolUse


class Ended(_Operation, frozen=True, kw_only=True):
    """A tool gave its output."""

    call_id: str
    use_id: str
    output: str


class Told(_Operation, frozen=True, kw_only=True):
    """The model was given a tool's output."""

    call_id: str
    use_id: str


Operation = Claimed | Disclaimed | Joined | Assigned | Owed | Settled | Begun | Ended | Told


def carry_out(connection: Connection, operation: Operation, endpoints: tuple[Endpoint, ...]) -> bool:
    """Write an operation into the ledger; False if it is not for us to write any more."""
    match operation:
        case Claimed(claim=claim):
            won = claims.claim(connection, claim)
            if won:
                outbox.put(connection, endpoints, "call.claimed", claim.incoming.call_id)
            return won
        case Disclaimed(attempt=attempt):
            claims.disclaim(connection, attempt)
            return True
        case Joined(call_id=call_id, epoch=epoch):
            return claims.joined(connection, call_id, epoch)
        case Assigned(call_id=call_id, epoch=epoch, agent=agent):
            return claims.assign(connection, call_id, epoch, agent)
        case Owed(call_id=call_id, epoch=epoch, reasons=reasons):
            return claims.owe(connection, call_id, epoch, reasons)
        case Settled():
            return settle(connection, operation, endpoints)
        case Begun(call_id=call_id, use=use):
            effects.begin(connection, call_id, use)
            return True
        case Ended(call_id=call_id, use_id=use_id, output=output):
            effects.end(connection, call_id, use_id, output)
            return True
        case Told(call_id=call_id, use_id=use_id):
            effects.told(connection, call_id, use_id)
            return True
        case _:
            assert_never(operation)


def settle(connection: Connection, done: Settled, endpoints: tuple[Endpoint, ...]) -> bool:
    """Write a receipt, and what is to be sent about it, together."""
    settled = claims.settle(connection, done.call_id, done.epoch, done.receipt, done.events)
    if settled:
        outbox.put(connection, endpoints, "call.ended", done.call_id)
    return bool(settled)
