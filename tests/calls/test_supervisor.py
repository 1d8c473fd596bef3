"""Letting calls in, keeping them apart, and letting them go."""

import contextvars
import gc
import weakref

import msgspec
import pytest
import trio
from trio.testing import MockClock

from daemon.calls.admission import Verdict
from daemon.config import Agent, Destination
from daemon.core.commands import Command
from daemon.core.conversation import Conversation
from daemon.core.events import Event, UnknownEvent
from daemon.core.incoming import IncomingCall
from daemon.errors import LedgerUnavailable
from daemon.ledger.memory import MemoryLedger
from daemon.platforms.base import ReferOutcome
from daemon.sandbox.script import Emit, Leave, Reply, Say, Script, Wait
from tests.calls.world import World
from tests.configured import configuration
from tests.conftest import Logged


async def test_ten_calls_of_which_one_meets_a_bug(
    nursery: trio.Nursery,
    autojump_clock: MockClock,
    monkeypatch: pytest.MonkeyPatch,
    logged: Logged,
) -> None:
    receive = Conversation.receive

    def broken(self: Conversation, event: Event, now: float) -> list[Command]:
        if event == UnknownEvent("crash.now"):
            raise ZeroDivisionError("a bug of ours")
        return receive(self, event, now)

    monkeypatch.setattr(Conversation, "receive", broken)
    world = World(configuration(max_calls=10), nursery)
    await world.start()
    talk = Script(steps=(Say("hello there"), Wait(5), Leave()), replies=(Reply("Good day."),))
    calls = [world.dial(talk) for _ in range(9)]
    tenth = world.dial(Script(steps=(Wait(1), Emit('{"type": "crash.now"}'))))
    for call in [*calls[:5], tenth, *calls[5:]]:
        assert await world.offer(call).verdict() is Verdict.CLAIMED
    await world.supervisor.idle()

    assert [world.receipt(call).outcome for call in calls] == ["caller_left"] * 9
    assert all(call.session and call.session.spoken == ["Welcome.", "Good day."] for call in calls)
    assert world.receipt(tenth).outcome == "hung_up"
    assert world.receipt(tenth).reasons == ("error in Callwarden: ZeroDivisionError",)
    assert tenth.ended_by == "hangup"
    assert tenth.close_codes == [1000]
    (failure,) = [line for line in logged() if line["event"] == "call_failed"]
    assert failure["call_id"] == tenth.id
    assert "ZeroDivisionError" in str(failure["exception"])
    assert "locals" not in str(failure["exception"][0]["frames"][0])
    assert world.supervisor.ready
    world.stop()


