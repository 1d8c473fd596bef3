"""Hang-ups that are owed: tried until the platform confirms them, or the call must be over by itself."""

import pytest
import trio
from trio.testing import MockClock

from daemon.calls.collector import DebtCollector
from daemon.core import journal
from daemon.core.receipts import Debt
from daemon.errors import PlatformUnavailable
from daemon.platforms.base import HangUpOutcome
from daemon.sandbox.switchboard import SandboxCall
from tests.calls.world import World
from tests.conftest import Logged


async def ended_by_an_operator(world: World, refusals: list[int]) -> SandboxCall:
    call = world.dial()
    call.hang_up_refusals = refusals
    await world.offer(call).verdict()
    await trio.sleep(1)
    world.supervisor.hang_up(call.id, "operator")
    await world.supervisor.idle()
    return call


def owed(call_id: str) -> Debt:
    return Debt(call_id=call_id, reasons=("x",), joined=True, received_at=0.0, events={})


async def test_a_refused_hang_up_frees_the_slot_and_is_tried_again(autojump_clock: MockClock, world: World) -> None:
    call = await ended_by_an_operator(world, [500, 503, 500])
    assert world.receipts(call) == []
    assert [debt.call_id for debt in world.collector.debts] == [call.id]
    assert world.supervisor.live == 0
    await trio.sleep(60)
    assert world.receipt(call).outcome == "hung_up"
    assert world.receipt(call).reasons == ("operator",)
    assert world.collector.debts == ()
    assert call.hang_ups == 4
    assert world.ledger.receipts[call.id] == world.receipt(call)
    assert [type(entry).__name__ for entry in world.entries(call)][-2:] == ["HangUpOwed", "Ended"]


@pytest.mark.parametrize("status", [404, 409, 410])
async def test_a_call_that_is_over_discharges(autojump_clock: MockClock, world: World, status: int) -> None:
    call = await ended_by_an_operator(world, [500, status])
    await trio.sleep(60)
    assert world.receipt(call).outcome == "caller_left"


async def test_retry_after_is_honoured(
    autojump_clock: MockClock, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[float] = []

    async def busy(call_id: str) -> HangUpOutcome:
        await trio.lowlevel.checkpoint()
        tries.append(trio.current_time())
        if len(tries) < 3:
            raise PlatformUnavailable("HTTP 429", retry_after=20.0)
        return HangUpOutcome.HUNG_UP

    monkeypatch.setattr(world.platform, "hang_up", busy)
    world.collector.owe(owed("c"))
    await trio.sleep(120)
    assert tries[1] - tries[0] == pytest.approx(20)
    assert tries[2] - tries[1] == pytest.approx(20)
    assert world.collector.debts == ()


async def test_backoff_and_in_the_end_lost(autojump_clock: MockClock, world: World, logged: Logged) -> None:
    call = await ended_by_an_operator(world, [500] * 100_000)
    await trio.sleep(7200 - 60)
    assert world.receipts(call) == []
    assert 110 < call.hang_ups < 250  # about one a minute, not one a second
    await trio.sleep(180)
    receipt = world.receipt(call)
    assert receipt.outcome == "lost"
    assert receipt.reasons == ("longest call has passed", "operator")
    assert receipt.seconds == pytest.approx(7200, abs=120)
    assert [line["call_id"] for line in logged() if line["event"] == "call_lost"] == [call.id]


async def test_no_answer_is_as_good_as_a_refusal(
    autojump_clock: MockClock, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hangs(call_id: str) -> HangUpOutcome:
        await trio.sleep(3600)
        return HangUpOutcome.HUNG_UP

    monkeypatch.setattr(world.platform, "hang_up", hangs)
    call = world.dial()
    await world.offer(call).verdict()
    await trio.sleep(1)
    world.supervisor.hang_up(call.id, "operator")
    before = trio.current_time()
    await world.supervisor.idle()
    # The call's own task gives it the configured time, even though it is being cancelled, and goes.
    assert trio.current_time() - before == world.config.platform.xai.hang_up_timeout
    assert len(world.collector.debts) == 1
    monkeypatch.undo()
    await trio.sleep(30)
    assert world.receipt(call).outcome == "hung_up"


async def test_before_the_daemon_exits_everything_is_tried_at_once(
    autojump_clock: MockClock, world: World, logged: Logged
) -> None:
    payable = await ended_by_an_operator(world, [500, 500])
    hopeless = await ended_by_an_operator(world, [500] * 1000)
    before = trio.current_time()
    with trio.move_on_after(10):
        await world.collector.settle()
    world.collector.close_books()
    assert trio.current_time() - before == pytest.approx(10)
    assert world.receipt(payable).outcome == "hung_up"
    assert [debt.call_id for debt in world.collector.debts] == [hopeless.id]
    assert [line["call_id"] for line in logged() if line["event"] == "debt_remains"] == [hopeless.id]


async def test_nothing_owed_nothing_waited_for(autojump_clock: MockClock, world: World) -> None:
    await world.collector.settle()
    assert trio.current_time() == 0


async def test_a_bug_while_collecting_ends_no_other_debt(
    autojump_clock: MockClock, world: World, monkeypatch: pytest.MonkeyPatch, logged: Logged
) -> None:
    async def broken(call_id: str) -> HangUpOutcome:
        await trio.lowlevel.checkpoint()
        if call_id == "sick":
            raise ValueError("a bug")
        return HangUpOutcome.HUNG_UP

    monkeypatch.setattr(world.platform, "hang_up", broken)
    for call_id in ("sick", "well"):
        world.collector.owe(owed(call_id))
    await trio.sleep(5)
    assert [debt.call_id for debt in world.collector.debts] == ["sick"]
    assert [line["call_id"] for line in logged() if line["event"] == "debt_failed"] == ["sick"]
    assert [record.call_id for record in world.records if isinstance(record.entry, journal.Ended)] == ["well"]


async def test_a_debt_that_comes_when_nobody_collects_any_more_is_on_record(
    autojump_clock: MockClock, world: World, logged: Logged
) -> None:
    collector = DebtCollector(
        world.platform, world.ledger, world.setting.feed, world.config.platform.xai, world.setting.rng
    )
    async with trio.open_nursery() as nursery:
        await nursery.start(collector.run)
        nursery.cancel_scope.cancel(reason="the daemon is torn down")
    collector.owe(owed("late"))
    await trio.sleep(60)
    assert [debt.call_id for debt in collector.debts] == ["late"]
    assert [line["call_id"] for line in logged() if line["event"] == "hang_up_owed"] == ["late"]
