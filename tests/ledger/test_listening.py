"""Being woken by PostgreSQL."""

import signal
from collections.abc import Callable, Iterator
from functools import partial

import pytest
import trio

from daemon.ledger import orders
from daemon.ledger.engine import Engines, make_engines
from daemon.ledger.listening import listen
from daemon.ledger.migrate import prepare
from tests.ledger.house import House, until
from tests.ledger.test_epochs import begin
from tests.postgres import Postgres


@pytest.fixture
def engines(database: Callable[..., str]) -> Iterator[Engines]:
    engines = make_engines(database())
    prepare(engines)
    yield engines
    engines.dispose()


class Woken:
    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> None:
        self.times += 1

    def at_least(self, times: int) -> bool:
        return self.times >= times


async def test_an_order_wakes_at_once(house: House, nursery: trio.Nursery) -> None:
    woken = Woken()
    begin(house, "a")
    nursery.start_soon(listen, house.engines.lazy, woken)
    await until(lambda: woken.times == 1)  # something may have been missed
    for times in (2, 3, 4):
        house.run(lambda connection: orders.ask(connection, "pause", "node", "", "ada"))
        await until(partial(woken.at_least, times), 1.0)
    assert woken.times == 4
    nursery.cancel_scope.cancel()


async def test_a_connection_that_breaks_is_made_again(
    house: House, postgres: Postgres, nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daemon.ledger.listening._PAUSE", 0.05)
    woken = Woken()
    begin(house, "a")
    nursery.start_soon(listen, house.engines.lazy, woken)
    await until(lambda: woken.times == 1)
    postgres.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'")
    await until(lambda: woken.times == 2)
    house.run(lambda connection: orders.ask(connection, "pause", "node", "", "ada"))
    await until(lambda: woken.times == 3)
    nursery.cancel_scope.cancel()


async def test_a_server_that_is_away_is_waited_for(
    house: House, postgres: Postgres, nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daemon.ledger.listening._PAUSE", 0.05)
    woken = Woken()
    house.engines.dispose()
    postgres.stop(signal.SIGQUIT)
    try:
        nursery.start_soon(listen, house.engines.lazy, woken)
        await trio.sleep(0.2)
        assert woken.times == 0
    finally:
        postgres.start()
    await until(lambda: woken.times == 1)
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize("after", [0.0, 0.005, 0.01, 0.02])
async def test_giving_up_while_it_connects_leaves_nothing_open(house: House, after: float) -> None:
    """pytest fails the test, or the next one, for a connection that was left to itself."""
    with trio.move_on_after(after):
        await listen(house.engines.lazy, Woken())