async def test_bug_in_the_clean_up_of_a_cancelled_call(
    autojump_clock: MockClock, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Raised during a cancellation it comes in one group with Cancelled: `except Exception` would let the group kill
    # the calls nursery and with it the other call.
    sick, well = world.dial(), world.dial(Script(steps=(Wait(60), Leave())))
    await world.offer(sick).verdict()
    await world.offer(well).verdict()
    await trio.sleep(1)

    async def broken(call_id: str) -> None:
        raise ValueError("a bug in the clean-up")

    control = world.platform._control
    hang_up = control.hang_up
    monkeypatch.setattr(control, "hang_up", broken)
    next(iter(world.supervisor.calls())).hang_up("operator")
    await trio.sleep(1)
    monkeypatch.setattr(control, "hang_up", hang_up)
    assert world.supervisor.live == 1
    await world.supervisor.idle()
    assert world.receipt(well).outcome == "caller_left"


async def test_redelivery_of_a_live_call(autojump_clock: MockClock, world: World) -> None:
    call = world.dial()
    first, second = world.offer(call), world.offer(call)
    assert await first.verdict() is Verdict.CLAIMED
    assert await second.verdict() is Verdict.DUPLICATE
    assert await world.offer(call).verdict() is Verdict.DUPLICATE
    await trio.sleep(1)
    assert call.joins == 1
    assert world.supervisor.live == 1
    world.supervisor.hang_up_all("test")


async def test_redelivery_of_a_call_that_is_over(autojump_clock: MockClock, world: World) -> None:
    call = world.dial(Script(steps=(Leave(),)))
    await world.offer(call).verdict()
    await world.supervisor.idle()
    assert await world.offer(call).verdict() is Verdict.DUPLICATE
    await world.supervisor.idle()
    assert call.joins == 1
    assert len(world.receipts(call)) == 1


async def test_redelivery_of_a_call_that_is_over_while_every_slot_is_taken(
    autojump_clock: MockClock, world: World
) -> None:
    over = world.dial(Script(steps=(Leave(),)))
    await world.offer(over).verdict()
    await world.supervisor.idle()
    for _ in range(3):
        await world.offer(world.dial()).verdict()
    assert await world.offer(world.dial()).verdict() is Verdict.FULL
    assert await world.offer(over).verdict() is Verdict.DUPLICATE  # refused, the sender would try for ever
    world.supervisor.hang_up_all("test")


async def test_same_delivery_with_another_call_id(autojump_clock: MockClock, world: World) -> None:
    one, two = world.dial(), world.dial()
    assert await world.supervisor.offer(world.incoming(one, webhook_id="m")).verdict() is Verdict.CLAIMED
    assert await world.supervisor.offer(world.incoming(two, webhook_id="m")).verdict() is Verdict.DUPLICATE
    world.supervisor.hang_up_all("test")


async def test_every_slot_taken(autojump_clock: MockClock, world: World) -> None:
    calls = [world.dial() for _ in range(4)]
    verdicts = [await world.offer(call).verdict() for call in calls]
    assert verdicts == [Verdict.CLAIMED] * 3 + [Verdict.FULL]
    next(iter(world.supervisor.calls())).hang_up("operator")
    await trio.sleep(1)
    assert await world.offer(calls[3]).verdict() is Verdict.CLAIMED  # refused is not claimed: another try may win
    world.supervisor.hang_up_all("test")


async def test_announced_too_long_ago(autojump_clock: MockClock, world: World) -> None:
    call = world.dial()
    assert await world.supervisor.offer(world.incoming(call, age=31)).verdict() is Verdict.STALE
    assert await world.supervisor.offer(world.incoming(call, age=29)).verdict() is Verdict.CLAIMED
    world.supervisor.hang_up_all("test")


async def test_number_without_an_agent(autojump_clock: MockClock, world: World, logged: Logged) -> None:
    call = world.dial()
    call.called = "+18005550000"
    assert await world.offer(call).verdict() is Verdict.UNROUTED
    assert "[numbers]" in logged()[-1]["fix"]
    withheld = world.incoming(call)
    assert await world.supervisor.offer(replace_called(withheld)).verdict() is Verdict.UNROUTED


def replace_called(incoming: IncomingCall) -> IncomingCall:
    return IncomingCall(
        call_id=incoming.call_id,
        webhook_id=incoming.webhook_id,
        called=None,
        caller=None,
        created_at=None,
        received_at=incoming.received_at,
    )


async def test_not_running_yet(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    world = World(configuration(), nursery)
    assert not world.supervisor.ready
    assert await world.offer(world.dial()).verdict() is Verdict.DRAINING


async def test_leaving_the_pool_still_takes_calls_and_closing_does_not(autojump_clock: MockClock, world: World) -> None:
    ready = [world.supervisor.ready]
    world.supervisor.leave_pool()
    ready.append(world.supervisor.ready)
    assert ready == [True, False]
    call = world.dial(Script(steps=(Wait(10), Leave())))
    assert await world.offer(call).verdict() is Verdict.CLAIMED
    world.supervisor.close()
    assert await world.offer(world.dial()).verdict() is Verdict.DRAINING
    assert await world.offer(call).verdict() is Verdict.DUPLICATE
    await world.supervisor.idle()
    assert world.receipt(call).outcome == "caller_left"


async def test_sender_that_gives_up_waiting_cancels_nothing(autojump_clock: MockClock, world: World) -> None:
    call = world.dial(Script(steps=(Wait(5), Leave())))
    with trio.CancelScope() as sender:
        offer = world.offer(call)
        sender.cancel(reason="the sender disconnected")
        await offer.verdict()
    assert sender.cancelled_caught
    await world.supervisor.idle()
    assert world.receipt(call).outcome == "caller_left"
    assert call.joins == 1


async def test_claim_that_fails_is_no_call_and_no_crash(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    class Broken(MemoryLedger):
        async def claim(self, incoming: IncomingCall, agent: str) -> bool:
            await trio.lowlevel.checkpoint()
            raise OSError("disk full")

    world = World(configuration(), nursery, ledger=Broken())
    await world.start()
    call = world.dial()
    assert await world.offer(call).verdict() is Verdict.UNCLAIMED
    await world.supervisor.idle()
    assert call.joins == 0
    assert world.receipts(call) == []
    world.stop()


async def test_cancelling_the_supervisor_hangs_up_every_call(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    world = World(configuration(), nursery)
    calls = [world.dial() for _ in range(3)]
    async with trio.open_nursery() as inner:
        await inner.start(world.supervisor.run)
        for call in calls:
            await world.offer(call).verdict()
        await trio.sleep(10)
        inner.cancel_scope.cancel(reason="something else failed")
    assert [world.receipt(call).outcome for call in calls] == ["hung_up"] * 3
    assert {world.receipt(call).reasons for call in calls} == {("the daemon stops",)}
    assert all(call.close_codes == [1000] for call in calls)


async def test_a_call_keeps_no_web_request_alive(autojump_clock: MockClock, world: World) -> None:
    class Request:
        pass

    current: contextvars.ContextVar[Request] = contextvars.ContextVar("current")
    token = current.set(Request())
    request = weakref.ref(current.get())
    await world.offer(world.dial()).verdict()
    current.reset(token)
    del token
    gc.collect()
    assert request() is None
    world.supervisor.hang_up_all("test")


async def test_run_ends_when_closed_and_empty(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    world = World(configuration(agent=Agent(instructions="x", silence_timeout=0.0)), nursery)
    await nursery.start(world.collector.run)
    ended = trio.Event()

    async def run() -> None:
        await world.supervisor.run()
        ended.set()

    nursery.start_soon(run)
    await trio.testing.wait_all_tasks_blocked()
    call = world.dial(Script(steps=(Wait(1700), Leave())))
    await world.offer(call).verdict()
    world.supervisor.close()
    await trio.sleep(1650)
    assert not ended.is_set()
    await trio.sleep(1000)
    assert ended.is_set()


async def test_bug_in_a_transfers_clean_up_while_the_daemon_stops(
    nursery: trio.Nursery, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch, logged: Logged
) -> None:
    # The transfer's error and the call's cancellation come in one group: `except Exception` would let it out, and
    # an error out of a call takes the daemon, and every other call, with it.
    settings = msgspec.structs.replace(configuration(), destinations={"desk": Destination(uri="tel:+14155550123")})
    world = World(settings, nursery)
    await nursery.start(world.collector.run)

    async def broken(call_id: str, target_uri: str) -> ReferOutcome:
        try:
            await trio.sleep_forever()
        finally:
            raise ValueError("a bug in the clean-up")

    monkeypatch.setattr(world.platform, "refer", broken)
    sick, well = world.dial(), world.dial()
    async with trio.open_nursery() as daemon:
        await daemon.start(world.supervisor.run)
        for call in (sick, well):
            await world.offer(call).verdict()
        await trio.sleep(5)
        assert world.supervisor.transfer(sick.id, "desk")
        await trio.sleep(5)
        daemon.cancel_scope.cancel(reason="something else failed")
    assert [world.receipt(call).outcome for call in (sick, well)] == ["hung_up", "hung_up"]
    assert [line["call_id"] for line in logged() if line["event"] == "call_failed"] == [sick.id]
    nursery.cancel_scope.cancel(reason="the test is over")


async def test_staleness_is_reckoned_by_the_senders_clock(autojump_clock: MockClock, world: World) -> None:
    # Our own clock is an hour ahead; the sender stamped the event and, a moment later, the delivery.
    fresh, old = world.incoming(world.dial(), age=3600), world.incoming(world.dial(), age=3600)
    signed_soon = msgspec.structs.replace(fresh, sent_at=(fresh.created_at or 0) + 1)
    signed_late = msgspec.structs.replace(old, sent_at=(old.created_at or 0) + 40)
    assert await world.supervisor.offer(signed_soon).verdict() is Verdict.CLAIMED
    assert await world.supervisor.offer(signed_late).verdict() is Verdict.STALE


async def test_a_claim_that_the_ledger_cannot_take(
    nursery: trio.Nursery, autojump_clock: MockClock, logged: Logged
) -> None:
    class Down(MemoryLedger):
        async def claim(self, incoming: IncomingCall, agent: str) -> bool:
            await trio.sleep(5)
            raise LedgerUnavailable("postgresql://db/calls: it can't be reached")

    world = World(configuration(), nursery, ledger=Down())
    await world.start()
    call = world.dial()
    assert await world.offer(call).verdict() is Verdict.UNCLAIMED
    await world.supervisor.idle()
    assert call.joins == 0
    (line,) = [line for line in logged() if line["level"] == "error"]
    assert (line["event"], line["why"]) == ("call_not_claimed", "postgresql://db/calls: it can't be reached")
    world.stop()


async def test_a_daemon_that_can_claim_nothing_is_not_ready(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    ledger = MemoryLedger()
    world = World(configuration(), nursery, ledger=ledger)
    await world.start()
    answers = []
    for claims in (True, False, True):
        ledger.claims = claims
        answers.append(world.supervisor.ready)
    assert answers == [True, False, True]
    world.stop()


async def test_a_heartbeat_goes_through_the_calls_nursery(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    world = World(configuration(), nursery)
    await world.supervisor.beat()  # nothing to prove yet
    await world.start()
    await world.supervisor.beat()
    call = world.dial()
    await world.offer(call).verdict()
    await world.supervisor.beat()
    world.supervisor.close()
    await world.supervisor.beat()
    world.supervisor.hang_up_all("enough")
    await world.supervisor.idle()
    await trio.testing.wait_all_tasks_blocked()
    await world.supervisor.beat()  # nothing left to prove
    world.stop()
