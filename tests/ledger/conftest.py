"""Databases for the ledger's tests: everything that both engines must do is done on both."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from daemon.ledger.engine import Engines, make_engines
from daemon.ledger.migrate import prepare
from tests.ledger.house import House
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


@pytest.fixture
def database(postgres: Postgres, request: pytest.FixtureRequest) -> Iterator[Callable[..., str]]:
    """Makes PostgreSQL databases for one test: with the tables in them, or `empty`."""
    made: list[str] = []

    def make(*, empty: bool = False) -> str:
        made.append(f"test_{len(made)}")
        return postgres.make_database(made[-1], like="template0" if empty else _TEMPLATE)

    yield make
    if postgres.process is not None:
        for name in made:
            postgres.drop_database(name)


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
