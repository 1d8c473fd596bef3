"""Sending: when, how often, to whom, and what of it survives. In virtual time but for the last part."""

import random
import sqlite3
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import trio
from svix.webhooks import Webhook as SvixWebhook
from trio.testing import MockClock

from daemon.config import Config, Delivery, Secret
from daemon.config import Ledger as LedgerTable
from daemon.core import journal
from daemon.core.incoming import IncomingCall
from daemon.core.receipts import Receipt
from daemon.deliveries import flush, run, sender
from daemon.deliveries.schedule import PAUSES
from daemon.deliveries.sender import PLACES
from daemon.errors import LedgerUnavailable
from daemon.ledger import journal as journal_writer
from daemon.ledger import outbox
from daemon.ledger.database import Database
from daemon.ledger.engine import Engines
from daemon.ledger.open import open_ledger
from daemon.ledger.schema import calls
from daemon.ledger.sending import NOT_CONFIGURED, SEND_LEASE
from daemon.observe.clock import system_clock
from daemon.observe.feed import Feed
from tests.configured import configuration
from tests.conftest import Logged
from tests.databases import open_engines
from tests.deliveries.receivers import OTHER_SECRET, SECRET, Endpoint, Got
from tests.deliveries.world import ONE, TWO, World
from tests.ledger.filled import Ledger
from tests.platforms.fakes import loopback


@pytest.fixture
def world(tmp_path: Path, autojump_clock: MockClock) -> Iterator[World]:
    """One endpoint."""
    with open_engines(f"sqlite:///{tmp_path}/ledger.db") as engines:
        yield World(engines, autojump_clock, ONE)


@pytest.fixture
def two(tmp_path: Path, autojump_clock: MockClock) -> Iterator[World]:
    """Two endpoints."""
    with open_engines(f"sqlite:///{tmp_path}/ledger.db") as engines:
        yield World(engines, autojump_clock, ONE, TWO)


def said(logged: Logged, name: str) -> list[dict[str, Any]]:
    return [line for line in logged() if line["event"] == name]


async def test_a_call_that_ended_is_told(world: World, autojump_clock: MockClock, logged: Logged) -> None:
    world.calls_end(1)
    await world.send(3)
    (got,) = world.receiver.got
    assert got.url == ONE
    assert got.json["type"] == "call.ended"
    assert got.json["data"]["call_id"] == "call-1"
    assert got.is_signed_with(SECRET)
    assert 1 <= got.at <= 2.1  # what happened last in the call is in the ledger by then
    row = world.ledger.delivery()
    assert (row["due_at"], row["attempts"]) == (None, 1)
    (line,) = said(logged, "delivered")
    assert (line["host"], line["call_id"], line["delivery"]) == ("one.test", "call-1", got.id)
    assert "/calls" not in str(logged())


