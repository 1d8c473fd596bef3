"""Erasing what is kept of one caller, so that it is not in the database's files any more either.

A call goes with all that belongs to it, deliveries that are still owed and orders included. Plain functions, for the
command line. Imports SQLAlchemy and this room.
"""

from collections.abc import Sequence

import msgspec
from sqlalchemy import Connection, Engine, delete, func, select

from daemon.ledger.schema import calls, deliveries, effects, entries, orders, turns

_TABLES = {"entries": entries, "turns": turns, "tools": effects, "deliveries": deliveries, "orders": orders}
_PORTION = 20
# What a daemon that writes at the same time may take.
_PATIENCE_MS = 10_000


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of a caller."""

    calls: tuple[str, ...]
    """Ids of calls that have ended."""
    live: tuple[str, ...]
    """Ids of calls without a receipt: they are in progress, or their hang-up is owed."""
    rows: dict[str, int]
    """How many rows belong to the former, by kind."""
    owed: int
    """Deliveries among them that nobody has taken yet."""


def kept_of(connection: Connection, number: str) -> Kept:
    """What is kept of the caller with this number, in E.164."""
    found = connection.execute(select(calls.c.call_id, calls.c.outcome).where(calls.c.caller == number)).all()
    ended = tuple(row.call_id for row in found if row.outcome is not None)
    theirs = select(calls.c.call_id).where(calls.c.caller == number, calls.c.outcome.is_not(None))
    rows = {}
    for name, table in _TABLES.items():
        count = select(func.count()).select_from(table).where(table.c.call_id.in_(theirs))
        rows[name] = int(connection.execute(count).scalar_one())
    due = deliveries.c.due_at.is_not(None)
    waiting = select(func.count()).select_from(deliveries).where(deliveries.c.call_id.in_(theirs), due)
    return Kept(
        calls=ended,
        live=tuple(row.call_id for row in found if row.outcome is None),
        rows=rows,
        owed=int(connection.execute(waiting).scalar_one()),
    )


def portions(call_ids: Sequence[str]) -> list[Sequence[str]]:
    """The calls in groups so small that nobody who writes waits for long."""
    return [call_ids[start : start + _PORTION] for start in range(0, len(call_ids), _PORTION)]


def erase(connection: Connection, call_ids: Sequence[str]) -> None:
    """Erase calls that have ended, and all that belongs to them."""
    if connection.dialect.name == "sqlite":
        # What is deleted is overwritten, and not only left out. Of the connection, which is closed soon.
        connection.exec_driver_sql("PRAGMA secure_delete = ON").close()
    for table in (*_TABLES.values(), calls):
        connection.execute(delete(table).where(table.c.call_id.in_(call_ids)))


def clear_away(engine: Engine) -> str:
    """Have the database's files hold nothing any more of what was deleted; gives what could not be done, if anything.

    SQLite: the index of words and the file are written anew, and the write-ahead log is emptied. PostgreSQL: VACUUM.
    Errors: those of the driver.
    """
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if connection.dialect.name != "sqlite":
            connection.exec_driver_sql("SET statement_timeout = 0")
            for name in ("calls", *(table.name for table in _TABLES.values())):
                connection.exec_driver_sql(f"VACUUM {name}")
            return ""
        raw = connection.connection.driver_connection
        if raw is None:
            raise AssertionError("a connection without a driver's")
        raw.execute(f"PRAGMA busy_timeout = {_PATIENCE_MS}")
        raw.execute("INSERT INTO turns_search(turns_search) VALUES ('rebuild')")
        raw.execute("INSERT INTO turns_search(turns_search) VALUES ('optimize')")
        raw.execute("VACUUM")
        busy = raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    return "its write-ahead log is in use, and holds some of it until the daemon has been restarted" if busy else ""
