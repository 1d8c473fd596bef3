"""Leases: who is taken for dead, when, and by whom. On both engines; nobody's heart beats but as the test says."""

import time
from collections.abc import AsyncIterator

import pytest
import trio
from sqlalchemy import Connection, update

from daemon.ledger import epochs as epochs_module
from daemon.ledger.lease import Beat
from daemon.ledger.open import Parts
from daemon.ledger.schema import DbNow, epochs
from tests.ledger.house import LEASE, House, incoming, receipt
from tests.ledger.test_epochs import claim as write_claim

NOBODY: frozenset[str] = frozenset()


async def beat(parts: Parts, known: frozenset[str] = NOBODY) -> Beat:
    found = await parts.lease.beat(known)
    assert found.alive
    return found


async def first_orphans(parts: Parts) -> float:
    """Let a heart beat until it has found calls without an owner; gives how long that took."""
    began = trio.current_time()
    while not (await beat(parts)).orphans:
        assert trio.current_time() - began < LEASE + 5.0
        await trio.sleep(0.02)
    return trio.current_time() - began


def adopted(found: Beat) -> list[str]:
    return [orphan.incoming.call_id for orphan in found.orphans]


@pytest.fixture
async def dead(house: House) -> AsyncIterator[str]:
    """A node on another machine that has died with a call; gives its epoch."""
    with house.parts("dead") as parts:
        await parts.keeper.open()
        await parts.ledger.claim(incoming("call-1"), "support")
        yield parts.lease.epoch


async def test_a_lease_is_fresh_until_it_may_have_run_out(house: House) -> None:
    with house.parts() as parts:
        assert parts.lease.until < trio.current_time()
        asked_at = trio.current_time()
        await beat(parts)
        assert asked_at + LEASE <= parts.lease.until <= trio.current_time() + LEASE
        await trio.sleep(LEASE)
        assert [parts.lease.fresh] == [False]
        await beat(parts)
        assert [parts.lease.fresh] == [True]


async def test_a_silent_node_loses_its_calls_after_a_lease_and_not_before(house: House, dead: str) -> None:
    with house.parts("a") as a:
        began = trio.current_time()
        while not (found := await beat(a)).orphans:
            assert trio.current_time() - began < LEASE + 1.0
            await trio.sleep(0.02)
        assert trio.current_time() - began > LEASE
        assert found.relieved == (dead,)
        assert adopted(found) == ["call-1"]
        assert adopted(await beat(a, frozenset({"call-1"}))) == []


async def test_however_long_ago_it_says_that_its_lease_ran_out(house: House, dead: str) -> None:
    """The database's clock may have jumped, or everybody may have been away for an hour."""
    longago = update(epochs).where(epochs.c.epoch == dead).values(lease_until=DbNow() - 3600.0)
    house.run(lambda connection: connection.execute(longago))
    with house.parts("a") as a:
        assert await first_orphans(a) > LEASE


async def test_or_will_run_out(house: House, dead: str) -> None:
    """The database's clock was put back by an hour: nobody has to wait for that hour."""
    later = update(epochs).where(epochs.c.epoch == dead).values(lease_until=DbNow() + 3600.0)
    house.run(lambda connection: connection.execute(later))
    with house.parts("a") as a:
        assert await first_orphans(a) < LEASE + 1.0


async def test_whoever_lives_is_left_alone(house: House) -> None:
    with house.parts("a") as a, house.parts("b") as b:
        await b.keeper.open()
        await b.ledger.claim(incoming("call-1"), "support")
        end = trio.current_time() + 2.5 * LEASE
        while trio.current_time() < end:
            assert (await beat(a)).relieved == ()
            assert (await beat(b, frozenset({"call-1"}))).relieved == ()
            await trio.sleep(LEASE / 4)


