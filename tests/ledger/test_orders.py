"""Orders to other nodes, as statements on both engines."""

import time

import pytest

from daemon.ledger import epochs, orders
from daemon.ledger.orders import GONE, Order
from daemon.ledger.schema import orders as table
from tests.ledger.house import House
from tests.ledger.test_epochs import begin, claim, relieve


def ask(house: House, verb: orders.Verb, target: str, argument: str = "") -> str:
    order_id = house.run(lambda connection: orders.ask(connection, verb, target, argument, "ada@elsewhere"))
    assert order_id is not None
    return order_id


def take(house: House, epoch: str) -> list[Order]:
    return house.run(lambda connection: orders.take(connection, epoch))


def result(house: House, order_id: str) -> str | None:
    return house.run(lambda connection: orders.result(connection, order_id))


def test_an_order_goes_to_whoever_has_the_call(house: House) -> None:
    begin(house, "a", "b")
    claim(house, "a", "call-1")
    order_id = ask(house, "transfer", "call-1", "front_desk")
    assert take(house, "b") == []
    assert take(house, "a") == [
        Order(id=order_id, verb="transfer", call_id="call-1", argument="front_desk", asked_by="ada@elsewhere")
    ]
    assert result(house, order_id) is None
    house.run(lambda connection: orders.report(connection, order_id, "transfer begun"))
    house.run(lambda connection: orders.report(connection, order_id, "something else"))
    assert result(house, order_id) == "transfer begun"
    assert take(house, "a") == []


def test_until_it_is_done_it_is_given_out_again(house: House) -> None:
    """The answer may have been lost; whoever asks knows what they have had."""
    begin(house, "a")
    claim(house, "a", "call-1")
    first, second = ask(house, "hang_up", "call-1"), ask(house, "pause", "node")
    for _ in range(2):
        assert {order.id for order in take(house, "a")} == {first, second}


def test_an_order_follows_its_call(house: House) -> None:
    begin(house, "a", "b")
    claim(house, "a", "call-1")
    order_id = ask(house, "hang_up", "call-1")
    relieve(house, "a")
    house.run(lambda connection: epochs.adopt(connection, "b"))
    assert [order.id for order in take(house, "b")] == [order_id]
    assert result(house, order_id) is None


def test_an_order_that_died_with_its_node(house: House) -> None:
    begin(house, "a", "b")
    order_id = ask(house, "pause", "node")
    (taker,) = [epoch for epoch in ("a", "b") if take(house, epoch)]
    assert result(house, order_id) is None
    relieve(house, taker)
    assert result(house, order_id) == GONE


def test_nodes_are_known_by_name_and_the_newest_one_is_meant(house: House) -> None:
    begin(house, "a")
    time.sleep(0.005)  # SQLite's clock has milliseconds
    begin(house, "b")
    assert ask(house, "resume", "node")
    assert take(house, "b")
    assert house.run(lambda connection: orders.ask(connection, "pause", "another", "", "ada")) is None
    assert house.run(lambda connection: orders.ask(connection, "hang_up", "no such call", "", "ada")) is None


def test_odd_arguments_are_taken(house: House) -> None:
    begin(house, "a")
    claim(house, "a", "call-1")
    order_id = ask(house, "hang_up", "call-1", "nul \0 half \ud800 " + "long " * 10_000)
    (order,) = take(house, "a")
    assert order.argument.startswith("nul \ufffd half ? long")
    house.run(lambda connection: orders.report(connection, order_id, "nul \0"))
    assert house.one(table)["result"] == "nul \ufffd"


@pytest.mark.parametrize("order_id", ["", "unknown"])
def test_an_order_that_nobody_knows(house: House, order_id: str) -> None:
    assert result(house, order_id) == GONE
