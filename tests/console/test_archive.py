"""Questions to the ledger: few at a time, bounded, and without a say in how it is."""

from pathlib import Path

import pytest
import trio
from sqlalchemy import Connection, text

from daemon.console import archive
from daemon.console.archive import AT_ONCE, Archive
from daemon.errors import LedgerUnavailable
from daemon.ledger.database import Database
from daemon.ledger.engine import make_engines


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(make_engines(f"sqlite:///{tmp_path}/ledger.db"))


def one(connection: Connection) -> int:
    return int(connection.execute(text("SELECT 1")).scalar_one())


def for_ever(connection: Connection) -> int:
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    return int(connection.execute(text(endless)).scalar_one())


async def test_a_question_that_takes_too_long_is_cut_and_says_nothing_of_the_ledger(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "LIMIT", 0.05)
    asked = Archive(database)
    with pytest.raises(LedgerUnavailable, match="no answer within"):
        await asked.read(for_ever)
    assert database.health.up
    assert await asked.read(one) == 1
    database.close()


async def test_few_at_a_time(database: Database) -> None:
    asked = Archive(database)
    running = most = 0

    def count(_connection: Connection) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        trio.from_thread.run(trio.sleep, 0.01)
        running -= 1

    async with trio.open_nursery() as nursery:
        for _ in range(3 * AT_ONCE):
            nursery.start_soon(asked.read, count)
    assert most <= AT_ONCE
    database.close()


async def test_too_many_are_sent_away(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "WAITING", 1)
    asked = Archive(database)
    told = []

    async def ask() -> None:
        try:
            await asked.read(lambda _: trio.from_thread.run(trio.sleep, 0.05))
        except LedgerUnavailable as error:
            told.append(str(error))

    async with trio.open_nursery() as nursery:
        for _ in range(AT_ONCE + 3):
            nursery.start_soon(ask)
    assert told == ["too many questions at once: try again in a moment"] * 2
    database.close()


async def test_a_ledger_that_is_down_is_not_asked(database: Database) -> None:
    database.health.fail(LedgerUnavailable("the disk is full"))
    with pytest.raises(LedgerUnavailable, match="the disk is full"):
        await Archive(database).read(one)
    database.close()
