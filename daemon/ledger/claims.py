"""Claims, debts and receipts, as statements: plain functions on a connection.

Each says what it changed, so that the caller learns that a call is another node's now. `ago` is how many seconds ago it
was true what is written only now. Imports SQLAlchemy, core and this room; never commits.
"""

from collections.abc import Collection

import msgspec
from sqlalchemy import ColumnElement, Connection, and_, func, select, update

from daemon.core.incoming import IncomingCall
from daemon.core.receipts import Receipt
from daemon.ledger.inserting import insert_new
from daemon.ledger.schema import DbNow, calls
from daemon.ledger.text import as_json


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt to make a call ours."""

    attempt: str
    """Names the attempt, so that the row it made is known again when the answer to its commit was lost."""
    epoch: str
    incoming: IncomingCall
    agent: str


def claim(connection: Connection, wanted: Claim, lost: Collection[str] = (), ago: float = 0.0) -> bool:
    """Make a call ours; False if it, or its delivery, was claimed before by anybody else than this attempt.

    `lost` names attempts of ours for the same call whose answers were lost: what one of them has made is taken over,
    as nobody was told of it.
    """
    incoming = wanted.incoming
    row = {
        "call_id": incoming.call_id,
        "webhook_id": incoming.webhook_id,
        "claim": wanted.attempt,
        "epoch": wanted.epoch,
        "called": incoming.called,
        "caller": incoming.caller,
        "agent": wanted.agent,
        "announced_at": incoming.created_at,
        "claimed_at": DbNow() - ago,
    }
    if insert_new(connection, calls, row):
        return True
    mine = and_(_is(incoming.call_id, wanted.epoch), calls.c.claim.in_([wanted.attempt, *lost]))
    return connection.execute(update(calls).where(mine).values(claim=wanted.attempt)).rowcount == 1


def joined(connection: Connection, call_id: str, epoch: str, ago: float = 0.0) -> bool:
    """Note that the call's socket was opened, the first time it is; False if the call is not ours."""
    first = func.coalesce(calls.c.joined_at, DbNow() - ago)
    return connection.execute(update(calls).where(_is(call_id, epoch)).values(joined_at=first)).rowcount == 1


def assign(connection: Connection, call_id: str, epoch: str, agent: str) -> bool:
    """Note which agent has the call; False if the call is not ours."""
    return connection.execute(update(calls).where(_is(call_id, epoch)).values(agent=agent)).rowcount == 1


def owe(connection: Connection, call_id: str, epoch: str, reasons: tuple[str, ...]) -> bool:
    """Note why the call is to be hung up; False if the call is not ours, or has its receipt."""
    noted = update(calls).where(_is(call_id, epoch), calls.c.outcome.is_(None)).values(owed_for=as_json(reasons))
    return connection.execute(noted).rowcount == 1


def settle(
    connection: Connection, call_id: str, epoch: str, receipt: Receipt, events: dict[str, int], ago: float = 0.0
) -> bool | None:
    """Write the receipt of a call: True if it is the call's receipt now, or another one was before.

    False if the call is not ours, None if it is not there at all.
    """
    values = {
        "outcome": receipt.outcome,
        "reasons": as_json(receipt.reasons),
        "joined": receipt.joined,
        "seconds": receipt.seconds,
        "events": as_json(events),
        "ended_at": DbNow() - ago,
    }
    written = update(calls).where(_is(call_id, epoch), calls.c.outcome.is_(None)).values(values)
    if connection.execute(written).rowcount == 1:
        return True
    owner = connection.execute(select(calls.c.epoch).where(calls.c.call_id == call_id)).scalar_one_or_none()
    return None if owner is None else owner == epoch


def is_ours(connection: Connection, call_id: str, epoch: str) -> bool:
    """Whether a call is an epoch's; if it is, it stays so until the transaction is over."""
    found = select(calls.c.call_id).where(_is(call_id, epoch)).with_for_update(read=True)
    return connection.execute(found).one_or_none() is not None


def _is(call_id: str, epoch: str) -> ColumnElement[bool]:
    return and_(calls.c.call_id == call_id, calls.c.epoch == epoch)
