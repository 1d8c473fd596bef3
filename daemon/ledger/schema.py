"""The tables, in SQLAlchemy Core: one description for SQLite and PostgreSQL.

JSON is kept as text, times as Unix seconds of the database's own clock (`DbNow`), so that nodes whose clocks differ
agree. What exists in a database comes from `migrations/`; a test holds the two against each other. Owned by this room;
imports SQLAlchemy and this room's rules for text.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Dialect,
    Double,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import FunctionElement

from daemon.ledger.text import clean, key

metadata = MetaData()

# SQLite numbers rows by itself only in a column of exactly this type.
_Serial = BigInteger().with_variant(Integer(), "sqlite")


class Words(TypeDecorator[str]):
    """Text from elsewhere: what neither database takes is replaced on the way in."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, _dialect: Dialect) -> str | None:
        """Clean what is written, and what is looked for."""
        return None if value is None else clean(value)


class Key(TypeDecorator[str]):
    """An id from elsewhere, of a length that can be indexed."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, _dialect: Dialect) -> str | None:
        """Shorten what is written, and what is looked for."""
        return None if value is None else key(value)


class DbNow(FunctionElement[float]):
    """The database's idea of Unix time, which is everybody's; the same throughout one statement."""

    type = Double()
    inherit_cache = True


@compiles(DbNow, "sqlite")
def _sqlite_now(_element: DbNow, _compiler: SQLCompiler, **_: object) -> str:
    return "((julianday('now') - 2440587.5) * 86400.0)"


@compiles(DbNow, "postgresql")
def _postgresql_now(_element: DbNow, _compiler: SQLCompiler, **_: object) -> str:
    # Not the clock itself, which goes on within the statement and so can't be looked up in an index.
    return "extract(epoch from statement_timestamp())::float8"


epochs = Table(
    "epochs",
    metadata,
    Column("epoch", Key, primary_key=True),  # one run of the daemon on one node
    Column("node", Words, nullable=False),
    Column("place", Words, nullable=False),  # the state directory, in which a lock tells whether it lives
    Column("version", Words, nullable=False),
    Column("started_at", Double, nullable=False),
    Column("lease", Double, nullable=False),  # seconds for which it may be silent
    Column("lease_until", Double, nullable=False),  # moves while it lives; that it moves is what others look at
    Column("relieved_at", Double),  # somebody found it dead or silent, and took its calls
    Column("ended_at", Double),  # it said goodbye
)

calls = Table(
    "calls",
    metadata,
    Column("call_id", Key, primary_key=True),
    Column("webhook_id", Key, nullable=False, unique=True),
    Column("claim", Key, nullable=False),  # which attempt made the row, when the answer to a commit was lost
    Column("epoch", Key, nullable=False),  # whose call it is
    Column("called", Words),
    Column("caller", Words),
    Column("agent", Words, nullable=False),
    Column("announced_at", Double),  # by the platform's clock
    Column("claimed_at", Double, nullable=False),
    Column("joined_at", Double),
    Column("owed_for", Words),  # JSON: why its hang-up is owed
    Column("outcome", Words),  # set with the receipt; a call without one is a debt
    Column("reasons", Words),  # JSON
    Column("joined", Boolean),
    Column("seconds", Double),
    Column("events", Words),  # JSON: how many came of each type
    Column("ended_at", Double),
    Index("calls_by_time", "claimed_at"),
    Index("calls_in_debt", "epoch", sqlite_where=text("outcome IS NULL"), postgresql_where=text("outcome IS NULL")),
)

entries = Table(
    "entries",
    metadata,
    Column("id", _Serial, primary_key=True, autoincrement=True),
    Column("call_id", Key, nullable=False),
    Column("at", Double, nullable=False),
    Column("entry", Words, nullable=False),  # JSON
    Index("entries_by_call", "call_id"),
)

turns = Table(
    "turns",
    metadata,
    Column("id", _Serial, primary_key=True, autoincrement=True),
    Column("call_id", Key, nullable=False),
    Column("item_id", Key, nullable=False),
    Column("speaker", Words, nullable=False),
    Column("at", Double, nullable=False),
    Column("words", Words, nullable=False),
    Column("final", Boolean, nullable=False),
    UniqueConstraint("call_id", "item_id", "speaker", name="turns_once"),
)

effects = Table(
    "effects",
    metadata,
    Column("id", _Serial, primary_key=True, autoincrement=True),  # the order in which they began
    Column("call_id", Key, nullable=False),
    Column("use_id", Key, nullable=False),
    Column("name", Words, nullable=False),
    Column("arguments", Words, nullable=False),
    Column("begun_at", Double, nullable=False),
    Column("output", Words),
    Column("ended_at", Double),
    Column("told", Boolean, nullable=False),
    UniqueConstraint("call_id", "use_id", name="effects_once"),
)

writers = Table(  # of journals: how far each has come, so that a group whose answer was lost is not written twice
    "writers",
    metadata,
    Column("writer", Text, primary_key=True),
    Column("written", BigInteger, nullable=False),  # how many records of its own
    Column("at", Double, nullable=False),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Key, primary_key=True),  # the webhook-id, the same on every attempt
    Column("url", Words, nullable=False),
    Column("event", Words, nullable=False),
    Column("call_id", Key, nullable=False),
    Column("made_at", Double, nullable=False),
    Column("due_at", Double),  # when to try (again); none: delivered, or given up
    Column("attempts", Integer, nullable=False),
    Column("payload", Words),  # made at the first attempt, the same from then on
    Column("delivered_at", Double),
    Column("failure", Words),  # of the last attempt
    Index(
        "deliveries_due", "due_at", sqlite_where=text("due_at IS NOT NULL"), postgresql_where=text("due_at IS NOT NULL")
    ),
    Index("deliveries_by_call", "call_id"),
)

orders = Table(
    "orders",
    metadata,
    Column("id", Key, primary_key=True),
    Column("epoch", Key, nullable=False),  # who is to carry it out
    Column("verb", Words, nullable=False),
    Column("call_id", Key),
    Column("argument", Words, nullable=False),
    Column("asked_by", Words, nullable=False),
    Column("asked_at", Double, nullable=False),
    Column("taken_at", Double),
    Column("done_at", Double),
    Column("result", Words),
    Index("orders_open", "epoch", sqlite_where=text("done_at IS NULL"), postgresql_where=text("done_at IS NULL")),
)
