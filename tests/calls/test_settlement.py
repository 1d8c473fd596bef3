"""Paying the debt: what counts as paid, and what is said when it may not be."""

import pytest
import trio
from trio.testing import MockClock

from daemon.calls.settlement import causes, pay
from daemon.core.receipts import Outcome, Receipt
from daemon.ledger.memory import MemoryLedger
from daemon.platforms.base import HangUpOutcome, LineEnd
from tests.calls.world import World
from tests.configured import configuration
from tests.conftest import Logged


@pytest.mark.parametrize(
    ("refusals", "outcome"),
    [
        ([], "hung_up"),
        ([204], "hung_up"),
        ([404], "caller_left"),
        ([409], "caller_left"),
        ([410], "caller_left"),
        ([500], None),
        ([401], None),
        ([429], None),
    ],
)
async def test_answers_to_a_hang_up(
    autojump_clock: MockClock, world: World, refusals: list[int], outcome: Outcome | None, logged: Logged
) -> None:
    call = world.dial()
    call.hang_up_refusals = refusals
    assert await pay(world.setting, call.id) == outcome
    assert any(line["event"] == "hang_up_failed" for line in logged()) == (outcome is None)


def test_causes_of_an_end_that_nobody_wanted() -> None:
    assert causes(LineEnd(lost=True, why="closed with 1006"), None) == ("closed with 1006",)
    assert causes(None, None) == ("unknown",)
    bug = BaseExceptionGroup("", [BaseExceptionGroup("", [KeyError("x")])])
    assert causes(None, bug) == ("error in Callwarden: KeyError",)


class Ledger(MemoryLedger):
    """One that fails to keep the first receipts."""

    def __init__(self, failures: int, *, slowly: bool = False) -> None:
        super().__init__()
        self.failures = failures
        self.slowly = slowly

    async def settle(self, call_id: str, receipt: Receipt, events: dict[str, int]) -> bool:
        if self.failures:
            self.failures -= 1
            if self.slowly:
                await trio.sleep(3600)
            raise OSError("disk full")
        return await super().settle(call_id, receipt, events)


async def owed_to(ledger: Ledger, nursery: trio.Nursery) -> World:
    """A world whose calls and collector share a ledger that fails."""
    world = World(configuration(), nursery, ledger=ledger)
    world.collector._ledger = ledger
    await world.start()
    return world


@pytest.mark.parametrize("slowly", [True, False])
async def test_a_ledger_that_fails_costs_neither_the_receipt_nor_a_second_hang_up(
    nursery: trio.Nursery, autojump_clock: MockClock, slowly: bool
) -> None:
    ledger = Ledger(1, slowly=slowly)
    world = await owed_to(ledger, nursery)
    call = world.dial()
    await world.offer(call).verdict()
    await trio.sleep(1)
    world.supervisor.hang_up(call.id, "operator")
    await world.supervisor.idle()
    await trio.sleep(120)
    assert world.receipt(call).outcome == "hung_up"
    assert world.receipt(call).reasons == ("operator",)
    assert ledger.receipts == {call.id: world.receipt(call)}
    assert call.hang_ups == 1
    world.stop()


async def test_a_transferred_call_is_not_hung_up_because_the_ledger_is_slow(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    ledger = Ledger(3)
    world = await owed_to(ledger, nursery)
    call = world.dial()
    await world.offer(call).verdict()
    await trio.sleep(1)
    (live,) = world.supervisor.calls()
    live.over("transferred", "transfer to desk")
    await world.supervisor.idle()
    await trio.sleep(600)
    assert world.receipt(call).outcome == "transferred"
    assert call.hang_ups == 0
    assert world.collector.debts == ()
    world.stop()


async def test_a_bug_while_hanging_up_leaves_a_debt(
    autojump_clock: MockClock, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(call_id: str) -> HangUpOutcome:
        raise ValueError("a bug")

    monkeypatch.setattr(world.platform, "hang_up", broken)
    call = world.dial()
    await world.offer(call).verdict()
    await trio.sleep(1)
    world.supervisor.hang_up(call.id, "operator")
    await world.supervisor.idle()
    assert [debt.call_id for debt in world.collector.debts] == [call.id]
    monkeypatch.undo()
    await trio.sleep(120)
    assert world.receipt(call).outcome == "hung_up"
    assert call.ended_by == "hangup"
