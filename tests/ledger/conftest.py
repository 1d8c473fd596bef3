"""Databases for the ledger's tests: everything that both engines must do is done on both."""

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from daemon.ledger.engine import Engines, make_engines
from daemon.ledger.migrate import prepare
from daemon.ledger.schema import metadata
from tests.ledger.house import House
from tests.ledger.outage import outages
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
    engines = make_engines(ledger_url)
    prepare(engines)
    yield engines
    engines.dispose()


@pytest.fixture
def house(engines: Engines, tmp_path: Path) -> House:
    """A place for several ledgers that share one database with the tables in it, of each kind."""
    return House(engines, tmp_path)
