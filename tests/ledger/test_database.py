"""Transactions in threads: on both engines, and on a database that is dead, frozen or locked."""

import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
import trio
import trio.testing
from sqlalchemy import Connection, text

from daemon.errors import LedgerUnavailable
from daemon.ledger.database import Database
from daemon.ledger.engine import CONNECTIONS, Engines, make_engines
from daemon.ledger.failures import Unwritable
from daemon.ledger.health import Health
from daemon.ledger.migrate import prepare
from tests.ledger.house import until
from tests.postgres import Postgres


def add(connection: Connection, name: str = "a") -> None:
    row = "INSERT INTO writers (writer, written, at) VALUES (:name, 0, 0)"
    connection.execute(text(row), {"name": name})


def names(connection: Connection) -> list[str]:
    return list(connection.execute(text("SELECT writer FROM writers ORDER BY writer")).scalars())


def slow(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
        connection.execute(text(endless))
    else:
        connection.execute(text("SELECT pg_sleep(60)"))


async def test_what_returns_is_committed_and_what_raises_is_not(engines: Engines) -> None:
    database = Database(engines)
    await database.write(add)
    await database.write(lambda connection: add(connection, "b"), lazy=True)

    def fail(connection: Connection) -> None:
        add(connection, "c")
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        await database.write(fail)
    assert await database.read(names) == ["a", "b"]


async def test_a_value_it_does_not_take_is_no_outage(engines: Engines) -> None:
    database = Database(engines)
    await database.write(add)
    with pytest.raises(Unwritable):
        await database.write(add)
    assert database.health.up


async def test_nobody_waits_longer_than_they_want(engines: Engines) -> None:
    """And the thread ends, too: its connection is cut."""
    database = Database(engines)
    for run in (database.write, database.read):
        began = trio.current_time()
        with pytest.raises(LedgerUnavailable, match=r"no answer within 0\.1 s"):
            await run(slow, limit=0.1)
        assert trio.current_time() - began < 1.0
        assert not database.health.up
        await until(lambda: database._limiter.borrowed_tokens == 0, 1.0)
        database.health.recover()
    await database.write(add)
    assert await database.read(names) == ["a"]


async def test_what_is_cancelled_ends_when_its_time_is_up(engines: Engines) -> None:
    database = Database(engines)
    with trio.move_on_after(0.05):
        await database.write(slow, limit=0.3)
    assert database._limiter.borrowed_tokens == 1
    assert database.health.up  # whoever gave up says nothing about the database
    await trio.sleep(0.3)
    assert await database.read(names) == []  # which looks after the others
    await until(lambda: database._limiter.borrowed_tokens == 0, 1.0)


async def test_a_failure_is_known_to_everybody(engines: Engines) -> None:
    health = Health()
    database = Database(engines, health)
    with pytest.raises(LedgerUnavailable, match="its tables are missing: run `callwarden ledger migrate`"):
        await database.read(lambda connection: connection.execute(text("SELECT 1 FROM nowhere")))
    assert "tables are missing" in health.why


async def test_connections_that_died_in_the_pool_cost_nobody_anything(
    postgres: Postgres, database: Callable[..., str]
) -> None:
    engines = make_engines(database())
    mine = Database(engines)
    async with trio.open_nursery() as nursery:
        for number in range(CONNECTIONS):
            nursery.start_soon(mine.write, lambda connection, number=number: add(connection, f"before {number}"))
    postgres.stop(signal.SIGQUIT)
    postgres.start()
    async with trio.open_nursery() as nursery:
        for number in range(CONNECTIONS):
            nursery.start_soon(mine.write, lambda connection, number=number: add(connection, f"after {number}"))
    assert len(await mine.read(names)) == 2 * CONNECTIONS
    assert mine.health.up
    engines.dispose()


@pytest.fixture
def frozen(postgres: Postgres) -> Iterator[Callable[[], None]]:
    """Freezes the server, as a machine that is out of memory does."""
    yield lambda: postgres.send(signal.SIGSTOP)
    postgres.send(signal.SIGCONT)


async def test_a_frozen_server_keeps_no_thread(
    postgres: Postgres, database: Callable[..., str], frozen: Callable[[], None]
) -> None:
    engines = make_engines(database())
    mine = Database(engines)
    await mine.write(add)
    frozen()
    for _ in range(3 * CONNECTIONS):
        with pytest.raises(LedgerUnavailable):
            await mine.write(names, limit=0.02)
    postgres.send(signal.SIGCONT)
    await mine.reset()
    assert await mine.write(names, limit=30) == ["a"]
    engines.dispose()


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Engines]:
    engines = make_engines(f"sqlite:///{tmp_path}/ledger.db")
    prepare(engines)
    yield engines
    engines.dispose()


async def test_locked_by_another_program(file: Engines) -> None:
    mine = Database(file)
    await mine.write(add)
    with closing(sqlite3.connect(file.file or "", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        began = time.monotonic()
        with pytest.raises(LedgerUnavailable, match="another program holds it locked: find it with `fuser`"):
            await mine.write(names)
        assert 1.5 < time.monotonic() - began < 4
        other.execute("ROLLBACK")
    assert await mine.write(names) == ["a"]


async def test_locked_for_a_moment(file: Engines) -> None:
    mine = Database(file)
    with closing(sqlite3.connect(file.file or "", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(mine.write, add)
            await trio.sleep(0.2)
            assert await mine.read(names) == []  # readers wait for nobody
            other.execute("ROLLBACK")
    assert await mine.read(names) == ["a"]


async def test_claims_do_not_wait_behind_a_row_of_groups(file: Engines) -> None:
    mine = Database(file)
    order: list[str] = []

    async def write(name: str, *, lazy: bool) -> None:
        await mine.write(lambda connection: add(connection, name), lazy=lazy)
        order.append(name)

    assert mine._turns is not None
    async with trio.open_nursery() as nursery, mine._turns.turn(last=False):
        for number in range(5):
            nursery.start_soon(partial(write, f"group {number}", lazy=True))
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(partial(write, "claim", lazy=False))
        await trio.testing.wait_all_tasks_blocked()
    assert order[0] == "claim"


async def test_a_file_that_was_replaced_is_not_written_into(file: Engines, tmp_path: Path) -> None:
    mine = Database(file)
    await mine.write(add)
    ledger = tmp_path / "ledger.db"
    ledger.rename(tmp_path / "elsewhere.db")
    with pytest.raises(LedgerUnavailable, match="the file was replaced while it was open"):
        await mine.write(lambda connection: add(connection, "lost"))
    await mine.reset()
    prepare(file)
    await mine.write(lambda connection: add(connection, "b"))
    assert await mine.read(names) == ["b"]


async def test_a_reset_waits_until_nobody_has_the_old_file(file: Engines) -> None:
    mine = Database(file)
    done: list[str] = []

    def write(connection: Connection) -> None:
        add(connection)
        time.sleep(0.2)
        done.append("written")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(mine.write, write)
        await trio.sleep(0.05)
        await mine.reset()
        assert done == ["written"]
