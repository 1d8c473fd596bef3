"""What the operator reads when the database fails: one line, with the fix. The errors are the drivers' own."""

import os
import resource
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import exc, text

from daemon.errors import LedgerUnavailable
from daemon.ledger.engine import Engines, make_engines
from daemon.ledger.failures import LedgerCorrupt, Unwritable, explained
from daemon.ledger.migrate import prepare
from tests.ledger.disk import small_disk
from tests.postgres import PASSWORD, Postgres


@contextmanager
def opened(url: str, password: str = "") -> Iterator[Engines]:
    engines = make_engines(url, password)
    try:
        yield engines
    finally:
        engines.dispose()


def said(engines: Engines, statement: str = "SELECT count(*) FROM calls") -> LedgerUnavailable:
    """What comes of a statement that must fail."""
    with pytest.raises(LedgerUnavailable) as caught, explained(engines.where), engines.durable.begin() as connection:
        connection.execute(text(statement))
    message = str(caught.value)
    assert message.startswith(f"{engines.where}: ")
    assert "\n" not in message
    return caught.value


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with opened(f"sqlite:///{tmp_path}/nowhere/ledger.db") as engines:
        assert "it can't be opened: make its folder exist, and it and its file system writable" in str(said(engines))


def test_no_tables(tmp_path: Path) -> None:
    with opened(f"sqlite:///{tmp_path}/ledger.db") as engines:
        assert "its tables are missing: run `callwarden ledger migrate`" in str(said(engines))


@pytest.mark.parametrize("damage", [b"no database " * 1000, b""])
def test_a_file_that_is_no_database(tmp_path: Path, damage: bytes) -> None:
    file = tmp_path / "ledger.db"
    with opened(f"sqlite:///{file}") as engines:
        prepare(engines)
        engines.dispose()
        file.write_bytes(damage or b"SQLite format 3\0" + b"\xff" * 8000)
        error = said(engines)
        assert isinstance(error, LedgerCorrupt)
        assert "the file is corrupt: move it away or restore a backup" in str(error)


def test_a_damaged_page(tmp_path: Path) -> None:
    file = tmp_path / "ledger.db"
    with opened(f"sqlite:///{file}") as engines:
        prepare(engines)
        engines.dispose()
        content = bytearray(file.read_bytes())
        content[4096:] = os.urandom(len(content) - 4096)
        file.write_bytes(content)
        assert isinstance(said(engines), LedgerCorrupt)


def test_a_full_disk(tmp_path: Path) -> None:
    with small_disk(tmp_path) as disk, opened(f"sqlite:///{disk}/ledger.db") as engines:
        prepare(engines)
        with disk.full():
            error = said(engines, "INSERT INTO writers SELECT hex(randomblob(200000)), 1, 1")
            assert "make room" in str(error)
            assert not isinstance(error, LedgerCorrupt)


def test_a_file_that_may_not_grow(tmp_path: Path) -> None:
    with opened(f"sqlite:///{tmp_path}/ledger.db") as engines:
        prepare(engines)
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))
        try:
            error = said(engines, "INSERT INTO writers SELECT hex(randomblob(500000)), 1, 1")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert "make room" in str(error)


def test_a_disk_that_can_not_be_written(tmp_path: Path) -> None:
    with small_disk(tmp_path) as disk, opened(f"sqlite:///{disk}/ledger.db") as engines:
        prepare(engines)
        engines.dispose()
        with disk.read_only():
            assert "it can't be opened: make its folder exist, and it and its file system writable" in str(
                said(engines)
            )


def test_a_file_that_may_not_be_written(tmp_path: Path) -> None:
    with opened(f"sqlite:///{tmp_path}/ledger.db") as engines:
        prepare(engines)
        reader = sqlite3.connect(f"file:{tmp_path}/ledger.db?mode=ro", uri=True)
        with closing(reader), pytest.raises(sqlite3.OperationalError) as driver:
            reader.execute("DELETE FROM calls")
        with pytest.raises(LedgerUnavailable, match="it can't be written: make the file"), explained(engines.where):
            raise exc.OperationalError("DELETE", {}, driver.value)


def test_what_is_wrong_with_a_value_is_no_outage(engines: Engines) -> None:
    row = "INSERT INTO writers VALUES ('a', NULL, 0)"
    with pytest.raises(Unwritable), explained(engines.where), engines.durable.begin() as connection:
        connection.execute(text(row))


def test_every_connection_is_busy() -> None:
    with pytest.raises(LedgerUnavailable, match="every connection is busy"), explained("sqlite:///x"):
        raise exc.TimeoutError("QueuePool limit")


def test_what_sqlite_says_and_nobody_knows() -> None:
    """It is shown as it is."""
    with pytest.raises(LedgerUnavailable) as caught, explained("sqlite:///x"):
        raise exc.OperationalError("SELECT", {}, sqlite3.OperationalError("something\nnew"))
    assert str(caught.value) == "sqlite:///x: something new"


def at_address(server: Postgres, database: str = "postgres", user: str = "callwarden") -> str:
    return server.url_of(database, host="127.0.0.1", user=user)


def test_postgresql_is_not_there(postgres: Postgres) -> None:
    with opened(f"postgresql://callwarden@127.0.0.1:{postgres.port + 1}/x") as engines:
        assert "it can't be reached: is it running, and does [ledger] url name it?" in str(said(engines))


@pytest.mark.parametrize("password", ["", "wrong", PASSWORD])
def test_the_password_of_postgresql(postgres: Postgres, password: str) -> None:
    with opened(at_address(postgres), password) as engines:
        error = said(engines)
        if password == PASSWORD:
            assert "its tables are missing" in str(error)
        else:
            assert "it refuses user or password: see [ledger] url and password" in str(error)
        assert PASSWORD not in str(error)
        assert "wrong" not in str(error)


def test_postgresql_does_not_know_the_database_or_the_user(postgres: Postgres) -> None:
    with opened(postgres.url_of("nowhere")) as engines:
        assert "there is no such database: make it, or correct [ledger] url" in str(said(engines))
    with opened(postgres.url_of("postgres", user="nobody_at_all")) as engines:
        assert "it refuses user or password" in str(said(engines))


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("SET LOCAL statement_timeout = 50; SELECT pg_sleep(5)", "it is too slow"),
        ("SET LOCAL transaction_read_only = on; DELETE FROM calls", "it is read-only: is this the standby?"),
        ("SELECT pg_terminate_backend(pg_backend_pid())", "it can't be reached"),
        ("SET LOCAL ROLE pg_monitor; DELETE FROM calls", "the user may not do that: make it the owner"),
        ("SELECT nonsense", "nonsense"),
    ],
)
def test_postgresql_will_not(database: Callable[..., str], statement: str, words: str) -> None:
    with opened(database()) as engines:
        error = said(engines, statement)
        assert words in str(error)
        assert len(str(error)) < 500
