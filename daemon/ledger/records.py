"""Records: all that the ledger knows of calls, for people and for whoever is told of them.

Plain functions on a connection that only read. Times are Unix seconds: of the database's clock, but for what happened
in calls, which has that of its node. Imports SQLAlchemy, msgspec and this room.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec
from sqlalchemy import ColumnElement, Connection, RowMapping, Select, Table, select, tuple_

from daemon.ledger.schema import DbNow, calls, deliveries, effects, entries, epochs, turns

# Columns that hold JSON which is ours.
_JSON = {"reasons", "owed_for", "events", "entry"}

RowT = TypeVar("RowT", bound=msgspec.Struct)


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """A call as it stands."""

    call_id: str
    called: str | None
    caller: str | None
    agent: str
    node: str | None
    """Which node has it, or had it at its end; None if that is not known any more."""
    announced_at: float | None
    """By the platform's clock."""
    claimed_at: float
    joined_at: float | None
    ended_at: float | None
    age: float
    """Seconds since it was claimed."""
    outcome: str | None
    """Of its receipt; None while it has none."""
    reasons: tuple[str, ...] = ()
    seconds: float | None
    """From the webhook to the receipt."""
    owed_for: tuple[str, ...] = ()
    """Why its hang-up was owed, if it was."""
    events: dict[str, int] = msgspec.field(default_factory=dict)
    """How many of each type came on its sockets; known with the receipt."""


class Happened(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of a call's journal; as it was written, because a newer node may know more kinds than we do."""

    at: float
    entry: dict[str, Any]


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody said."""

    at: float
    """When its words last changed."""
    speaker: str
    words: str
    final: bool


class ToolUsed(msgspec.Struct, frozen=True, kw_only=True):
    """A use of a tool."""

    use_id: str
    name: str
    arguments: str
    begun_at: float
    ended_at: float | None
    output: str | None
    """None while it runs, or when a crash interrupted it."""


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery, and how far it has come."""

    id: str
    url: str
    event: str
    call_id: str
    made_at: float
    attempts: int
    due_at: float | None
    """When it is tried next; None when it is not any more."""
    delivered_at: float | None
    failure: str | None
    """What went wrong last."""

    @property
    def state(self) -> str:
        """How far it has come, in a word."""
        if self.delivered_at is not None:
            return "delivered"
        return "given up" if self.due_at is None else "owed"


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known of one call, each part in the order in which it came about."""

    call: Call
    entries: tuple[Happened, ...]
    turns: tuple[Turn, ...]
    tools: tuple[ToolUsed, ...]
    deliveries: tuple[Delivery, ...]


def read_record(connection: Connection, call_id: str) -> Record | None:
    """All about one call; None if there is no such call."""
    found = read_calls(connection, select_calls().where(calls.c.call_id == call_id))
    return _complete(connection, found)[0] if found else None


def read_portion(
    connection: Connection, after: Call | None = None, since: float | None = None, most: int = 50
) -> list[Record]:
    """The next calls with all about them, oldest first, for whoever reads them all; none when there are no more.

    `after` is the last one they had; `since` leaves out what was claimed more than so many seconds ago.
    """
    place = tuple_(calls.c.claimed_at, calls.c.call_id)
    wanted = select_calls().order_by(calls.c.claimed_at, calls.c.call_id).limit(most)
    if after is not None:
        wanted = wanted.where(place > (after.claimed_at, after.call_id))
    if since is not None:
        wanted = wanted.where(claimed_within(since))
    return _complete(connection, read_calls(connection, wanted))


def select_calls() -> Select[Any]:
    """The calls, for `read_calls`."""
    age = (DbNow() - calls.c.claimed_at).label("age")
    owners = calls.outerjoin(epochs, epochs.c.epoch == calls.c.epoch)
    return select(calls, epochs.c.node, age).select_from(owners)


def claimed_within(seconds: float) -> ColumnElement[bool]:
    """Whether a call was claimed at most so many seconds ago."""
    return calls.c.claimed_at >= DbNow() - seconds


def read_calls(connection: Connection, wanted: Select[Any]) -> list[Call]:
    """The calls that a selection, made from `select_calls`, gives."""
    return [as_kind(row, Call) for row in connection.execute(wanted).mappings()]


def as_kind(row: RowMapping, kind: type[RowT]) -> RowT:
    """A row as a record; what is JSON in it, as values."""
    # Names as they are: those that SQLAlchemy gives know how they are quoted.
    values = {str(name): value for name, value in row.items()}
    for name in _JSON & values.keys():
        text = values.pop(name)
        if text is not None:
            values[name] = msgspec.json.decode(text)
    return msgspec.convert(values, kind)


def _complete(connection: Connection, found: Sequence[Call]) -> list[Record]:
    ids = [call.call_id for call in found]
    happened = _by_call(connection, entries, ids, Happened, entries.c.id)
    said = _by_call(connection, turns, ids, Turn, turns.c.id)
    used = _by_call(connection, effects, ids, ToolUsed, effects.c.id)
    told = _by_call(connection, deliveries, ids, Delivery, deliveries.c.made_at, deliveries.c.id)
    return [
        Record(
            call=call,
            entries=tuple(happened[call.call_id]),
            turns=tuple(said[call.call_id]),
            tools=tuple(used[call.call_id]),
            deliveries=tuple(told[call.call_id]),
        )
        for call in found
    ]


def _by_call(
    connection: Connection, table: Table, ids: Sequence[str], kind: type[RowT], *order: ColumnElement[Any]
) -> dict[str, list[RowT]]:
    rows: dict[str, list[RowT]] = defaultdict(list)
    for row in connection.execute(select(table).where(table.c.call_id.in_(ids)).order_by(*order)).mappings():
        rows[row["call_id"]].append(as_kind(row, kind))
    return rows
