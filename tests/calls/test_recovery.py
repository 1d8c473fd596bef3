"""Calls whose owner is no more, calls that are another's now, and orders from elsewhere."""

import msgspec
import pytest
import trio
from trio.testing import MockClock

from daemon.calls.recovery import follow, recover
from daemon.config import Agent, Config, Recovery
from daemon.core.receipts import Receipt
from daemon.drain import lame_duck
from daemon.ledger.epochs import Orphan
from daemon.ledger.memory import MemoryLedger
from daemon.ledger.news import Adopted, News, Relieved
from daemon.ledger.orders import Order
from daemon.operate.stop import Stop
from daemon.operate.systemd import Notifier
from daemon.sandbox.script import Drop, Leave, Say, Script, Wait
from daemon.sandbox.switchboard import SandboxCall
from tests.calls.world import World
from tests.configured import configuration

QUIET = Agent(instructions="x", greeting="Welcome.", silence_timeout=0.0)
TALKS = Script(steps=(Wait(1), Say("hello"), Leave()), seconds_per_word=0.1)
STAYS = Script(seconds_per_word=0.1)


def config(*, on_restart: str = "rejoin", agent: Agent = QUIET) -> Config:
    recovery = Recovery(on_restart="hang_up" if on_restart == "hang_up" else "rejoin")
    return msgspec.structs.replace(configuration(agent=agent), recovery=recovery)


async def running(nursery: trio.Nursery, settings: Config, ledger: MemoryLedger | None = None) -> World:
    world = World(settings, nursery, ledger=ledger)
    await world.start()
    return world


def orphan(world: World, call: SandboxCall, *, age: float = 60.0, joined: bool = True, **changes: object) -> Orphan:
    """The call as the ledger would hand it out."""
    left = Orphan(incoming=world.incoming(call), agent="support", age=age, joined=joined, owed_for=(), former="before")
    return msgspec.structs.replace(left, **changes)


def sent(call: SandboxCall) -> list[str]:
    return [frame["type"] for session in call.sessions for frame in session.heard]


async def test_a_call_in_progress_is_rejoined_without_a_greeting(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    world = await running(nursery, config())
    call = world.dial(TALKS)
    assert await recover([orphan(world, call)], world.supervisor, patience=5.0) == 1
    assert call.joins == 1  # before anybody says READY
    await world.supervisor.idle()
    assert sent(call) == ["session.update"]
    receipt = world.receipt(call)
    assert receipt.outcome == "caller_left"
    assert receipt.joined
    assert receipt.seconds > 60  # from its claim
    world.stop()


async def test_a_fresh_call_that_was_never_joined_is_greeted(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    world = await running(nursery, config())
    call = world.dial(TALKS)
    await recover([orphan(world, call, age=2.0, joined=False)], world.supervisor, patience=5.0)
    await world.supervisor.idle()
    assert sent(call)[:2] == ["session.update", "conversation.item.create"]
    world.stop()


async def settled(world: World, call: SandboxCall) -> Receipt:
    for _ in range(10_000):
        if world.receipts(call):
            break
        await trio.sleep(1)
    return world.receipt(call)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"age": 45.0, "joined": False}, "never joined in 45s"),
        ({"owed_for": ("silence 30s",)}, "silence 30s"),
        ({"agent": "gone"}, "no agent gone"),
    ],
)
async def test_what_there_is_no_point_in_joining_is_hung_up(
    nursery: trio.Nursery, autojump_clock: MockClock, changes: dict[str, object], reason: str
) -> None:
    world = await running(nursery, config())
    call = world.dial(STAYS)
    await recover([orphan(world, call, **changes)], world.supervisor, patience=5.0)  # type: ignore[arg-type]
    receipt = await settled(world, call)
    assert (receipt.outcome, receipt.reasons[0]) == ("hung_up", reason)
    assert call.joins == 0
    assert call.ended_by == "hangup"
    world.stop()