async def test_the_whole_schedule(
    world: World, autojump_clock: MockClock, logged: Logged, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.receiver.answer("one.test", 500)
    world.calls_end(1)
    await world.send(15)
    # Looked for less often from here on, for the sake of this test.
    monkeypatch.setattr(sender, "_POLL", 240.0)
    await world.send(4 * 86_400)
    times = [got.at for got in world.receiver.got]
    assert len(times) == 10
    for pause, earlier, later in zip(PAUSES, times, times[1:], strict=False):
        assert 0.9 * pause <= later - earlier <= 1.1 * pause + 241
    row = world.ledger.delivery()
    assert (row["due_at"], row["delivered_at"], row["attempts"], row["failure"]) == (None, None, 10, "HTTP 500")
    assert len(said(logged, "delivery_failed")) == 9
    (line,) = said(logged, "delivery_given_up")
    assert line["level"] == "error"
    assert line["host"] == "one.test"


async def test_the_same_bytes_and_id_on_every_attempt_and_a_new_time(world: World, autojump_clock: MockClock) -> None:
    world.receiver.answer("one.test", 500, 500, 204)
    world.calls_end(1)
    await world.send(8)
    world.ledger.said("call-1", "caller", "One more word")  # too late: it was told without
    await world.send(400)
    first, second, third = world.receiver.got
    assert first.body == second.body == third.body
    assert first.id == second.id == third.id
    stamps = [int(got.headers["webhook-timestamp"]) for got in world.receiver.got]
    assert [round(got.at - first.at) for got in (second, third)] == [stamps[1] - stamps[0], stamps[2] - stamps[0]]
    assert all(got.is_signed_with(SECRET) for got in world.receiver.got)
    assert world.ledger.delivery()["attempts"] == 3


async def test_gone(world: World, autojump_clock: MockClock, logged: Logged) -> None:
    world.receiver.answer("one.test", 410)
    world.calls_end(1)
    await world.send(600)
    assert len(world.receiver.got) == 1
    row = world.ledger.delivery()
    assert (row["due_at"], row["delivered_at"], row["failure"]) == (None, None, "HTTP 410")
    (line,) = said(logged, "endpoint_gone")
    assert line["level"] == "error"
    assert line["host"] == "one.test"
    assert "[[deliveries]]" in line["fix"]


async def test_an_endpoint_that_wants_peace_gets_it(two: World, autojump_clock: MockClock) -> None:
    two.receiver.answer("one.test", 429, 204, retry_after="120")
    two.calls_end(1)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(two.send_until_cancelled, name="deliveries")
        await trio.sleep(3)
        two.calls_end(6, first=2)
        await trio.sleep(200)
        nursery.cancel_scope.cancel(reason="seen enough")
    first, *others = two.receiver.at("one.test")
    assert len(others) == 7
    assert min(got.at for got in others) >= first.at + 120
    # Nobody else waited for it.
    assert max(got.at for got in two.receiver.at("two.test")) < first.at + 10


async def test_an_endpoint_that_is_overloaded_and_does_not_say_for_how_long(
    world: World, autojump_clock: MockClock
) -> None:
    world.receiver.answer("one.test", 502, 204)
    world.calls_end(1)
    await world.send(1.5)
    world.calls_end(1, first=2)
    await world.send(20)
    first, second, _ = world.receiver.got
    assert 5 <= second.at - first.at <= 7.1


async def test_an_endpoint_that_is_dead_delays_no_other(two: World, autojump_clock: MockClock) -> None:
    async def sleep(_got: Got) -> httpx.Response:
        await trio.sleep_forever()

    two.receiver.answers["one.test"] = sleep
    two.calls_end(20)
    await two.send(30)
    assert two.receiver.most_under_way["one.test"] == PLACES
    assert len(two.receiver.at("one.test")) == 2 * PLACES
    assert len(two.receiver.at("two.test")) == 20
    assert max(got.at for got in two.receiver.at("two.test")) < 2.5
    assert two.receiver.most_under_way["two.test"] <= PLACES
    failures = {two.ledger.delivery(id=got.id)["failure"] for got in two.receiver.at("one.test")[:PLACES]}
    assert failures == {"no answer within 20 s"}


async def test_a_secret_is_replaced(world: World, autojump_clock: MockClock) -> None:
    world.deliveries += (Delivery(url=ONE, secret=Secret(OTHER_SECRET)),)
    world.calls_end(1)
    await world.send(3)
    (got,) = world.receiver.got
    assert got.is_signed_with(SECRET)
    assert got.is_signed_with(OTHER_SECRET)


async def test_an_endpoint_that_is_not_configured_any_more(world: World, autojump_clock: MockClock) -> None:
    world.calls_end(1)
    world.deliveries = (Delivery(url=TWO, secret=Secret(SECRET)),)
    await world.send(10)
    assert not world.receiver.got
    assert world.ledger.delivery()["due_at"] is not None
    world.deliveries = (Delivery(url=ONE, secret=Secret(SECRET)),)
    await world.send(3)
    assert len(world.receiver.got) == 1


async def test_killed_in_the_middle_of_an_attempt(world: World, autojump_clock: MockClock) -> None:
    async def sleep(_got: Got) -> httpx.Response:
        await trio.sleep_forever()

    world.receiver.answers["one.test"] = sleep
    world.calls_end(1)
    await world.send(5)
    del world.receiver.answers["one.test"]
    # The next start: nothing before the lease of the attempt is over, for the first one may still be on its way.
    await world.send(SEND_LEASE - 10)
    assert len(world.receiver.got) == 1
    await world.send(15)
    first, second = world.receiver.got
    assert (first.id, first.body) == (second.id, second.body)
    assert world.ledger.delivery()["attempts"] == 1


async def test_two_senders(world: World, autojump_clock: MockClock) -> None:
    world.calls_end(50)
    with trio.move_on_after(30):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(world.send_until_cancelled, name="one node")
            nursery.start_soon(world.send_until_cancelled, name="another node")
    assert len(world.receiver.got) == len({got.id for got in world.receiver.got}) == 50


async def test_a_ledger_that_fails_while_something_is_on_its_way(
    world: World, autojump_clock: MockClock, logged: Logged
) -> None:
    file = world.database.engines.file
    assert file
    locked: list[sqlite3.Connection] = []

    async def lock(_got: Got) -> httpx.Response:
        await trio.lowlevel.checkpoint()
        intruder = sqlite3.connect(file, isolation_level=None)
        intruder.execute("BEGIN IMMEDIATE")
        locked.append(intruder)
        return httpx.Response(204)

    world.receiver.answers["one.test"] = lock
    world.calls_end(1)
    for engine in (world.database.engines.durable, world.database.engines.lazy):
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA busy_timeout = 10")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(world.send_until_cancelled, name="deliveries")
        await trio.sleep(10)
        assert not world.health.up
        assert "locked" in world.health.why
        locked[0].close()
        world.health.recover()
        await trio.sleep(2)
        nursery.cancel_scope.cancel(reason="seen enough")
    assert len(world.receiver.got) == 1
    assert world.ledger.delivery()["delivered_at"] is not None
    assert len(said(logged, "delivered")) == 1


@pytest.mark.parametrize(("column", "arrived"), [("payload", 1), ("delivered_at", 2)])
async def test_a_ledger_that_does_not_take_something(
    world: World, autojump_clock: MockClock, logged: Logged, column: str, arrived: int
) -> None:
    refuse = f"CREATE TRIGGER no BEFORE UPDATE OF {column} ON deliveries BEGIN SELECT RAISE(ABORT, 'no'); END"
    world.ledger.run(lambda c: c.exec_driver_sql(refuse))
    world.calls_end(1)
    await world.send(30)
    assert len(world.receiver.got) == arrived - 1
    assert said(logged, "ledger_did_not_take_it")
    # Nothing is lost: it is taken again when its time has come.
    world.ledger.run(lambda c: c.exec_driver_sql("DROP TRIGGER no"))
    await world.send(SEND_LEASE)
    assert len(world.receiver.got) == arrived
    assert len({got.body for got in world.receiver.got}) == 1
    assert world.ledger.delivery()["delivered_at"] is not None


async def test_while_the_ledger_is_down_nothing_is_tried(world: World, autojump_clock: MockClock) -> None:
    world.calls_end(1)
    world.health.fail(LedgerUnavailable("the disk is full"))
    await world.send(60)
    assert not world.receiver.got
    world.health.recover()
    await world.send(3)
    assert len(world.receiver.got) == 1


async def test_a_bug_costs_one_attempt_of_one_delivery(world: World, autojump_clock: MockClock, logged: Logged) -> None:
    world.calls_end(2)
    world.ledger.run(lambda c: c.execute(calls.delete().where(calls.c.call_id == "call-1")))
    await world.send(3)
    assert [got.json["data"]["call_id"] for got in world.receiver.got] == ["call-2"]
    row = world.ledger.delivery(call_id="call-1")
    assert (row["attempts"], row["failure"]) == (1, "an error in Callwarden")
    assert said(logged, "delivery_failed")[0]["level"] == "error"


# The wait at the end of a drain


def config_of(world: World) -> Config:
    return msgspec.structs.replace(configuration(), deliveries=world.deliveries)


async def flushed(world: World, within: float = 5.0) -> float:
    """Seconds that the wait takes."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(world.send_until_cancelled, name="deliveries")
        began = trio.current_time()
        await flush(world.database, config_of(world), within=within)
        took = trio.current_time() - began
        nursery.cancel_scope.cancel(reason="flushed")
    return took


async def test_flush_waits_until_everything_was_tried(world: World, autojump_clock: MockClock) -> None:
    world.calls_end(3)
    assert 1 < await flushed(world) < 3
    assert len(world.receiver.got) == 3


async def test_flush_does_not_wait_for_second_attempts(world: World, autojump_clock: MockClock) -> None:
    world.receiver.answer("one.test", 500)
    world.calls_end(3)
    assert await flushed(world) < 3


async def test_flush_does_not_wait_for_the_dead(world: World, autojump_clock: MockClock) -> None:
    async def sleep(_got: Got) -> httpx.Response:
        await trio.sleep_forever()

    world.receiver.answers["one.test"] = sleep
    world.calls_end(1)
    assert await flushed(world, within=4) == pytest.approx(4)


async def test_flush_has_nothing_to_wait_for(world: World, autojump_clock: MockClock) -> None:
    assert await flushed(world) < 0.2
    world.calls_end(1)
    world.health.fail(LedgerUnavailable("the disk is full"))
    assert await flushed(world) < 0.2
    world.health.recover()
    world.deliveries = ()
    await flush(world.database, config_of(world))


# Real time, real threads, real sockets


async def test_on_real_sockets_and_every_database(engines: Engines, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender, "_POLL", 0.02)
    endpoint = Endpoint()
    async with loopback(endpoint) as door, trio.open_nursery() as nursery:
        url = f"http://127.0.0.1:{door.port}/calls"
        config = msgspec.structs.replace(configuration(), deliveries=(Delivery(url=url, secret=Secret(SECRET)),))
        ledger = Ledger(engines, url)
        ledger.node()
        for number in range(10):
            ledger.claim(f"call-{number}")
            ledger.end(f"call-{number}")
        ledger.pass_time(1)
        database = Database(engines)
        for node in ("alpha", "beta"):
            start = partial(run, database, config, system_clock, random.Random(1))
            await nursery.start(start, name=f"deliveries of {node}")
        await flush(database, config)
        nursery.cancel_scope.cancel(reason="flushed")
    assert len(endpoint.got) == len({got.id for got in endpoint.got}) == 10
    assert {got.json["data"]["call_id"] for got in endpoint.got} == {f"call-{number}" for number in range(10)}
    for got in endpoint.got:
        SvixWebhook(SECRET).verify(got.body, dict(got.headers))


async def test_what_happened_last_in_a_call_is_told_too(
    ledger_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender, "_POLL", 0.02)
    monkeypatch.setattr(journal_writer, "DELAY", 0.2)
    monkeypatch.setattr(outbox, "FIRST_PAUSE", 0.7)
    endpoint, feed = Endpoint(), Feed(system_clock)
    async with loopback(endpoint) as door:
        config = msgspec.structs.replace(
            configuration(),
            deliveries=(Delivery(url=f"http://127.0.0.1:{door.port}", secret=Secret(SECRET)),),
            ledger=LedgerTable(url=ledger_url, directory=str(tmp_path / "state")),
        )
        async with open_ledger(config, feed.watch) as opened, trio.open_nursery() as nursery:
            await nursery.start(
                partial(run, opened.database, config, system_clock, random.Random(1)), name="deliveries"
            )
            call = IncomingCall(
                call_id="call-1", webhook_id="msg-1", called=None, caller=None, created_at=None, received_at=0.0
            )
            await opened.ledger.claim(call, "support")
            receipt = Receipt(outcome="caller_left", reasons=("the caller hung up",), joined=True, seconds=1.0)
            feed.publish("call-1", journal.Said(item_id="item-1", speaker="caller", text="Bye", final=True))
            await opened.ledger.settle("call-1", receipt, {})
            await flush(opened.database, config)
            nursery.cancel_scope.cancel(reason="flushed")
    (got,) = endpoint.got
    assert [turn["text"] for turn in got.json["data"]["transcript"]] == ["Bye"]
    assert got.json["data"]["node"]


async def test_nobody_to_tell(world: World, autojump_clock: MockClock) -> None:
    world.calls_end(1)
    config = msgspec.structs.replace(configuration(), deliveries=())
    async with trio.open_nursery() as nursery:
        start = partial(run, world.database, config, system_clock, random.Random(1), transport=world.receiver)
        await nursery.start(start, name="deliveries")
        await trio.sleep(6 * 86_400)
        assert world.ledger.delivery()["due_at"] is not None
        await trio.sleep(1.1 * 86_400)
        nursery.cancel_scope.cancel(reason="seen enough")
    assert not world.receiver.got
    assert world.ledger.delivery()["failure"] == NOT_CONFIGURED
