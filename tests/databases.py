"""Databases for tests, as fixtures: everything that both engines must do is done on both."""

import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest
from sqlalchemy import text

from daemon.ledger.engine import Engines, make_engines
from daemon.ledger.migrate import newest, prepare
from daemon.ledger.schema import metadata
from tests.postgres import Postgres, open_postgres

_TEMPLATE = "with_tables"


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A server for the whole session, with a database that has the ledger's tables and nothing in them."""
    with open_postgres() as server:
        engines = make_engines(server.make_database(_TEMPLATE))
        prepare(engines)
        engines.dispose()
        yield server


@pytest.fixture(scope="session")
def spare() -> list[str]:
    """Databases with tables in them and nothing else, which no test uses now."""
    return []


@pytest.fixture
def database(postgres: Postgres, spare: list[str]) -> Iterator[Callable[..., str]]:
    """Makes PostgreSQL databases for one test: with the tables in them, or `empty`."""
    used: list[str] = []

    def make(*, empty: bool = False) -> str:
        name = f"test_{uuid.uuid4().hex[:12]}"
        if empty:
            return postgres.make_database(name)
        if not spare:
            postgres.make_database(name, like=_TEMPLATE)
        used.append(spare.pop() if spare else name)
        return postgres.url_of(used[-1])

    yield make
    if postgres.process is not None:
        for name in used:
            postgres.clear(name, [table.name for table in metadata.sorted_tables])
            spare.append(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database, of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/ledger.db"
    url: str = request.getfixturevalue("database")(empty=False)
    return url


@pytest.fixture
def engines(ledger_url: str) -> Iterator[Engines]:
    """A database with the ledger's tables, of each kind."""
    with open_engines(ledger_url) as engines:
        yield engines


@contextmanager
def open_engines(url: str) -> Iterator[Engines]:
    """A database with the ledger's tables."""
    engines = make_engines(url)
    try:
        if engines.file:
            Path(engines.file).write_bytes(_sqlite_with_tables())
        yield engines
    finally:
        engines.dispose()


@contextmanager
def at_version(engines: Engines, version: str) -> Iterator[None]:
    """As if the tables were those of another version while the block lasts; the database may be used again."""
    change = text("UPDATE alembic_version SET version_num = :version")
    with engines.durable.begin() as connection:
        connection.execute(change, {"version": version})
    try:
        yield
    finally:
        with engines.durable.begin() as connection:
            connection.execute(change, {"version": newest()})


@cache
def _sqlite_with_tables() -> bytes:
    """A file as `prepare` makes it, made once: doing so takes a tenth of a second."""
    with tempfile.TemporaryDirectory() as folder:
        engines = make_engines(f"sqlite:///{folder}/ledger.db")
        prepare(engines)
        engines.dispose()
        return Path(folder, "ledger.db").read_bytes()
