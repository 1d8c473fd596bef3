"""Forgetting: what is older than the retention, in portions that keep nobody waiting.

A call goes with everything that is kept of it, and not before its deliveries are over. Plain functions on a connection.
Imports SQLAlchemy and this room.
"""

from collections.abc import Sequence

from sqlalchemy import Connection, Select, delete, exists, or_, select

from daemon.ledger.schema import DbNow, calls, deliveries, effects, entries, epochs, orders, turns, writers

# Calls of which each may have some hundred rows; SQLite writes nothing else meanwhile.
_PORTION = 20


def old(older_than: float) -> Select[str]:
    """Selects some calls that ended more than so many seconds ago, and may be forgotten."""
    before = DbNow() - older_than
    owed = exists().where(deliveries.c.call_id == calls.c.call_id, deliveries.c.due_at.is_not(None))
    # A call ends after it was claimed, and there is an index for that.
    over = select(calls.c.call_id).where(calls.c.claimed_at < before, calls.c.ended_at < before, ~owed)
    return over.order_by(calls.c.claimed_at).limit(_PORTION)


def find(connection: Connection, older_than: float) -> list[str]:
    """Find them."""
    return list(connection.execute(old(older_than)).scalars())


def forget(connection: Connection, call_ids: Sequence[str]) -> None:
    """Forget calls, with everything that belongs to them."""
    for table in (entries, turns, effects, deliveries, calls):
        connection.execute(delete(table).where(table.c.call_id.in_(call_ids)))


def tidy(connection: Connection, older_than: float) -> None:
    """Forget what belongs to no call: orders, and epochs that nobody refers to any more."""
    before = DbNow() - older_than
    connection.execute(delete(orders).where(orders.c.asked_at < before))
    connection.execute(delete(writers).where(writers.c.at < before))
    has_calls = exists().where(calls.c.epoch == epochs.c.epoch)
    over = or_(epochs.c.relieved_at < before, epochs.c.ended_at < before)
    connection.execute(delete(epochs).where(over, ~has_calls))


def prune(connection: Connection, older_than: float) -> int:
    """Forget some calls that ended more than so many seconds ago; gives how many. To be repeated until none is left."""
    gone = find(connection, older_than)
    if gone:
        forget(connection, gone)
    else:
        tidy(connection, older_than)
    return len(gone)
