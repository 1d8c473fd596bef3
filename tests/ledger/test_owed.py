"""How many deliveries are owed, by the table itself."""

import time
from functools import partial
from pathlib import Path

import pytest
import trio
from sqlalchemy import Connection, update

from daemon.errors import LedgerUnavailable
from daemon.ledger.database import Database
from daemon.ledger.engine import make_engines
from daemon.ledger.health import Health
from daemon.ledger.migrate import prepare
from daemon.ledger.outbox import Endpoint, put
from daemon.ledger.owed import DeliveriesOwed, owed
from daemon.ledger.schema import DbNow, deliveries
from tests.live import eventually

ENDPOINTS = tuple(Endpoint(url=f"https://{name}.test", events=("call.ended",)) for name in ("one", "two"))


@pytest.fixture
def database(tmp_path: Path) -> Database:
    engines = make_engines(f"sqlite:///{tmp_path}/ledger.db")
    prepare(engines)
    return Database(engines)


def old(connection: Connection) -> None:
    connection.execute(update(deliveries).values(made_at=DbNow() - 90.0))


def delivered(connection: Connection) -> None:
    connection.execute(update(deliveries).where(deliveries.c.url == "https://one.test").values(due_at=None))


async def test_what_is_owed(database: Database) -> None:
    assert await database.read(owed) == (0, 0.0)
    await database.write(partial(put, endpoints=ENDPOINTS, event="call.ended", call_id="c"))
    await database.write(old)
    number, age = await database.read(owed)
    assert number == 2
    assert 89 < age < 92
    await database.write(delivered)
    assert (await database.read(owed))[0] == 1
    database.engines.dispose()


async def test_looking_now_and_then(database: Database, nursery: trio.Nursery) -> None:
    told: list[tuple[str, bool]] = []
    database.timed = lambda kind, seconds, worked: told.append((kind, worked))
    health = Health()
    look = DeliveriesOwed(database, health)
    nursery.start_soon(look.look)
    await eventually(lambda: look.latest)
    assert look.latest == (0, 0.0)
    assert told == [("read", True)]
    nursery.cancel_scope.cancel()


async def test_a_ledger_that_is_down_is_not_asked(database: Database, nursery: trio.Nursery) -> None:
    health = Health()
    health.fail(LedgerUnavailable("x"))
    look = DeliveriesOwed(database, health)
    nursery.start_soon(look.look)
    await trio.sleep(0.05)
    assert look.latest is None
    nursery.cancel_scope.cancel()


async def test_failed_transactions_are_told(database: Database) -> None:
    told: list[tuple[str, bool]] = []
    database.timed = lambda kind, seconds, worked: told.append((kind, worked))

    with pytest.raises(LedgerUnavailable, match="no answer within"):
        await database.write(lambda _: time.sleep(0.2), lazy=True, limit=0.01)
    assert told == [("lazy", False)]
