"""Living through trouble: outages, deaths, and everything that is owed meanwhile. On both engines."""

import random
from functools import partial

import pytest
import trio
from sqlalchemy import update

from daemon.core import journal
from daemon.core.effects import Effect, ToolUse
from daemon.core.journal import Record
from daemon.errors import LedgerUnavailable
from daemon.ledger import orders
from daemon.ledger.news import Adopted, Relieved
from daemon.ledger.open import OpenLedger
from daemon.ledger.orders import Order
from daemon.ledger.schema import DbNow, calls, effects, entries, epochs
from tests.conftest import Logged
from tests.ledger.house import LEASE, House, incoming, news_of, receipt, until
from tests.ledger.outage import Outages

USE = ToolUse(id="use-1", name="pay", arguments="{}")


async def down(*opened: OpenLedger) -> None:
    """Let them find out."""
    for each in opened:
        each.keeper.wake()
    await until(lambda: not any(each.health.up for each in opened))


async def back(*opened: OpenLedger) -> None:
    await until(lambda: all(each.health.up for each in opened), 10)


async def test_an_outage_is_nobodys_death(house: House, outages: Outages) -> None:
    """It lasts longer than every lease. Whoever comes back first takes no call of the others, who live."""
    lease = 2 * LEASE  # so that a busy machine can keep it
    async with (
        house.ledger("a", lease=lease) as a,
        house.ledger("b", lease=lease) as b,
        house.ledger("c", lease=lease) as c,
    ):
        nodes = [a, b, c]
        mine = [node.keeper._lease.epoch for node in nodes]
        for number, node in enumerate(nodes):
            assert await node.ledger.claim(incoming(f"call-{number}"), "support")
        with outages.outage():
            await down(*nodes)
            await trio.sleep(1.2 * lease)
        await back(*nodes)
        await trio.sleep(1.2 * lease)
        assert [news_of(node) for node in nodes] == [[], [], []]
        assert [node.keeper._lease.epoch for node in nodes] == mine
        for number, node in enumerate(nodes):
            assert await node.ledger.ours(f"call-{number}")
            assert await node.ledger.settle(f"call-{number}", receipt(), {})


async def test_a_death_in_an_outage_is_found_after_it(house: House, outages: Outages) -> None:
    async with house.ledger("a") as a:
        with house.parts("dies") as dies:
            await dies.keeper.open()
            await dies.ledger.claim(incoming("call-1"), "support")
        with outages.outage():
            await down(a)
        await back(a)
        began = trio.current_time()
        with trio.fail_after(LEASE + 3):
            news = await a.keeper.news.receive()
        assert isinstance(news, Adopted)
        assert trio.current_time() - began > LEASE / 2


@pytest.mark.parametrize("on_failure", ["refuse", "degrade"])
async def test_what_happens_in_an_outage_is_written_afterwards(
    house: House, outages: Outages, on_failure: str, logged: Logged
) -> None:
    async with house.ledger(on_failure=on_failure) as opened:
        ledger = opened.ledger
        (watch,) = house.feed
        for call_id in ("stays", "leaves"):
            assert await ledger.claim(incoming(call_id), "support")
        with outages.outage():
            await down(opened)
            if on_failure == "refuse":
                with pytest.raises(LedgerUnavailable):
                    await ledger.claim(incoming("comes"), "support")
            else:
                assert await ledger.claim(incoming("comes"), "support")
                assert not await ledger.claim(incoming("comes", "again"), "support")
            watch(Record(at=1.0, call_id="stays", entry=journal.KeyPressed(digit=None)))
            await ledger.joined("stays")
            assert await ledger.begin_effect("stays", USE) is None
            assert await ledger.begin_effect("stays", USE) == Effect(use=USE)
            await ledger.end_effect("stays", "use-1", "paid")
            assert await ledger.ours("leaves")
            assert await ledger.settle("leaves", receipt("caller_left"), {})
            assert not await ledger.ours("leaves")
            await opened.keeper.report("order-1", "hanging up")
        await back(opened)
        assert await ledger.claim(incoming("comes"), "support") == (on_failure == "refuse")
        for call_id in ("stays", "comes"):
            assert await ledger.settle(call_id, receipt("hung_up"), {})
        await until(lambda: len(house.rows(entries)) == 1)
    outcomes = {row["call_id"]: row["outcome"] for row in house.rows(calls)}
    assert outcomes == {"stays": "hung_up", "leaves": "caller_left", "comes": "hung_up"}
    assert house.one(effects)["output"] == "paid"
    events = [line["event"] for line in logged()]
    assert events.count("ledger_back") == 1
    assert "Traceback" not in str(logged())
    assert list((house.folder / "a").iterdir()) == []  # nothing is left behind


