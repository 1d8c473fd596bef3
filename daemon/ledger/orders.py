"""Orders: what somebody wants done on another node, as rows; the node that has the call carries them out.

Plain functions on a connection. On PostgreSQL a notification wakes the node; a lost one costs a poll's interval.
Imports SQLAlchemy, msgspec and this room.
"""

import uuid
from typing import Literal

import msgspec
from sqlalchemy import Connection, and_, insert, or_, select, text, update

from daemon.ledger.schema import DbNow, calls, epochs, orders

CHANNEL = "callwarden_orders"

Verb = Literal["hang_up", "transfer", "pause", "resume"]

DONE, BEGUN = "done", "begun"
"""The results of an order that was carried out, or that takes its time; any other says why it was not."""
GONE = "the node is gone"


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """Something to be done."""

    id: str
    verb: Verb
    call_id: str | None
    """None for what concerns the whole node."""
    argument: str
    """The destination of a transfer, or a reason."""
    asked_by: str


def ask(connection: Connection, verb: Verb, target: str, argument: str, asked_by: str) -> str | None:
    """Put in an order about a call, or about a node by name; gives its id, None if there is no such target.

    A call's order goes to whoever has the call now.
    """
    if verb in ("pause", "resume"):
        living = (epochs.c.node == target, epochs.c.relieved_at.is_(None), epochs.c.ended_at.is_(None))
        found = select(epochs.c.epoch).where(*living).order_by(epochs.c.started_at.desc()).limit(1)
        call_id = None
    else:
        found = select(calls.c.epoch).where(calls.c.call_id == target, calls.c.outcome.is_(None))
        call_id = target
    epoch = connection.execute(found).scalar_one_or_none()
    if epoch is None:
        return None
    order_id = uuid.uuid4().hex
    values = {"verb": verb, "call_id": call_id, "argument": argument, "asked_by": asked_by, "asked_at": DbNow()}
    connection.execute(insert(orders).values(id=order_id, epoch=epoch, **values))
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_notify(:channel, :epoch)"), {"channel": CHANNEL, "epoch": epoch})
    return order_id


def take(connection: Connection, epoch: str) -> list[Order]:
    """Take what is ordered of us, and of calls that have become ours since; gives all that is not done, oldest first.

    Also what was taken before, as the answer may have been lost: whoever asks knows what they have had.
    """
    mine = select(calls.c.call_id).where(calls.c.epoch == epoch, calls.c.outcome.is_(None))
    due = and_(orders.c.taken_at.is_(None), or_(orders.c.epoch == epoch, orders.c.call_id.in_(mine)))
    connection.execute(update(orders).where(due).values(taken_at=DbNow(), epoch=epoch))
    open_orders = select(orders).where(orders.c.epoch == epoch, orders.c.done_at.is_(None))
    return [
        Order(id=row.id, verb=row.verb, call_id=row.call_id, argument=row.argument, asked_by=row.asked_by)
        for row in connection.execute(open_orders.order_by(orders.c.asked_at, orders.c.id))
    ]


def report(connection: Connection, order_id: str, result: str) -> None:
    """Say what became of an order; what was said first stands."""
    done = update(orders).where(orders.c.id == order_id, orders.c.done_at.is_(None))
    connection.execute(done.values(done_at=DbNow(), result=result))


def result(connection: Connection, order_id: str) -> str | None:
    """What became of an order; None if nothing yet."""
    row = connection.execute(select(orders.c.result, orders.c.epoch).where(orders.c.id == order_id)).one_or_none()
    if row is None:
        return GONE  # so long ago that it is forgotten
    if row.result is not None:
        return str(row.result)
    living = select(epochs.c.epoch).where(
        epochs.c.epoch == row.epoch, epochs.c.relieved_at.is_(None), epochs.c.ended_at.is_(None)
    )
    return None if connection.execute(living).one_or_none() else GONE


def withdraw(connection: Connection, order_id: str) -> bool:
    """Take an order back; False if it is too late, because somebody has taken it."""
    untaken = update(orders).where(orders.c.id == order_id, orders.c.taken_at.is_(None), orders.c.done_at.is_(None))
    withdrawn = untaken.values(taken_at=DbNow(), done_at=DbNow(), result="withdrawn")
    return connection.execute(withdrawn).rowcount == 1
