"""What is owed to the ledger, as records: made when it can't be written, carried out when it can.

Each can be carried out twice without harm, because a crash may come between carrying it out and forgetting it. Imports
msgspec, core and this room's statements.
"""

from typing import assert_never

import msgspec
from sqlalchemy import Connection

from daemon.core.effects import ToolUse
from daemon.core.receipts import Receipt
from daemon.ledger import claims, effects, orders, outbox
from daemon.ledger.claims import Claim
from daemon.ledger.outbox import Endpoint


class _Operation(msgspec.Struct, frozen=True, kw_only=True, tag_field="do", tag=str.lower):
    """Base of the operations."""

    at: float = 0.0
    """When it became true, by this machine's wall clock; only ever compared with that."""


class Claimed(_Operation, frozen=True, kw_only=True):
    """A call was answered without the ledger."""

    claim: Claim


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
    claim: Claim | None = None
    """How it was claimed, in case that what comes back is an empty ledger."""


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


class Reported(_Operation, frozen=True, kw_only=True):
    """An order was carried out."""

    order_id: str
    result: str


Operation = Claimed | Joined | Assigned | Owed | Settled | Begun | Ended | Told | Reported


def carry_out(connection: Connection, operation: Operation, endpoints: tuple[Endpoint, ...], ago: float = 0.0) -> bool:
    """Write an operation into the ledger; False if it is not for us to write any more.

    `ago` is how many seconds ago it became true.
    """
    match operation:
        case Claimed(claim=claim):
            return make_claim(connection, claim, endpoints, ago=ago)
        case Joined(call_id=call_id, epoch=epoch):
            return claims.joined(connection, call_id, epoch, ago)
        case Assigned(call_id=call_id, epoch=epoch, agent=agent):
            return claims.assign(connection, call_id, epoch, agent)
        case Owed(call_id=call_id, epoch=epoch, reasons=reasons):
            return claims.owe(connection, call_id, epoch, reasons)
        case Settled():
            return _settle(connection, operation, endpoints, ago)
        case Begun(call_id=call_id, use=use):
            effects.begin(connection, call_id, use, ago)
        case Ended(call_id=call_id, use_id=use_id, output=output):
            effects.end(connection, call_id, use_id, output, ago)
        case Told(call_id=call_id, use_id=use_id):
            effects.told(connection, call_id, use_id)
        case Reported(order_id=order_id, result=result):
            orders.report(connection, order_id, result)
        case _:
            assert_never(operation)
    return True


def make_claim(
    connection: Connection,
    claim: Claim,
    endpoints: tuple[Endpoint, ...],
    lost: tuple[str, ...] = (),
    ago: float = 0.0,
) -> bool:
    """Claim a call, and owe its news to whoever wants it, together."""
    won = claims.claim(connection, claim, lost, ago)
    if won:
        outbox.put(connection, endpoints, "call.claimed", claim.incoming.call_id)
    return won


def _settle(connection: Connection, done: Settled, endpoints: tuple[Endpoint, ...], ago: float) -> bool:
    """Write a receipt, and owe its news to whoever wants it, together."""
    settled = claims.settle(connection, done.call_id, done.epoch, done.receipt, done.events, ago)
    if settled is None and done.claim is not None:
        make_claim(connection, done.claim, endpoints, ago=ago + done.receipt.seconds)
        settled = claims.settle(connection, done.call_id, done.epoch, done.receipt, done.events, ago)
    if settled:
        outbox.put(connection, endpoints, "call.ended", done.call_id)
    return bool(settled)
