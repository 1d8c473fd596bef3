"""Claims, debts and receipts, as statements: plain functions on a connection.

Each says what it changed, so that the caller learns that a call is another node's now. Imports SQLAlchemy, core and
this room; never commits.
"""

import msgspec
from sqlalchemy import ColumnElement, Connection, and_, select, update

from daemon.core.incoming import IncomingCall
from daemon.core.receipts import Receipt
from daemon.ledger.inserting import insert_new
from daemon.ledger.schema import DbNow, calls


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt to make a call ours."""

    attempt: str
    """Names the attempt, so that the row it made is known again when the answer to its commit was lost."""
    epoch: str
    incoming: IncomingCall
    agent: str


def claim(connection: Connection, wanted: Claim) -> bool:
    """Make a call ours; False if it, or its delivery, was claimed before by anybody else than this attempt.

    A row that an earlier attempt of the same epoch made and whose answer was lost is taken over: nobody was told of it,
    or the supervisor would not ask again.
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
        "claimed_at": DbNow(),
    }
    if insert_new(connection, calls, row):
        return True
    taken = select(calls.c.claim, calls.c.outcome).where(_is(incoming.call_id, wanted.epoch))
    known = connection.execute(taken.where(calls.c.claim == wanted.attempt)).one_or_none()
    return known is not None


def disclaim(connection: Connection, attempt: str) -> None:
    """Undo a claim that nobody was told of; a later delivery may make it again."""
    connection.execute(calls.delete().where(calls.c.claim == attempt, calls.c.joined_at.is_(None), _DEBT))


def joined(connection: Connection, call_id: str, epoch: str) -> bool:
    """Note that the call's socket was opened; False if the call is not ours."""
    first = update(calls).where(_is(call_id, epoch)).values(joined_at=DbNow())
    return connection.execute(first).rowcount == 1


def assign(connection: Connection, call_id: str, epoch: str, agent: str) -> bool:
    """Note which agent has the call; False if the call is not ours."""
    return connection.execute(update(calls).where(_is(call_id, epoch)).values(agent=agent)).rowcount == 1


def owe(connection: Connection, call_id: str, epoch: str, reasons: tuple[str, ...]) -> bool:
    """Note why the call is to be hung up; False if the call is not ours."""
    noted = update(calls).where(_is(call_id, epoch), _DEBT).values(owed_for=_json(reasons))
    return connection.execute(noted).rowcount == 1


def settle(connection: Connection, call_id: str, epoch: str, receipt: Receipt, events: dict[str, int]) -> bool | None:
    """Write the receipt of a call: True if it is the call's receipt now, or was before.

    False if the call is not ours, None if it is not there at all.
    """
    written = update(calls).where(_is(call_id, epoch), _DEBT)
    values = {
        "outcome": receipt.outcome,
        "reasons": _json(receipt.reasons),
        "joined": receipt.joined,
        "seconds": receipt.seconds,
        "events": _json(events),
        "ended_at": DbNow(),
    }
    if connection.execute(written.values(values)).rowcount == 1:
        return True
    owner = connection.execute(select(calls.c.epoch).where(calls.c.call_id == call_id)).scalar_one_or_none()
    return None if owner is None else owner == epoch


def owned(connection: Connection, call_id: str, epoch: str) -> bool:
    """Whether the call is this epoch's."""
    return connection.execute(select(calls.c.call_id).where(_is(call_id, epoch))).one_or_none() is not None


_DEBT = calls.c.outcome.is_(None)


def _is(call_id: str, epoch: str) -> ColumnElement[bool]:
    return and_(calls.c.call_id == call_id, calls.c.epoch == epoch)


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
