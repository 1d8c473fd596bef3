"""The scribe: now, or in its turn. On both engines."""

from collections.abc import Iterator

import msgspec
import pytest
import trio

from daemon.core.effects import ToolUse
from daemon.errors import LedgerUnavailable
from daemon.ledger.database import Database
from daemon.ledger.engine import make_engines
from daemon.ledger.held import Holdings
from daemon.ledger.operations import Begun, Claimed, Ended, Joined, Settled, Told
from daemon.ledger.place import Place
from daemon.ledger.schema import calls, effects
from daemon.ledger.scribe import Scribe
from daemon.ledger.spool import Spool
from daemon.observe.clock import system_clock
from tests.conftest import Logged
from tests.ledger.house import House, receipt, until
from tests.ledger.test_claims import wanted

CLAIMED = Claimed(claim=wanted("call-1"))
JOINED = Joined(call_id="call-1", epoch="epoch-1")
SETTLED = Settled(call_id="call-1", epoch="epoch-1", receipt=receipt(), events={})


class Desk:
    """A scribe, and what it works with."""

    def __init__(self, house: House) -> None:
        self.database = Database(house.engines)
        self.health = self.database.health
        self.spool = Spool(Place(house.folder / "state"), "epoch-1")
        self.held = Holdings()
        self.scribe = Scribe(self.database, self.health, self.spool, self.held, (), system_clock)


@pytest.fixture
def desk(house: House) -> Iterator[Desk]:
    desk = Desk(house)
    yield desk
    desk.database.close()


async def test_at_once_while_it_works(house: House, desk: Desk) -> None:
    desk.held.hold(CLAIMED.claim, at=0.0)
    for operation in (CLAIMED, JOINED, SETTLED):
        assert await desk.scribe.write(operation)
    assert house.one(calls)["outcome"] == "caller_left"
    assert not desk.held
    assert len(desk.spool) == 0
    # What is another's is not written, and that is said.
    assert not await desk.scribe.write(Joined(call_id="call-1", epoch="epoch-2"))


async def test_in_its_turn_while_it_does_not(house: House, desk: Desk) -> None:
    desk.health.fail(LedgerUnavailable("down"))
    desk.held.hold(CLAIMED.claim, at=0.0)
    for operation in (CLAIMED, JOINED, SETTLED):
        assert await desk.scribe.write(operation)
    assert house.rows(calls) == []
    assert "call-1" in desk.held  # until the ledger has its receipt
    assert await desk.scribe.mend() == 3
    assert house.one(calls)["outcome"] == "caller_left"
    assert desk.health.up
    assert not desk.held


async def test_what_fails_while_it_comes_back_is_tried_again(
    house: House, nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It began before the outage and fails after it: if it were spooled now, it would lie there until the next one."""
    if not house.engines.file:
        pytest.skip("a lock that is not waited for is SQLite's")
    monkeypatch.setattr("daemon.ledger.engine.BUSY_TIMEOUT", 0.2)
    impatient = Desk(House(make_engines(house.url), house.folder))
    with house.held_up():
        nursery.start_soon(impatient.scribe.write, CLAIMED)
        await trio.sleep(0.05)
        impatient.health.fail(LedgerUnavailable("down"))
        impatient.health.recover()
        await trio.sleep(0.25)  # it has failed by now
        assert impatient.health.up
    await until(lambda: len(house.rows(calls)) == 1)
    assert len(impatient.spool) == 0
    impatient.database.close()


async def test_nothing_is_spooled_once_it_is_back(house: House, desk: Desk) -> None:
    """Whoever spools while the last is written is written too."""
    desk.health.fail(LedgerUnavailable("down"))

    async def note(number: int) -> None:
        call_id = f"call-{number}"
        await desk.scribe.write(Claimed(claim=wanted(call_id)))
        await desk.scribe.write(Joined(call_id=call_id, epoch="epoch-1"))

    async with trio.open_nursery() as nursery:
        for number in range(20):
            nursery.start_soon(note, number)
        await trio.sleep(0.01)
        await desk.scribe.mend()
    assert len(desk.spool) == 0
    assert desk.health.up
    assert [row["joined_at"] is not None for row in house.rows(calls)] == [True] * 20


async def test_one_that_is_not_taken_keeps_no_other(house: House, desk: Desk, logged: Logged) -> None:
    """A bug of ours in one operation, and the ledger would never come back."""
    good = Begun(call_id="call-1", use=ToolUse(id="use-1", name="look_up", arguments="{}"))
    bad = Begun(call_id="call-1", use=msgspec.structs.replace(good.use, id="use-0", name=None))
    await desk.scribe.carry_out((CLAIMED, bad, good, SETTLED))
    assert house.one(calls)["outcome"] == "caller_left"
    assert [row["use_id"] for row in house.rows(effects)] == ["use-1"]
    assert "ledger_did_not_take_it" in [line["event"] for line in logged()]
    assert desk.health.up
    assert await desk.scribe.write(bad)  # there is no use in keeping it
    assert len(desk.spool) == 0


async def test_many_are_written_in_portions(house: House, desk: Desk) -> None:
    owed = [Claimed(claim=wanted(f"call-{number}")) for number in range(120)]
    await desk.scribe.carry_out(owed)
    assert len(house.rows(calls)) == 120


async def test_a_call_that_the_ledger_does_not_know_is_told_to_it(house: House, desk: Desk, logged: Logged) -> None:
    held = desk.held.hold(CLAIMED.claim, at=system_clock() - 60)
    held.joined = True
    held.begin(ToolUse(id="use-1", name="look_up", arguments="{}"))
    held.change("use-1", output="done", told=True)
    await desk.scribe.restore(["call-1", "unknown"])
    row = house.one(calls)
    assert row["joined_at"] == pytest.approx(row["claimed_at"], abs=0.5)
    assert row["claimed_at"] == pytest.approx(system_clock() - 60, abs=2)
    assert (house.one(effects)["output"], house.one(effects)["told"]) == ("done", True)
    assert [line["call_id"] for line in logged()] == ["call-1"]


async def test_what_comes_too_late_is_said(house: House, desk: Desk, logged: Logged) -> None:
    await desk.scribe.carry_out([Claimed(claim=wanted("call-1", epoch="epoch-2"))])
    desk.held.hold(CLAIMED.claim, at=0.0)
    await desk.scribe.carry_out([CLAIMED, JOINED, SETTLED])
    said = [line["operation"] for line in logged() if line["event"] == "spooled_too_late"]
    assert said == ["Claimed", "Joined", "Settled"]
    assert not desk.held
    assert house.one(calls)["outcome"] is None


async def test_facts_are_written_whoever_has_the_call(house: House, desk: Desk) -> None:
    await desk.scribe.carry_out([Claimed(claim=wanted("call-1", epoch="epoch-2"))])
    use = ToolUse(id="use-1", name="look_up", arguments="{}")
    for operation in (
        Begun(call_id="call-1", use=use),
        Ended(call_id="call-1", use_id="use-1", output="done"),
        Told(call_id="call-1", use_id="use-1"),
    ):
        assert await desk.scribe.write(operation)
    assert house.one(effects)["told"]
