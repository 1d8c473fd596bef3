"""Orders through the ledger, with a daemon's part played by a thread that takes them."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import msgspec
import pytest
import trio

from daemon.config import Ledger as LedgerTable
from daemon.core.incoming import IncomingCall
from daemon.ledger import epochs, orders
from daemon.ledger.open import open_ledger
from daemon.ledger.orders import DONE, Order
from daemon.ledger.schema import orders as table
from daemon.observe.clock import system_clock
from daemon.observe.feed import Feed
from tests.cli.ledgers import Desk
from tests.configured import configuration
from tests.ledger.filled import EPOCH


@contextmanager
def daemon(desk: Desk, result: str | None = DONE) -> Iterator[list[Order]]:
    """Take orders while the block lasts, and report this of each; gives what was taken."""
    taken: list[Order] = []
    over = threading.Event()

    def serve() -> None:
        while not over.wait(0.02):
            for order in desk.ledger.run(partial(orders.take, epoch=EPOCH)):
                taken.append(order)
                if result is not None:
                    desk.ledger.run(partial(orders.report, order_id=order.id, result=result))

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield taken
    finally:
        over.set()
        thread.join()


def test_hang_up(desk: Desk) -> None:
    desk.ledger.claim("call-1")
    with daemon(desk) as taken:
        assert desk.lines("hangup", "call", "--reason", "spam") == ["call-1: done"]
    (order,) = taken
    assert (order.verb, order.call_id, order.argument) == ("hang_up", "call-1", "spam")
    assert "@" in order.asked_by


def test_transfer(desk: Desk) -> None:
    desk.ledger.claim("call-1")
    with daemon(desk) as taken:
        (printed,) = desk.json("transfer", "call-1", "front_desk")
    assert printed == {"order": taken[0].id, "done": True, "result": "done"}
    assert (taken[0].verb, taken[0].argument) == ("transfer", "front_desk")


@pytest.mark.parametrize("verb", ["pause", "resume"])
def test_pause_and_resume(desk: Desk, verb: str) -> None:
    with daemon(desk) as taken:
        assert desk.lines(verb) == ["alpha: done"]
        assert desk.lines(verb, "--node", "alpha") == ["alpha: done"]
    assert [(order.verb, order.call_id) for order in taken] == [(verb, None)] * 2


def test_an_order_that_was_not_carried_out(desk: Desk) -> None:
    desk.ledger.claim("call-1")
    with daemon(desk, "the call can't be\x1b transferred now"):
        line = desk.refused(1, "transfer", "call-1", "front_desk")
    assert line == r"callwarden: call-1: the call can't be\x1b transferred now"


def test_nobody_takes_it_and_it_is_taken_back(desk: Desk) -> None:
    desk.ledger.claim("call-1")
    result = desk.run("hangup", "call-1", "--wait", "200ms", "--json")
    assert result.exit_code == 3
    assert json.loads(result.stdout)["done"] is False
    assert "no daemon took the order in time" in result.stderr
    assert desk.ledger.run(partial(orders.take, epoch=EPOCH)) == []
    row = desk.ledger.run(lambda c: c.execute(table.select()).one())
    assert row.result == "withdrawn"


def test_it_is_taken_and_takes_long(desk: Desk) -> None:
    desk.ledger.claim("call-1")
    with daemon(desk, None):
        assert "no result yet" in desk.refused(1, "hangup", "call-1", "--wait", "300ms")


def test_the_node_dies_with_it(desk: Desk) -> None:
    desk.ledger.run(lambda c: epochs.end(c, EPOCH))
    desk.ledger.claim("call-1")
    assert "the node is gone" in desk.refused(3, "hangup", "call-1", "--wait", "5s")


def test_no_such_call_or_node_or_destination(desk: Desk) -> None:
    desk.ledger.claim("call-1")
    desk.ledger.claim("over")
    desk.ledger.end("over")
    assert desk.refused(1, "hangup", "dog") == "callwarden: there is no live call 'dog'"
    assert desk.refused(1, "hangup", "over") == "callwarden: there is no live call 'over'"
    assert "there is: front_desk" in desk.refused(2, "transfer", "call-1", "backdoor")
    assert desk.refused(3, "pause", "--node", "beta") == "callwarden: no node 'beta' is running; there is: alpha"
    desk.ledger.claim("call-2")
    assert "may be any of" in desk.refused(2, "hangup", "call")


async def test_with_a_ledger_that_lives(desk: Desk, ledger_url: str, tmp_path: Path) -> None:
    node = LedgerTable(url=ledger_url, directory=str(tmp_path / "state"), node="beta", lease=2.0)
    config = msgspec.structs.replace(configuration(), ledger=node)
    async with open_ledger(config, Feed(system_clock).watch) as opened, trio.open_nursery() as nursery:
        call = IncomingCall(
            call_id="call-1", webhook_id="msg-1", called=None, caller=None, created_at=None, received_at=0.0
        )
        assert await opened.ledger.claim(call, "support")

        async def carry_out() -> None:
            async for news in opened.keeper.news:
                assert isinstance(news, Order)
                await opened.keeper.report(news.id, DONE)

        nursery.start_soon(carry_out, name="calls")
        for command in (["hangup", "call-1"], ["pause", "--node", "beta"]):
            if opened.database.engines.file:
                opened.keeper.wake()  # or it would be found within a heartbeat
            result = await trio.to_thread.run_sync(partial(desk.run, *command))
            assert (result.exit_code, result.stdout.endswith(": done\n")) == (0, True)
        nodes = await trio.to_thread.run_sync(partial(desk.json, "ledger", "nodes"))
        assert {node["node"]: node["calls"] for node in nodes}["beta"] == 1
        nursery.cancel_scope.cancel(reason="seen enough")
