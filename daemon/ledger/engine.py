"""Opening the database: drivers, connections, and how carefully they write.

Two engines for one database. What somebody was answered (claims, receipts, effects) is on the disk when its
transaction is over; what only tells a story (entries, transcripts) may miss its last moments after a power cut, and
costs a fraction. Imports SQLAlchemy and errors; never decides what is written.
"""

import os
import sqlite3
from contextlib import suppress
from typing import Any

import msgspec
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url

# Seconds. A caller listens to the ringing while a claim waits.
BUSY_TIMEOUT = 2.0
CONNECT_TIMEOUT = 3
STATEMENT_TIMEOUT = 5

_READS = "callwarden_reads"


class Engines(msgspec.Struct, frozen=True):
    """The ways into one database."""

    where: str
    """The database's URL without its password."""
    durable: Engine
    """A transaction that was committed survives a power cut."""
    lazy: Engine
    """One that was committed survives a crash of the process, and of the machine only if some time has passed."""

    @property
    def file(self) -> str | None:
        """SQLite's file; None for PostgreSQL."""
        return self.durable.url.database if self.durable.dialect.name == "sqlite" else None

    def dispose(self) -> None:
        """Close every connection that is not in use; the next transaction opens a new one."""
        self.durable.dispose()
        self.lazy.dispose()


def make_engines(url: str, password: str = "") -> Engines:
    """Prepare to connect; nothing is opened yet. `url` was checked by the configuration."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        where = f"sqlite:///{parsed.database}"
        return Engines(where, _sqlite(parsed, "FULL"), _sqlite(parsed, "NORMAL"))
    if password:
        parsed = parsed.set(password=password)
    engine = _postgresql(parsed.set(drivername="postgresql+psycopg"))
    where = parsed.set(drivername="postgresql", password=None).render_as_string()
    return Engines(where, engine, engine)


def reading(connection: Connection) -> Connection:
    """Mark a connection whose transaction will only read: on SQLite it then waits for nobody."""
    return connection.execution_options(**{_READS: True})


def _sqlite(url: URL, synchronous: str) -> Engine:
    engine = create_engine(url, connect_args={"timeout": BUSY_TIMEOUT, "check_same_thread": False}, pool_size=4)

    @event.listens_for(engine, "do_connect")
    def private(_dialect: object, _record: object, arguments: list[str], _options: object) -> None:
        # People's words are in there; SQLite gives its other files the same mode.
        with suppress(OSError):
            os.close(os.open(arguments[0], os.O_RDWR | os.O_CREAT, 0o600))

    @event.listens_for(engine, "connect")
    def configure(connection: sqlite3.Connection, _record: object) -> None:
        # Transactions are begun below; the driver's own way begins them too late to be told that we shall write.
        connection.isolation_level = None
        for pragma in ("journal_mode=WAL", f"synchronous={synchronous}"):
            connection.execute(f"PRAGMA {pragma}").close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        reads = connection.get_execution_options().get(_READS)
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")

    return engine


def _postgresql(url: URL) -> Engine:
    # The other side may be gone without a word: the kernel gives up an unanswered connection when a statement would.
    options: dict[str, Any] = {
        "connect_timeout": CONNECT_TIMEOUT,
        "application_name": "callwarden",
        "options": f"-c statement_timeout={STATEMENT_TIMEOUT}s -c lock_timeout={CONNECT_TIMEOUT}s",
        "keepalives_idle": 5,
        "keepalives_interval": 2,
        "keepalives_count": 3,
        "tcp_user_timeout": STATEMENT_TIMEOUT * 1000,
    }
    return create_engine(
        url, connect_args=options, pool_size=8, max_overflow=0, pool_timeout=STATEMENT_TIMEOUT, pool_recycle=1800
    )