async def test_what_is_owed_and_the_daemon_dies_is_written_by_the_next_one(house: House, outages: Outages) -> None:
    with house.parts("here", on_failure="degrade") as first:
        await first.keeper.open()
        assert await first.ledger.claim(incoming("before"), "support")
        first.health.fail(LedgerUnavailable("down"))
        assert await first.ledger.claim(incoming("settled"), "support")
        assert await first.ledger.claim(incoming("joined"), "support")
        await first.ledger.joined("joined")
        await first.ledger.begin_effect("joined", USE)
        await first.ledger.settle("settled", receipt("caller_left"), {})
        await first.ledger.settle("before", receipt("hung_up"), {})
        assert [row["call_id"] for row in house.rows(calls)] == ["before"]
    async with house.ledger("here") as second:
        (orphan,) = second.orphans
        assert (orphan.incoming.call_id, orphan.joined) == ("joined", True)
        assert orphan.effects == (Effect(use=USE),)
        assert {row["call_id"]: row["outcome"] for row in house.rows(calls)} == {
            "before": "hung_up",
            "settled": "caller_left",
            "joined": None,
        }
        await second.ledger.settle("joined", receipt("hung_up"), {})
    assert [file.name for file in (house.folder / "here").iterdir()] == []


async def test_many_outages_lose_nothing(house: House, outages: Outages) -> None:
    """Calls come, use tools and end all the time, while the database goes and comes."""
    dice = random.Random(9)
    ended: list[str] = []

    async with house.ledger(on_failure="degrade", lease=60.0) as opened, trio.open_nursery() as nursery:
        ledger = opened.ledger

        async def call(call_id: str) -> None:
            assert await ledger.claim(incoming(call_id), "support")
            await ledger.joined(call_id)
            assert await ledger.begin_effect(call_id, USE) is None
            await trio.sleep(dice.random() / 4)
            assert await ledger.begin_effect(call_id, USE) is not None
            await ledger.end_effect(call_id, "use-1", "paid")
            assert await ledger.settle(call_id, receipt(), {})
            ended.append(call_id)

        async def calls_come() -> None:
            for number in range(60):
                nursery.start_soon(call, f"call-{number}")
                await trio.sleep(0.02)

        nursery.start_soon(calls_come)
        for _ in range(2):
            await trio.sleep(0.2)
            with outages.outage():
                await trio.sleep(0.3)
            await back(opened)
    assert len(ended) == 60
    outcomes = {row["call_id"]: row["outcome"] for row in house.rows(calls)}
    assert outcomes == dict.fromkeys(ended, "caller_left")
    assert {row["call_id"]: row["output"] for row in house.rows(effects)} == dict.fromkeys(ended, "paid")
    assert not opened.ledger.held


async def test_a_node_dies_and_one_survivor_has_its_calls(house: House) -> None:
    async with house.ledger("a") as a, house.ledger("b") as b:
        with house.parts("dies") as dies:
            await dies.keeper.open()
            for number in range(20):
                await dies.ledger.claim(incoming(f"call-{number}"), "support")
        began = trio.current_time()
        await until(lambda: len(a.ledger.held) + len(b.ledger.held) == 20)
        assert trio.current_time() - began < LEASE + 1.0
        adopted = [item for item in news_of(a) + news_of(b) if isinstance(item, Adopted)]
        ids = [orphan.incoming.call_id for item in adopted for orphan in item.orphans]
        assert sorted(ids) == sorted({f"call-{number}" for number in range(20)})
        await trio.sleep(LEASE)
        assert news_of(a) + news_of(b) == []


