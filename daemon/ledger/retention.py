"""Forgetting: what is older than the retention, in portions that keep nobody waiting.

A call goes with everything that is kept of it, and not before its deliveries are over. Plain functions on a connection.
Imports SQLAlchemy and this room.
"""

from sqlalchemy import Connection, delete, exists, or_, select

from daemon.ledger.schema import DbNow, calls, deliveries, effects, entries, epochs, orders, turns

_PORTION = 200


def prune(connection: Connection, older_than: float) -> int:
    """Forget some calls that ended more than so many seconds ago; gives how many. To be repeated until none is left."""
    before = DbNow() - older_than
    owed = exists().where(deliveries.c.call_id == calls.c.call_id, deliveries.c.due_at.is_not(None))
    old = select(calls.c.call_id).where(calls.c.ended_at < before, ~owed).limit(_PORTION)
    gone = list(connection.execute(old).scalars())
    for table in (entries, turns, effects, deliveries, calls):
        if gone:
            connection.execute(delete(table).where(table.c.call_id.in_(gone)))
    connection.execute(delete(orders).where(orders.c.asked_at < before))
    has_calls = exists().where(calls.c.epoch == epochs.c.epoch)
    over = or_(epochs.c.relieved_at < before, epochs.c.ended_at < before)
    connection.execute(delete(epochs).where(over, ~has_calls))
    return len(gone)
