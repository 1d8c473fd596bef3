"""Databases for tests: each with the ledger's tables and nothing in them.

SQLite always; PostgreSQL too where `CALLWARDEN_TEST_POSTGRES` is the URL of a server on which databases may be made.
"""

import os
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from sqlalchemy import create_engine, text

from daemon.ledger.engine import Engines, make_engines
from daemon.ledger.migrate import prepare

SERVER = os.environ.get("CALLWARDEN_TEST_POSTGRES", "")
KINDS = ("sqlite", "postgresql") if SERVER else ("sqlite",)


@contextmanager
def database_url(kind: str, folder: Path) -> Iterator[str]:
    """The URL of a database that is there while the block lasts, and empty."""
    if kind == "sqlite":
        yield f"sqlite:///{folder}/ledger.db"
        return
    name = f"callwarden_{uuid.uuid4().hex[:12]}"
    server = create_engine(SERVER.replace("postgresql:", "postgresql+psycopg:"), isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    try:
        yield f"{SERVER.rpartition('/')[0]}/{name}"
    finally:
        with server.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
        server.dispose()


@contextmanager
def open_engines(url: str) -> Iterator[Engines]:
    """Engines for a database, with the tables in it."""
    engines = make_engines(url)
    try:
        if engines.file:
            Path(engines.file).write_bytes(_sqlite_with_tables())
        else:
            prepare(engines)
        yield engines
    finally:
        engines.dispose()


@cache
def _sqlite_with_tables() -> bytes:
    """A file as `prepare` makes it, made once: doing so takes a tenth of a second."""
    with tempfile.TemporaryDirectory() as folder:
        engines = make_engines(f"sqlite:///{folder}/ledger.db")
        prepare(engines)
        engines.dispose()
        return Path(folder, "ledger.db").read_bytes()