async def test_what_a_node_still_owes_at_its_end_is_anybodys(house: House) -> None:
    async with house.ledger("b") as b:
        async with house.ledger("leaves") as leaves:
            await leaves.ledger.claim(incoming("call-1"), "support")
        with trio.fail_after(5):
            news = await b.keeper.news.receive()
        assert isinstance(news, Adopted)
        assert news.orphans[0].former == house.one(epochs, node="leaves")["epoch"]
        assert house.one(epochs, node="leaves")["ended_at"] is not None


async def test_what_it_owed_is_found_at_the_next_start(house: House) -> None:
    async with house.ledger() as opened:
        await opened.ledger.claim(incoming("call-1"), "support")
    async with house.ledger() as opened:
        assert [orphan.incoming.call_id for orphan in opened.orphans] == ["call-1"]
        assert news_of(opened) == []


async def test_whoever_was_relieved_says_so_and_goes_on(house: House, logged: Logged) -> None:
    async with house.ledger(lease=60.0) as opened:
        former = opened.keeper._lease.epoch
        for number in range(3):
            await opened.ledger.claim(incoming(f"call-{number}"), "support")
        with house.parts("b") as b:
            found = update(epochs).where(epochs.c.epoch == former).values(relieved_at=DbNow())
            house.run(lambda connection: connection.execute(found))
            await b.keeper.open()
            opened.keeper.wake()
            with trio.fail_after(5):
                news = await opened.keeper.news.receive()
            assert news == Relieved(tuple(f"call-{number}" for number in range(3)))
            assert opened.keeper._lease.epoch != former
            (line,) = [line for line in logged() if line["event"] == "relieved"]
            assert (line["calls"], line["epoch"]) == (3, former)


async def test_orders_are_passed_on_once(house: House) -> None:
    async with house.ledger(lease=60.0) as opened:
        await opened.ledger.claim(incoming("call-1"), "support")
        ask = partial(orders.ask, verb="hang_up", target="call-1", argument="", asked_by="ada@elsewhere")
        order_id = house.run(ask)
        assert order_id is not None
        opened.keeper.wake()
        with trio.fail_after(5):
            order = await opened.keeper.news.receive()
        assert order == Order(id=order_id, verb="hang_up", call_id="call-1", argument="", asked_by="ada@elsewhere")
        for _ in range(3):
            await opened.keeper._beat()
        assert news_of(opened) == []
        await opened.keeper.report(order_id, "hung_up")
        assert house.run(lambda connection: orders.result(connection, order_id)) == "hung_up"


async def test_what_is_old_is_forgotten_by_itself(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("daemon.ledger.keeping._PRUNE_EVERY", 0.05)
    monkeypatch.setattr("daemon.ledger.keeping._PRUNE_PAUSE", 0.01)
    async with house.ledger(retention=3600.0) as opened:
        for number in range(30):
            await opened.ledger.claim(incoming(f"call-{number}"), "support")
            await opened.ledger.settle(f"call-{number}", receipt(), {})
        long_ago = {"claimed_at": DbNow() - 7300.0, "ended_at": DbNow() - 7200.0}
        house.run(
            lambda connection: connection.execute(update(calls).where(calls.c.call_id != "call-0").values(long_ago))
        )
        house.execute("UPDATE deliveries SET due_at = NULL")
        await until(lambda: len(house.rows(calls)) == 1)


async def test_waking_while_it_is_down_is_harmless(house: House, outages: Outages) -> None:
    async with house.ledger() as opened:
        with outages.outage():
            await down(opened)
            for _ in range(3):
                opened.keeper.wake()
                await trio.sleep(0.02)
            with trio.fail_after(2):
                assert not await opened.ledger.ours("call-1")
        await back(opened)