async def test_on_restart_hang_up(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    world = await running(nursery, config(on_restart="hang_up"))
    call = world.dial(STAYS)
    await recover([orphan(world, call)], world.supervisor, patience=5.0)
    receipt = await settled(world, call)
    assert receipt.reasons == ("on_restart hang_up", "its daemon is gone (epoch before)")
    assert call.joins == 0
    world.stop()


async def test_on_restart_is_not_for_calls_that_were_left_on_purpose(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    world = await running(nursery, config(on_restart="hang_up"))
    call = world.dial(TALKS)
    await recover([orphan(world, call, former="released by before")], world.supervisor, patience=5.0)
    await world.supervisor.idle()
    assert call.joins == 1
    assert world.receipt(call).outcome == "caller_left"
    world.stop()


async def test_a_caller_who_left_meanwhile(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    world = await running(nursery, config())
    call = world.dial(STAYS)
    call.end("caller")
    await recover([orphan(world, call)], world.supervisor, patience=20.0)
    assert (await settled(world, call)).outcome == "caller_left"
    world.stop()


async def test_its_longest_duration_counts_from_its_claim(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    brief = msgspec.structs.replace(QUIET, max_duration=100.0)
    world = await running(nursery, config(agent=brief))
    call = world.dial(STAYS)
    await recover([orphan(world, call, age=90.0)], world.supervisor, patience=5.0)
    began = trio.current_time()
    receipt = await settled(world, call)
    assert receipt.reasons == ("max duration 100s",)
    assert trio.current_time() - began < 15
    world.stop()


async def test_a_repeat_of_its_webhook_is_known(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    world = await running(nursery, config())
    call = world.dial(TALKS)
    await recover([orphan(world, call)], world.supervisor, patience=5.0)
    assert (await world.offer(call).verdict()).value == "duplicate"
    await world.supervisor.idle()
    assert (await world.offer(call).verdict()).value == "duplicate"
    assert call.joins == 1
    world.stop()


async def test_a_slow_platform_does_not_keep_us_from_starting(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    world = await running(nursery, config())
    call = world.dial(TALKS)
    call.join_refusals = [503] * 50
    began = trio.current_time()
    await recover([orphan(world, call)], world.supervisor, patience=3.0)
    assert trio.current_time() - began == 3
    assert (await settled(world, call)).outcome == "hung_up"
    world.stop()


class Fenced(MemoryLedger):
    """One in which every call is another's from some time on."""

    lost = False

    async def ours(self, call_id: str) -> bool:
        await super().ours(call_id)
        return not self.lost

    async def settle(self, call_id: str, receipt: Receipt, events: dict[str, int]) -> bool:
        await super().settle(call_id, receipt, events)
        return not self.lost


class Wire:
    """The ledger's side of the news."""

    def __init__(self, nursery: trio.Nursery, world: World) -> None:
        self.tell, news = trio.open_memory_channel[News](10)
        self.reports: dict[str, str] = {}

        async def report(order_id: str, result: str) -> None:
            await trio.lowlevel.checkpoint()
            self.reports[order_id] = result

        nursery.start_soon(follow, news, world.supervisor, report)

    async def order(self, verb: str, call_id: str | None = None, argument: str = "") -> str:
        """Give an order and wait for what became of it."""
        self.tell.send_nowait(
            msgspec.convert(
                {"id": "o1", "verb": verb, "call_id": call_id, "argument": argument, "asked_by": "ada@node-2"}, Order
            )
        )
        for _ in range(300):
            if "o1" in self.reports:
                break
            await trio.sleep(0.1)
        return self.reports.pop("o1")


async def test_a_relieved_call_is_let_go_and_not_hung_up(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    ledger = Fenced()
    world = await running(nursery, config(), ledger)
    wire = Wire(nursery, world)
    call = world.dial(STAYS)
    await world.offer(call).verdict()
    await trio.sleep(2)
    ledger.lost = True
    wire.tell.send_nowait(Relieved((call.id, "never-here")))
    await world.supervisor.idle()
    assert world.receipt(call).outcome == "handed_over"
    assert world.receipt(call).reasons == ("another node has the call",)
    assert call.hang_ups == 0
    assert not call.over.is_set()
    world.stop()


@pytest.mark.parametrize("steps", [(Wait(1), Drop(1011)), (Wait(1), Wait(1, over=True))])
async def test_a_node_that_woke_up_too_late_does_no_harm(
    nursery: trio.Nursery, autojump_clock: MockClock, steps: tuple[Wait | Drop, ...]
) -> None:
    ledger = Fenced()
    world = await running(nursery, config(), ledger)
    call = world.dial(Script(steps=steps, seconds_per_word=0.1))
    await world.offer(call).verdict()
    await trio.sleep(0.5)
    ledger.lost = True  # while we slept; nobody has told us yet
    await trio.sleep(2)
    world.supervisor.hang_up_all("SIGTERM")
    await world.supervisor.idle()
    assert world.receipt(call).outcome == "handed_over"
    assert (call.joins, call.hang_ups) == (1, 0)
    world.stop()


async def test_a_debt_of_a_call_that_another_node_has(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    ledger = Fenced()
    world = await running(nursery, config(), ledger)
    call = world.dial(STAYS)
    call.hang_up_refusals = [500]
    await world.offer(call).verdict()
    await trio.sleep(0.5)
    world.supervisor.hang_up_all("SIGTERM")
    await world.supervisor.idle()
    ledger.lost = True
    assert (await settled(world, call)).outcome == "handed_over"
    assert call.hang_ups == 1
    assert world.collector.debts == ()
    world.stop()


async def test_a_dead_nodes_calls_come_while_we_run(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    world = await running(nursery, config())
    wire = Wire(nursery, world)
    calls = [world.dial(TALKS) for _ in range(3)]
    wire.tell.send_nowait(Adopted(tuple(orphan(world, call) for call in calls)))
    for call in calls:
        assert (await settled(world, call)).outcome == "caller_left"
    assert {call.joins for call in calls} == {1}
    world.stop()


async def test_an_adopted_call_that_we_have_is_not_taken_twice(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    world = await running(nursery, config())
    call = world.dial(TALKS)
    await world.offer(call).verdict()
    await recover([orphan(world, call)], world.supervisor, patience=1.0)
    await world.supervisor.idle()
    assert call.joins == 1
    assert len(world.receipts(call)) == 1
    world.stop()


async def test_nothing_is_taken_over_once_all_are_hung_up(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    world = await running(nursery, config())
    world.supervisor.hang_up_all("SIGTERM")
    call = world.dial(STAYS)
    await recover([orphan(world, call)], world.supervisor, patience=1.0)
    receipt = await settled(world, call)
    assert receipt.reasons == ("the daemon stops", "its daemon is gone (epoch before)")
    assert call.ended_by == "hangup"
    world.stop()


async def test_orders_from_elsewhere(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    world = await running(nursery, config())
    wire = Wire(nursery, world)
    call = world.dial(STAYS)
    await world.offer(call).verdict()
    await trio.sleep(1)
    assert await wire.order("pause") == "done"
    assert not world.supervisor.ready
    assert await wire.order("resume") == "done"
    assert await wire.order("transfer", call.id, "nowhere") == "it can't be transferred now, or not there"
    assert await wire.order("hang_up", call.id, "too late in the day") == "done"
    assert world.receipt(call).reasons == ("too late in the day", "operator ada@node-2")
    assert await wire.order("hang_up", call.id) == "no such call in progress"
    world.stop()


async def test_an_order_to_resume_calls_a_drain_off(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    world = await running(nursery, config())
    wire, stop = Wire(nursery, world), Stop()
    nursery.start_soon(lame_duck, world.supervisor, stop, Notifier())
    stop.drain("operator ada")
    await trio.sleep(0.1)
    ready = [world.supervisor.ready]
    assert await wire.order("resume") == "done"
    await trio.sleep(0.1)
    ready.append(world.supervisor.ready)
    assert ready == [False, True]
    stop.drain("operator ada")
    await trio.sleep(60)
    assert await wire.order("resume") == "the daemon drains, and it is too late to resume"
    world.stop()


async def test_an_order_whose_hang_up_the_platform_refuses(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    world = await running(nursery, config())
    wire = Wire(nursery, world)
    call = world.dial(STAYS)
    call.hang_up_refusals = [500]
    await world.offer(call).verdict()
    await trio.sleep(1)
    assert "has not confirmed" in await wire.order("hang_up", call.id)
    assert (await settled(world, call)).reasons == ("operator ada@node-2",)
    world.stop()
