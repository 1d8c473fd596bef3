"""Bringing the tables up to date, on both engines: by one of many, and never for a version that others still need."""

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

from daemon.errors import ConfigError, LedgerUnavailable, StartError
from daemon.ledger import migrate as migrate_module
from daemon.ledger.engine import Engines, make_engines
from daemon.ledger.migrate import migrate, newest, prepare, revisions
from daemon.ledger.schema import metadata
from tests.ledger.house import House
from tests.postgres import Postgres


@contextmanager
def opened(url: str) -> Iterator[Engines]:
    engines = make_engines(url)
    try:
        yield engines
    finally:
        engines.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database with nothing in it."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/ledger.db"
    url: str = request.getfixturevalue("database")(empty=True)
    return url


def tables(engines: Engines) -> set[str]:
    with engines.durable.connect() as connection:
        return set(inspect(connection).get_table_names())


def test_an_empty_database_is_filled(empty: str) -> None:
    with opened(empty) as engines:
        prepare(engines)
        assert {*metadata.tables} <= tables(engines)
        prepare(engines)
        assert migrate(engines) == (newest(), newest())


def test_revisions_are_as_their_files_are_named() -> None:
    scripts = ScriptDirectory(str(Path(migrate_module.__file__).parent / "migrations")).walk_revisions()
    assert revisions() == tuple(script.revision for script in scripts)


def test_tables_that_are_there_are_looked_at_without_alembic(empty: str) -> None:
    """Which takes a tenth of a start to import."""
    with opened(empty) as engines:
        prepare(engines)
    look = (
        "import sys; from daemon.ledger.engine import make_engines; from daemon.ledger.migrate import prepare; "
        f"engines = make_engines({empty!r}); prepare(engines); engines.dispose(); sys.exit('alembic' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", look], check=True)


def test_by_command(empty: str) -> None:
    with opened(empty) as engines:
        assert migrate(engines) == (None, newest())
        assert {*metadata.tables} <= tables(engines)


def test_many_nodes_start_at_once(empty: str) -> None:
    failed: list[BaseException] = []
    gate = threading.Barrier(6)

    def start() -> None:
        with opened(empty) as engines:
            gate.wait(10)
            try:
                prepare(engines)
            except Exception as error:
                failed.append(error)

    nodes = [threading.Thread(target=start) for _ in range(6)]
    for node in nodes:
        node.start()
    for node in nodes:
        node.join(60)
    assert failed == []
    with opened(empty) as engines:
        assert {*metadata.tables} <= tables(engines)


def set_revision(house: House, revision: str) -> None:
    house.run(lambda connection: connection.execute(text(f"UPDATE alembic_version SET version_num = '{revision}'")))


@pytest.fixture
def revision(house: House) -> Iterator[Callable[[str], None]]:
    """Pretends that the tables are of another version."""
    yield lambda name: set_revision(house, name)
    set_revision(house, newest())


def test_a_newer_version_is_refused_by_name(house: House, revision: Callable[[str], None]) -> None:
    revision("9999")
    for run in (prepare, migrate):
        with pytest.raises(ConfigError) as caught:
            run(house.engines)
        assert str(caught.value).startswith(f"[ledger] url: {house.engines.where} was made by a newer version")
        assert "install that version again, or restore a backup" in str(caught.value)


def test_an_older_version_is_brought_up_to_date_only_where_nobody_else_needs_it(
    house: House, revision: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    # As if a migration had followed the one there is.
    monkeypatch.setattr("daemon.ledger.migrate.revisions", lambda: ("0002", "0001"))
    if house.engines.file:
        prepare(house.engines)  # goes as far as there are migrations
        return
    with pytest.raises(StartError) as caught:
        prepare(house.engines)
    assert str(caught.value) == (
        f"[ledger] url: {house.engines.where} has the tables of an older version; "
        "run `callwarden ledger migrate` once every node has the new version"
    )
    assert migrate(house.engines) == ("0001", "0002")


def test_a_migration_that_fails_leaves_nothing_half_done(empty: str) -> None:
    with opened(empty) as engines:
        with engines.durable.begin() as connection:
            connection.execute(text("CREATE TABLE orders (in_the_way INTEGER)"))
        with pytest.raises(LedgerUnavailable, match="orders"):
            prepare(engines)
        assert tables(engines) == {"orders"}
        with engines.durable.begin() as connection:
            connection.execute(text("DROP TABLE orders"))
        prepare(engines)


def test_a_database_that_can_not_hold_every_character(postgres: Postgres) -> None:
    postgres.execute("CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0")
    with opened(postgres.url_of("latin")) as engines:
        with pytest.raises(
            StartError, match="can't hold every character, as it is LATIN1; make a database with ENCODING"
        ):
            prepare(engines)
        assert tables(engines) == set()


def test_a_user_without_the_right_to_make_tables(database: Callable[..., str], postgres: Postgres) -> None:
    url = database(empty=True)
    postgres.execute("DO $$ BEGIN CREATE ROLE guest LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$")
    refused = pytest.raises(LedgerUnavailable, match="the user may not do that: make it the owner of the database")
    with opened(url.replace("//callwarden@", "//guest@")) as engines, refused:
        prepare(engines)
