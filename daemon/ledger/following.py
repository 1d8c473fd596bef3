"""Following what happens in calls while it is written, by asking again and again.

Ids alone are no bookmark: on PostgreSQL a row with a smaller id may be committed after one with a larger, and a turn's
words change until they are final. So a stretch of the newest rows is looked at again each time, and what was given once
is not given again. Imports SQLAlchemy, msgspec and this room.
"""

from typing import Any

import msgspec
from sqlalchemy import Connection, RowMapping, Select, Table, func, select, true

from daemon.ledger.schema import calls, entries, turns

_STRETCH = 2000
# Rows given at once; what is left over is given the next time.
_PORTION = 1000


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of a call's journal, or a turn whose words are final (then `entry` has the kind `Said`)."""

    at: float
    call_id: str
    entry: dict[str, Any]


class Follower:
    """One reader's place in the ledger."""

    def __init__(self, call_id: str | None = None) -> None:
        self._call_id = call_id
        self._entries = _Place(entries, call_id)
        self._turns = _Place(turns, call_id)

    def skip(self, connection: Connection) -> None:
        """Leave out what is there already."""
        self._entries.skip(connection)
        self._turns.skip(connection)

    def read(self, connection: Connection) -> list[Event]:
        """What is new, oldest first; a bounded number."""
        happened = [
            Event(at=row["at"], call_id=row["call_id"], entry=msgspec.json.decode(row["entry"]))
            for row in self._entries.read(connection)
        ]
        said = [
            Event(
                at=row["at"],
                call_id=row["call_id"],
                entry={"kind": "Said", "speaker": row["speaker"], "text": row["words"], "final": True},
            )
            for row in self._turns.read(connection)
        ]
        return sorted([*happened, *said], key=lambda event: event.at)

    def over(self, connection: Connection) -> bool:
        """Whether the call that is followed has its receipt, or is not there."""
        if self._call_id is None:
            return False
        live = select(calls.c.call_id).where(calls.c.call_id == self._call_id, calls.c.outcome.is_(None))
        return connection.execute(live).one_or_none() is None


class _Place:
    """A place in one table."""

    def __init__(self, table: Table, call_id: str | None) -> None:
        self._table = table
        self._whose = true() if call_id is None else table.c.call_id == call_id
        self._floor = 0
        """Nothing up to this id is looked at any more."""
        self._given: set[int] = set()
        """Ids beyond the floor that were given."""

    def skip(self, connection: Connection) -> None:
        newest = connection.execute(select(func.max(self._table.c.id))).scalar_one() or 0
        self._floor = max(newest - _STRETCH, 0)
        self._given = set(connection.execute(self._ids()).scalars())

    def read(self, connection: Connection) -> list[RowMapping]:
        ids = connection.execute(self._ids().limit(_PORTION + len(self._given))).scalars()
        new = [row_id for row_id in ids if row_id not in self._given][:_PORTION]
        rows = select(self._table).where(self._table.c.id.in_(new)).order_by(self._table.c.id)
        given = list(connection.execute(rows).mappings())
        self._given.update(new)
        # Latecomers have a stretch to come in.
        self._floor = max(self._floor, max(self._given, default=0) - _STRETCH)
        self._given = {row_id for row_id in self._given if row_id > self._floor}
        return list(given)

    def _ids(self) -> Select[int]:
        beyond = select(self._table.c.id).where(self._table.c.id > self._floor, self._whose)
        if self._table is turns:
            beyond = beyond.where(turns.c.final)
        return beyond.order_by(self._table.c.id)
