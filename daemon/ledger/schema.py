"""The tables, in SQLAlchemy Core: one description for SQLite and PostgreSQL.

JSON is kept as text, times as Unix seconds of the database's own clock (`DbNow`), so that nodes whose clocks differ
agree. What exists in a database comes from `migrations/`; a test holds the two against each other. Owned by this room;
imports SQLAlchemy only.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import FunctionElement

metadata = MetaData()

# SQLite numbers rows by itself only in a column of exactly this type.
_Serial = BigInteger().with_variant(Integer(), "sqlite")


class DbNow(FunctionElement[float]):
    """The database's idea of Unix time, which is everybody's."""

    type = Double()
    inherit_cache = True


@compiles(DbNow, "sqlite")
def _sqlite_now(_element: DbNow, _compiler: SQLCompiler, **_: object) -> str:
    return "((julianday('now') - 2440587.5) * 86400.0)"


@compiles(DbNow, "postgresql")
def _postgresql_now(_element: DbNow, _compiler: SQLCompiler, **_: object) -> str:
    return "extract(epoch from clock_timestamp())::float8"


epochs = Table(
    "epochs",
    metadata,
    Column("epoch", Text, primary_key=True),  # one run of the daemon on one node
    Column("node", Text, nullable=False),
    Column("place", Text, nullable=False),  # the state directory, in which a lock tells whether it lives
    Column("version", Text, nullable=False),
    Column("started_at", Double, nullable=False),
    Column("lease_until", Double, nullable=False),
    Column("relieved_at", Double),  # somebody found its lease expired, and took its calls
    Column("ended_at", Double),  # it said goodbye
)

calls = Table(
    "calls",
    metadata,
    Column("call_id", Text, primary_key=True),
    Column("webhook_id", Text, nullable=False, unique=True),
    Column("claim", Text, nullable=False),  # which attempt made the row, when the answer to a commit was lost
    Column("epoch", Text, nullable=False),  # whose call it is
    Column("called", Text),
    Column("caller", Text),
    Column("agent", Text, nullable=False),
    Column("announced_at", Double),  # by the platform's clock
    Column("claimed_at", Double, nullable=False),
    Column("joined_at", Double),
    Column("owed_for", Text),  # JSON: why its hang-up is owed
    Column("outcome", Text),  # set with the receipt; a call without one is a debt
    Column("reasons", Text),  # JSON
    Column("joined", Boolean),
    Column("seconds", Double),
    Column("events", Text),  # JSON: how many came of each type
    Column("ended_at", Double),
    Index("calls_by_time", "claimed_at"),
    Index("calls_in_debt", "epoch", sqlite_where=text("outcome IS NULL"), postgresql_where=text("outcome IS NULL")),
)

entries = Table(
    "entries",
    metadata,
    Column("id", _Serial, primary_key=True, autoincrement=True),
    Column("call_id", Text, nullable=False),
    Column("at", Double, nullable=False),
    Column("entry", Text, nullable=False),  # JSON
    Index("entries_by_call", "call_id"),
)

turns = Table(
    "turns",
    metadata,
    Column("id", _Serial, primary_key=True, autoincrement=True),
    Column("call_id", Text, nullable=False),
    Column("item_id", Text, nullable=False),
    Column("speaker", Text, nullable=False),
    Column("at", Double, nullable=False),
    Column("words", Text, nullable=False),
    Column("final", Boolean, nullable=False),
    UniqueConstraint("call_id", "item_id", "speaker", name="turns_once"),
)

effects = Table(
    "effects",
    metadata,
    Column("call_id", Text, primary_key=True),
    Column("use_id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("arguments", Text, nullable=False),
    Column("begun_at", Double, nullable=False),
    Column("output", Text),
    Column("ended_at", Double),
    Column("told", Boolean, nullable=False),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Text, primary_key=True),  # the webhook-id, the same on every attempt
    Column("url", Text, nullable=False),
    Column("event", Text, nullable=False),
    Column("call_id", Text, nullable=False),
    Column("made_at", Double, nullable=False),
    Column("due_at", Double),  # when to try (again); none: delivered, or given up
    Column("attempts", Integer, nullable=False),
    Column("payload", Text),  # made at the first attempt, the same from then on
    Column("delivered_at", Double),
    Column("failure", Text),  # of the last attempt
    Index(
        "deliveries_due", "due_at", sqlite_where=text("due_at IS NOT NULL"), postgresql_where=text("due_at IS NOT NULL")
    ),
    Index("deliveries_by_call", "call_id"),
)

orders = Table(
    "orders",
    metadata,
    Column("id", Text, primary_key=True),
    Column("epoch", Text, nullable=False),  # who is to carry it out
    Column("verb", Text, nullable=False),
    Column("call_id", Text),
    Column("argument", Text, nullable=False),
    Column("asked_by", Text, nullable=False),
    Column("asked_at", Double, nullable=False),
    Column("taken_at", Double),
    Column("done_at", Double),
    Column("result", Text),
    Index("orders_open", "epoch", sqlite_where=text("taken_at IS NULL"), postgresql_where=text("taken_at IS NULL")),
)
