"""Inserts that know what to do with a row that is there already, for both engines. Imports SQLAlchemy only."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite


def insert_new(connection: Connection, table: Table, values: Mapping[str, Any]) -> bool:
    """Insert a row unless it would break a uniqueness; tells whether it is new. Race-free."""
    statement = _insert(connection, table).on_conflict_do_nothing().values(**values)
    # Without the row's number, which nobody wants; and SQLAlchemy forgets the count of an insert if not told otherwise.
    return connection.execute(statement.inline(), execution_options={"preserve_rowcount": True}).rowcount == 1


def insert_or_update(
    connection: Connection, table: Table, key: Sequence[str], rows: Sequence[Mapping[str, Any]]
) -> None:
    """Insert rows; where one with the same key is there, its other columns become those of the new one."""
    statement = _insert(connection, table)
    fresh = {name: statement.excluded[name] for name in rows[0] if name not in key}
    connection.execute(statement.on_conflict_do_update(index_elements=key, set_=fresh), rows)


def _insert(connection: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    return sqlite.insert(table) if connection.dialect.name == "sqlite" else postgresql.insert(table)
