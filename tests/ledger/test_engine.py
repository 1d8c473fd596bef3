"""How the databases are opened."""

import os
import sqlite3
import stat
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text

from daemon.errors import StartError
from daemon.ledger import engine
from daemon.ledger.engine import connect_arguments, file_id, make_engines, reading, replaced
from tests.ledger.house import House


def pragma(engines: engine.Engines, name: str, *, lazy: bool = False) -> object:
    with (engines.lazy if lazy else engines.durable).connect() as connection:
        return connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()


def test_what_is_answered_is_synced_and_what_is_told_is_not(tmp_path: Path) -> None:
    engines = make_engines(f"sqlite:///{tmp_path}/ledger.db")
    assert pragma(engines, "journal_mode") == "wal"
    assert pragma(engines, "journal_mode", lazy=True) == "wal"
    assert pragma(engines, "synchronous") == 2
    assert pragma(engines, "synchronous", lazy=True) == 1
    assert pragma(engines, "busy_timeout") == 2000
    engines.dispose()


def test_nobody_else_may_read_it(tmp_path: Path) -> None:
    mask = os.umask(0)
    try:
        engines = make_engines(f"sqlite:///{tmp_path}/ledger.db")
        with engines.durable.begin() as connection:
            connection.execute(text("CREATE TABLE a (b)"))
            modes = {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}
        assert modes == {0o600}
        engines.dispose()
    finally:
        os.umask(mask)


def test_our_locks_outlive_every_new_connection(tmp_path: Path) -> None:
    """Opening and closing the file past SQLite would drop its locks: another program could then delete our WAL."""
    engines = make_engines(f"sqlite:///{tmp_path}/ledger.db")
    with engines.durable.begin() as connection:
        connection.execute(text("CREATE TABLE a (b)"))
        held = locks(tmp_path / "ledger.db")
        for handler in engines.durable.dialect.dispatch.do_connect:
            handler(engines.durable.dialect, None, [str(tmp_path / "ledger.db")], {})
        assert locks(tmp_path / "ledger.db") == held != []
    engines.dispose()


def locks(file: Path) -> list[str]:
    """Locks that somebody has on a file."""
    held = [line.split() for line in Path("/proc/locks").read_text().splitlines()]
    return [" ".join(parts[1:]) for parts in held if parts[5].endswith(f":{file.stat().st_ino}")]


def test_a_file_that_was_replaced_is_known(tmp_path: Path) -> None:
    file = tmp_path / "ledger.db"
    engines = make_engines(f"sqlite:///{file}")
    with engines.durable.connect() as connection:
        assert not replaced(connection)
        file.rename(tmp_path / "moved")
        assert replaced(connection)
        assert file_id(str(file)) is None
        file.write_bytes(b"")
        assert replaced(connection)
    engines.dispose()


def test_readers_keep_nobody_waiting(house: House) -> None:
    with house.engines.lazy.connect() as reader, reading(reader).begin():
        reader.execute(text("SELECT count(*) FROM writers"))
        with house.engines.durable.begin() as writer:
            writer.execute(text("INSERT INTO writers VALUES ('a', 1, 1)"))
    assert house.rows(text("SELECT writer FROM writers"))[0]["writer"] == "a"


def test_many_processes_worth_of_first_connections(tmp_path: Path) -> None:
    """Turning the write-ahead log on is the one thing that SQLite does not wait for by itself."""
    failed: list[BaseException] = []
    gate = threading.Barrier(8)

    def start() -> None:
        engines = make_engines(f"sqlite:///{tmp_path}/ledger.db")
        gate.wait(10)
        try:
            with engines.durable.begin() as connection:
                connection.execute(text("CREATE TABLE IF NOT EXISTS a (b)"))
        except Exception as error:
            failed.append(error)
        finally:
            engines.dispose()

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert failed == []


def test_an_old_sqlite_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 34, 1))
    with pytest.raises(StartError, match=r"\[ledger\] url: SQLite 3.35.0 or newer is needed"):
        make_engines("sqlite:///x")


def test_the_password_is_in_no_message() -> None:
    engines = make_engines("postgresql://ada@db.example.net/calls", "swordfish")
    assert engines.where == "postgresql://ada@db.example.net/calls"
    assert "swordfish" not in repr(engines)
    assert engines.file is None
    assert connect_arguments(engines.durable)["password"] == "swordfish"


def test_what_the_url_says_counts() -> None:
    engines = make_engines("postgresql://ada@db.example.net/calls?options=-c%20x%3D1&connect_timeout=9")
    arguments = connect_arguments(engines.lazy)
    assert (arguments["options"], arguments["connect_timeout"]) == ("-c x=1", "9")
    assert arguments["application_name"] == "callwarden"


def test_postgresql_is_asked_as_carefully(database: Callable[..., str]) -> None:
    engines = make_engines(database())
    for each, synced in ((engines.durable, "on"), (engines.lazy, "off")):
        with each.connect() as connection:
            settings = ("synchronous_commit", "transaction_isolation", "statement_timeout", "lock_timeout")
            shown = [connection.execute(text(f"SHOW {name}")).scalar_one() for name in settings]
            assert shown == [synced, "read committed", "4s", "3s"]
    engines.dispose()


def test_an_operators_own_program_may_look_into_it(house: House, tmp_path: Path) -> None:
    if house.engines.file is None:
        pytest.skip("SQLite's file only")
    with closing(sqlite3.connect(f"file:{house.engines.file}?mode=ro", uri=True)) as other:
        assert other.execute("SELECT count(*) FROM calls").fetchone() == (0,)