async def test_after_an_outage_everybody_has_a_lease_of_time(house: House, dead: str) -> None:
    with house.parts("a") as a:
        await beat(a)
        await trio.sleep(1.2 * LEASE)  # the database is away, for everybody
        a.lease.listen_anew()
        assert await first_orphans(a) > LEASE


async def test_who_died_in_our_own_directory_is_known_at_once(house: House) -> None:
    with house.parts("here") as former:
        await former.keeper.open()
        await former.ledger.claim(incoming("call-1"), "support")
    with house.parts("here") as again, house.parts("elsewhere") as other:
        assert adopted(await beat(other)) == []  # from there it can't be told
        found = await beat(again)
        assert found.relieved == (former.lease.epoch,)
        assert adopted(found) == ["call-1"]


async def test_who_lives_in_our_own_directory_is_not_taken_for_dead(house: House) -> None:
    """Blue and green share a directory while one takes over from the other."""
    with house.parts("here") as blue, house.parts("here") as green:
        await blue.keeper.open()
        await blue.ledger.claim(incoming("call-1"), "support")
        assert adopted(await beat(green)) == []


async def test_who_lived_before_this_machine_started_is_dead_if_the_database_is_here(house: House, dead: str) -> None:
    before = update(epochs).where(epochs.c.epoch == dead).values(place="another-boot/1/2")
    house.run(lambda connection: connection.execute(before))
    with house.parts("a") as a:
        # In a PostgreSQL it may be any machine.
        assert adopted(await beat(a)) == (["call-1"] if house.engines.file else [])


async def test_who_said_goodbye_is_waited_for_by_nobody(house: House) -> None:
    with house.parts("gone") as gone, house.parts("a") as a:
        await gone.keeper.open()
        await gone.ledger.claim(incoming("call-1"), "support")
        await gone.lease.end()
        found = await beat(a)
        assert found.relieved == ()
        assert adopted(found) == ["call-1"]


async def test_a_refresh_waits_for_the_next_heartbeat_and_no_longer(house: House, nursery: trio.Nursery) -> None:
    with house.parts(lease=60.0) as parts:
        await parts.keeper.open()
        nursery.start_soon(parts.keeper.beat)
        parts.lease.until = 0.0
        began = time.monotonic()
        await parts.lease.refresh()
        assert parts.lease.fresh
        assert time.monotonic() - began < 0.5
        await parts.lease.refresh()  # nothing to wait for
        nursery.cancel_scope.cancel()


async def test_what_a_heartbeat_finds_about_our_calls(house: House) -> None:
    with house.parts("a") as a, house.parts("b") as b:
        await a.keeper.open()
        await b.keeper.open()
        await a.ledger.claim(incoming("mine"), "support")
        await b.ledger.claim(incoming("theirs"), "support")
        found = await beat(a, frozenset({"mine", "theirs", "nowhere"}))
        assert (found.elsewhere, found.missing, found.ended, found.orphans) == (("theirs",), ("nowhere",), (), ())
        await a.ledger.claim(incoming("over"), "support")
        await a.ledger.settle("over", receipt(), {})
        assert (await beat(a, frozenset({"mine", "over"}))).ended == ("over",)
        found = await beat(a)
        assert adopted(found) == ["mine"]  # nobody seems to know it
        assert found.orphans[0].former == a.lease.epoch


async def test_a_claim_that_is_written_in_the_middle_of_a_look_is_not_taken_for_over(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    if house.engines.file:
        pytest.skip("SQLite's transactions look once")
    with house.parts() as parts:
        await parts.keeper.open()
        debts = epochs_module.debts

        def slowly(connection: Connection, epoch: str) -> frozenset[str]:
            found = debts(connection, epoch)
            write_claim(house, epoch, "call-1")  # by another connection
            return found

        monkeypatch.setattr(epochs_module, "debts", slowly)
        found = await beat(parts, frozenset({"call-1"}))
        assert (found.ended, found.missing, found.elsewhere, found.orphans) == ((), (), (), ())
