"""Opening the database: drivers, connections, and how carefully they write.

Two engines for one database. What somebody was answered (claims, receipts, effects) is on the disk when its
transaction is over; what only tells a story (entries, transcripts) may miss its last moments after a power cut, and
costs a fraction. Imports SQLAlchemy and errors; never decides what is written.
"""

import logging
import os
import sqlite3
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.pool import ConnectionPoolEntry

from daemon.errors import StartError

# Seconds. A caller listens to the ringing while a claim waits.
BUSY_TIMEOUT = 2.0
_AGAIN = 0.01
CONNECT_TIMEOUT = 3
STATEMENT_TIMEOUT = 4
CONNECTIONS = 8
"""To one PostgreSQL database, for what is durable; nobody waits for a connection longer than for a thread."""
_LAZY_CONNECTIONS = 4
# UPDATE ... RETURNING, without which an adopter could not say what it has adopted.
_OLDEST_SQLITE = (3, 35, 0)
# Bytes to which the write-ahead log shrinks once it was larger.
_WAL_LIMIT = 16 * 1024 * 1024

_PRAGMAS = ("journal_mode=WAL", f"journal_size_limit={_WAL_LIMIT}")

# What they have to say they also raise, and here that becomes one line, without a traceback.
_TALKATIVE = ("psycopg", "sqlalchemy.pool")

_READS = "callwarden_reads"
_FILE = "callwarden_file"


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
    """Prepare to connect; nothing is opened yet. `url` was checked by the configuration.

    Errors: `StartError` if the SQLite library is too old.
    """
    for library in _TALKATIVE:
        logging.getLogger(library).setLevel(logging.CRITICAL)
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
            needed = ".".join(map(str, _OLDEST_SQLITE))
            raise StartError(f"[ledger] url: SQLite {needed} or newer is needed, here is {sqlite3.sqlite_version}")
        where = f"sqlite:///{parsed.database}"
        return Engines(where, _sqlite(parsed, "FULL"), _sqlite(parsed, "NORMAL"))
    where = parsed.set(password=None).render_as_string()
    if password:
        parsed = parsed.set(password=password)
    parsed = parsed.set(drivername="postgresql+psycopg")
    lazy = _postgresql(parsed, _LAZY_CONNECTIONS, "synchronous_commit=off")
    return Engines(where, _postgresql(parsed, CONNECTIONS), lazy)


def reading(connection: Connection) -> Connection:
    """Mark a connection whose transaction will only read: on SQLite it then waits for nobody."""
    return connection.execution_options(**{_READS: True})


def replaced(connection: Connection) -> bool:
    """Whether SQLite's file is not the one any more that this connection has opened.

    What is written into a file that was moved away is lost to everybody who opens the ledger later.
    """
    opened = connection.info.get(_FILE)
    return opened is not None and opened != file_id(connection.engine.url.database or "")


def file_id(name: str) -> tuple[int, int] | None:
    """Which file has this name now; None if none has."""
    # Never opened to find out: closing it would drop every lock that SQLite has on it in this process.
    try:
        found = Path(name).stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _sqlite(url: URL, synchronous: str) -> Engine:
    engine = create_engine(url, connect_args={"timeout": BUSY_TIMEOUT, "check_same_thread": False}, pool_size=4)
    pragmas = (*_PRAGMAS, f"synchronous={synchronous}")

    @event.listens_for(engine, "do_connect")
    def private(_dialect: object, _record: object, arguments: list[str], _options: object) -> None:
        # People's words are in there; SQLite gives its other files the same mode. Never opened if it exists: closing it
        # would drop every lock that this process has on it, and another program could then throw our WAL away.
        with suppress(OSError):
            os.close(os.open(arguments[0], os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))

    @event.listens_for(engine, "connect")
    def configure(connection: sqlite3.Connection, record: ConnectionPoolEntry) -> None:
        # Transactions are begun below; the driver's own way begins them too late to be told that we shall write.
        connection.isolation_level = None
        try:
            for pragma in pragmas:
                _set(connection, pragma)
        except sqlite3.Error:
            connection.close()
            raise
        record.info[_FILE] = file_id(url.database or "")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        reads = connection.get_execution_options().get(_READS)
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")

    return engine


def _set(connection: sqlite3.Connection, pragma: str) -> None:
    """Set something of a connection. Several that make a new file's log at once are refused without having waited."""
    patience = time.monotonic() + BUSY_TIMEOUT
    while True:
        try:
            connection.execute(f"PRAGMA {pragma}").close()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > patience:
                raise
            time.sleep(_AGAIN)
        else:
            return


def connect_arguments(engine: Engine) -> dict[str, Any]:
    """What psycopg needs to open a connection of its own, as the engine opens them."""
    _, options = engine.dialect.create_connect_args(engine.url)
    return {**options, **_options(engine.url)}


def _postgresql(url: URL, connections: int, *settings: str) -> Engine:
    return create_engine(
        url,
        connect_args=_options(url, *settings),
        isolation_level="READ COMMITTED",
        pool_size=connections,
        max_overflow=0,
        pool_timeout=STATEMENT_TIMEOUT,
        pool_recycle=1800,
    )


def _options(url: URL, *settings: str) -> dict[str, Any]:
    timeouts = (f"statement_timeout={STATEMENT_TIMEOUT}s", f"lock_timeout={CONNECT_TIMEOUT}s")
    # The other side may be gone without a word: the kernel gives up an unanswered connection when a statement would.
    options = {
        "connect_timeout": CONNECT_TIMEOUT,
        "application_name": "callwarden",
        "options": " ".join(f"-c {setting}" for setting in (*timeouts, *settings)),
        "keepalives_idle": 5,
        "keepalives_interval": 2,
        "keepalives_count": 3,
        "tcp_user_timeout": STATEMENT_TIMEOUT * 1000,
    }
    # The operator's own words count: a pooler in between may not take `options`, for example.
    return {name: value for name, value in options.items() if name not in url.query}
