"""Numbers of calls over time: how many, how they ended, how soon they were picked up. Plain functions that only read.

Imports SQLAlchemy, msgspec and this room.
"""

import msgspec
from sqlalchemy import ColumnElement, Connection, Integer, cast, func, select

from daemon.ledger.records import claimed_within
from daemon.ledger.schema import DbNow, calls, entries

MOST = 5000
"""Pickups that are looked at, the newest ones: enough for a picture."""
# How an entry of the journal begins that says when the session was sent.
_SENT = '{"kind":"SessionSent"'


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """Calls that came in one stretch of time and ended alike."""

    stretch: int
    """How many stretches ago; the present one is 0."""
    outcome: str | None
    """None for calls without a receipt."""
    calls: int


class Pickup(msgspec.Struct, frozen=True, kw_only=True):
    """How long a caller waited until the platform could speak for us."""

    ago: float
    """Seconds since the call was claimed."""
    seconds: float


def tally_calls(connection: Connection, since: float, stretch: float) -> list[Tally]:
    """Count the calls of the last `since` seconds, by stretches of `stretch` seconds and by receipt."""
    which = _whole(connection, (DbNow() - calls.c.claimed_at) / stretch).label("stretch")
    counted = select(which, calls.c.outcome, func.count().label("calls")).where(claimed_within(since))
    rows = connection.execute(counted.group_by(which, calls.c.outcome))
    return [Tally(stretch=max(row.stretch, 0), outcome=row.outcome, calls=row.calls) for row in rows]


def list_pickups(connection: Connection, since: float, most: int = MOST) -> list[Pickup]:
    """The pickups of calls of the last `since` seconds, newest first."""
    ago = (DbNow() - calls.c.claimed_at).label("ago")
    sent = func.substr(entries.c.entry, 1, len(_SENT)) == _SENT
    wanted = select(ago, entries.c.entry).join(entries, entries.c.call_id == calls.c.call_id)
    rows = connection.execute(wanted.where(claimed_within(since), sent).order_by(calls.c.claimed_at.desc()).limit(most))
    found = ((row.ago, msgspec.json.decode(row.entry).get("seconds")) for row in rows)
    return [Pickup(ago=ago, seconds=float(seconds)) for ago, seconds in found if isinstance(seconds, int | float)]


def _whole(connection: Connection, number: ColumnElement[float]) -> ColumnElement[int]:
    """A number that is not negative, without its fraction."""
    # To make it an integer is to cut it on SQLite, which may lack `floor`, and to round it on PostgreSQL.
    return cast(number if connection.dialect.name == "sqlite" else func.floor(number), Integer)
