"""Callers for whom no agent is free: refused, sent elsewhere, or told so, in the order of their number's plan."""

import msgspec
import pytest
import trio
from trio.testing import MockClock

from daemon.calls.admission import Verdict
from daemon.config import Config, Destination, Limits, Number
from daemon.core import journal
from daemon.platforms.base import ReferOutcome, ReferResult
from daemon.sandbox.script import Leave, Script, Wait
from tests.calls.world import World
from tests.configured import CALLED, configuration

DESK = "tel:+14155550123"
ANNOUNCE = "announce:All lines are busy."


def config(
    *plan: str, own: tuple[str, ...] = (), unrouted: tuple[str, ...] = ("refuse",), diverted: int = 10
) -> Config:
    limits = Limits(max_calls=1, overflow=plan or ("refuse",), unrouted=unrouted, max_overflow_calls=diverted)
    return msgspec.structs.replace(
        configuration(),
        limits=limits,
        numbers={CALLED: Number(agent="support", overflow=own)},
        destinations={"desk": Destination(uri=DESK)},
    )


async def full(nursery: trio.Nursery, settings: Config) -> World:
    """A world whose only slot is taken."""
    world = World(settings, nursery)
    await world.start()
    await world.offer(world.dial()).verdict()
    return world


async def test_refuse(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    world = await full(nursery, config())
    call = world.dial()
    assert await world.offer(call).verdict() is Verdict.FULL
    await trio.sleep(1)
    assert (call.joins, call.refers, world.receipts(call)) == (0, [], [])
    world.stop()


async def test_refer(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    world = await full(nursery, config("refer:desk"))
    call = world.dial()
    assert await world.offer(call).verdict() is Verdict.CLAIMED
    await trio.sleep(1)
    assert call.refers == [DESK]
    assert call.joins == 0
    assert world.receipt(call).outcome == "transferred"
    assert world.receipt(call).reasons == ("transfer to desk", "overflow: every slot is taken")
    assert call.hang_ups == 0
    world.stop()


async def test_announce(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    world = await full(nursery, config(ANNOUNCE))
    call = world.dial()
    assert await world.offer(call).verdict() is Verdict.CLAIMED
    await trio.sleep(10)
    assert call.session is not None
    assert call.session.spoken == ["All lines are busy."]
    assert not call.cut_off
    assert world.receipt(call).outcome == "hung_up"
    assert world.receipt(call).reasons == ("announcement", "overflow: every slot is taken")
    world.stop()


async def test_in_order_until_one_works(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    world = await full(nursery, config("refer:desk", ANNOUNCE, "refuse"))
    call = world.dial()
    call.refer_status = 502
    assert await world.offer(call).verdict() is Verdict.CLAIMED
    await trio.sleep(10)
    (failed,) = [entry for entry in world.entries(call) if isinstance(entry, journal.TransferFailed)]
    assert (failed.result, failed.sip_status) == ("rejected", 486)
    assert call.session is not None
    assert call.session.spoken == ["All lines are busy."]
    world.stop()


async def test_when_nothing_works_the_caller_is_hung_up(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    world = await full(nursery, config("refer:desk", "refuse"))
    call = world.dial()
    call.refer_status = 504
    assert await world.offer(call).verdict() is Verdict.CLAIMED
    await trio.sleep(1)
    assert world.receipt(call).outcome == "hung_up"
    assert world.receipt(call).reasons == ("overflow plan exhausted", "overflow: every slot is taken")
    world.stop()


async def test_the_number_has_a_plan_of_its_own(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    world = await full(nursery, config("refuse", own=("refer:desk",)))
    call = world.dial()
    assert await world.offer(call).verdict() is Verdict.CLAIMED
    await trio.sleep(1)
    assert call.refers == [DESK]
    world.stop()


async def test_no_agent_for_the_number(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    world = await full(nursery, config(unrouted=("refer:desk",)))
    call = world.dial()
    call.called = "+18005550000"
    assert await world.offer(call).verdict() is Verdict.CLAIMED
    await trio.sleep(1)
    assert world.receipt(call).reasons == ("transfer to desk", "overflow: no agent for the called number")
    world.stop()


async def test_diverted_callers_take_no_slot_but_are_bounded(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    world = await full(nursery, config(ANNOUNCE, diverted=2))
    verdicts = [await world.offer(world.dial()).verdict() for _ in range(3)]
    assert verdicts == [Verdict.CLAIMED, Verdict.CLAIMED, Verdict.FULL]
    next(iter(world.supervisor.calls())).hang_up("operator")
    await trio.sleep(0.1)
    # An agent's slot is free again, while two callers are still being told that none is.
    assert await world.offer(world.dial()).verdict() is Verdict.CLAIMED
    world.stop()


async def test_hang_up_while_it_rings_elsewhere(
    nursery: trio.Nursery, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = await full(nursery, config("refer:desk"))

    async def rings(call_id: str, target_uri: str) -> ReferOutcome:
        await trio.sleep(60)
        return ReferOutcome(ReferResult.TIMED_OUT)

    monkeypatch.setattr(world.platform, "refer", rings)
    call = world.dial()
    await world.offer(call).verdict()
    await trio.sleep(5)
    assert world.supervisor.hang_up(call.id, "operator")
    await trio.sleep(1)
    assert world.receipt(call).outcome == "hung_up"
    assert world.receipt(call).seconds == pytest.approx(5)
    world.stop()


async def test_capacity_of_a_number(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    other = "+18005550111"
    settings = msgspec.structs.replace(
        configuration(max_calls=3),
        numbers={CALLED: Number(agent="support", max_calls=1), other: Number(agent="support")},
    )
    world = World(settings, nursery)
    await world.start()
    assert await world.offer(world.dial()).verdict() is Verdict.CLAIMED
    assert await world.offer(world.dial()).verdict() is Verdict.FULL
    calls = [world.dial() for _ in range(3)]
    for call in calls:
        call.called = other
    verdicts = [await world.offer(call).verdict() for call in calls]
    assert verdicts == [Verdict.CLAIMED, Verdict.CLAIMED, Verdict.FULL]
    world.stop()


async def test_a_slot_can_not_leak(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    world = World(configuration(max_calls=1), nursery)
    await world.start()
    for _ in range(50):
        call = world.dial(Script(steps=(Wait(1), Leave())))
        assert await world.offer(call).verdict() is Verdict.CLAIMED
        assert await world.offer(world.dial()).verdict() is Verdict.FULL
        await world.supervisor.idle()
    world.stop()


async def test_pause_and_resume(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    world = World(configuration(), nursery)
    await world.start()
    live = world.dial(Script(steps=(Wait(20), Leave())))
    await world.offer(live).verdict()
    world.supervisor.pause()
    ready = [world.supervisor.ready]
    call = world.dial()
    assert await world.offer(call).verdict() is Verdict.PAUSED
    world.supervisor.resume()
    ready.append(world.supervisor.ready)
    assert await world.offer(call).verdict() is Verdict.CLAIMED
    assert ready == [False, True]
    assert not live.over.is_set()
    world.stop()


async def test_two_destinations_one_after_the_other(
    nursery: trio.Nursery, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = config("refer:desk", "refer:night")
    night = {**settings.destinations, "night": Destination(uri="tel:+14155550124")}
    world = await full(nursery, msgspec.structs.replace(settings, destinations=night))
    answers = [ReferOutcome(ReferResult.REJECTED), ReferOutcome(ReferResult.ANSWERED)]

    async def refer(call_id: str, target_uri: str) -> ReferOutcome:
        await trio.sleep(1)
        return answers.pop(0)

    monkeypatch.setattr(world.platform, "refer", refer)
    call = world.dial()
    await world.offer(call).verdict()
    await trio.sleep(5)
    assert world.receipt(call).outcome == "transferred"
    assert world.receipt(call).reasons[0] == "transfer to night"
    world.stop()


async def test_a_transfer_that_may_have_worked_ends_the_plan(
    nursery: trio.Nursery, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = await full(nursery, config("refer:desk", ANNOUNCE))

    async def refer(call_id: str, target_uri: str) -> ReferOutcome:
        await trio.sleep(1)
        return ReferOutcome(ReferResult.UNKNOWN)

    monkeypatch.setattr(world.platform, "refer", refer)
    call = world.dial()
    await world.offer(call).verdict()
    await trio.sleep(10)
    assert call.joins == 0
    assert world.receipt(call).reasons == ("overflow plan exhausted", "overflow: every slot is taken")
    world.stop()


async def test_a_long_announcement_is_heard_to_its_end(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    words = "sorry " * 160
    world = await full(nursery, config(f"announce:{words}"))
    call = world.dial(Script(seconds_per_word=0.45))
    await world.offer(call).verdict()
    await trio.sleep(110)
    assert world.receipt(call).reasons[0] == "announcement"
    assert not call.cut_off
    world.stop()
