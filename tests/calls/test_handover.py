"""Handing over: calls are let go between two turns, nobody is hung up, and one is tried first."""

import msgspec
import pytest
import trio
from trio.testing import MockClock

from daemon.calls.handover import WHY, hand_over
from daemon.config import Config, Destination
from daemon.config.records import Limits
from daemon.core import journal
from daemon.platforms.base import ReferOutcome, ReferResult
from daemon.sandbox.script import Press, Reply, Say, Script, Step, Wait
from daemon.sandbox.switchboard import SandboxCall
from tests.calls.tools import Worker, with_tools
from tests.calls.world import World
from tests.configured import configuration
from tests.conftest import Logged
from tests.live import eventually

QUIET = Script(seconds_per_word=0.1)
DESTINATIONS = {"front_desk": Destination(uri="tel:+18005550123")}


def config(**changes: object) -> Config:
    return msgspec.structs.replace(configuration(), **changes)


async def ringing(
    nursery: trio.Nursery, *scripts: Script, settings: Config | None = None
) -> tuple[World, list[SandboxCall]]:
    """Some calls that have been greeted, and a second more."""
    world = World(settings or config(), nursery)
    await world.start()
    calls = [world.dial(script) for script in scripts]
    for call in calls:
        await world.offer(call).verdict()
    await trio.sleep(1)
    return world, calls


def let_go(world: World, calls: list[SandboxCall]) -> None:
    """They are let go: not hung up, released, socket closed in good order."""
    for call in calls:
        receipt = world.receipt(call)
        assert (receipt.outcome, receipt.reasons) == ("handed_over", (WHY, "SIGQUIT"))
        assert call.hang_ups == 0
        assert not call.over.is_set()
        assert set(call.close_codes) == {1000}
    assert {*world.ledger.released} == {call.id for call in calls}
    assert world.ledger.receipts == {}
    assert world.collector.debts == ()
    assert all(stream.closed for stream in world.streams)


async def test_a_call_in_a_pause_is_let_go_at_once(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    world, calls = await ringing(nursery, QUIET)
    began = trio.current_time()
    assert await hand_over(world.supervisor, 5.0, "SIGQUIT")
    assert trio.current_time() - began < 0.1
    let_go(world, calls)
    world.stop()


async def test_of_several_calls_one_is_tried_first(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    world, calls = await ringing(nursery, QUIET, QUIET, QUIET)
    assert await hand_over(world.supervisor, 5.0, "SIGQUIT")
    assert [call.joins for call in calls] == [2, 1, 1]
    let_go(world, calls)
    (lost,) = [entry for entry in world.entries(calls[0]) if isinstance(entry, journal.LineLost)]
    assert lost.why == "joining again"
    world.stop()


async def test_if_it_cannot_be_joined_again_nobody_else_is_let_go(
    nursery: trio.Nursery, autojump_clock: MockClock, logged: Logged
) -> None:
    world, calls = await ringing(nursery, QUIET, QUIET, QUIET)
    calls[0].join_refusals = [403]
    assert not await hand_over(world.supervisor, 5.0, "SIGQUIT")
    await trio.sleep(10)
    assert [call.ended_by for call in calls] == ["hangup", None, None]  # to be sure
    assert [call.sockets for call in calls] == [0, 1, 1]
    assert world.ledger.released == []
    (line,) = [line for line in logged() if line["event"] == "hand_over_refused"]
    assert line["call_id"] == calls[0].id
    assert "rejoin refused: HTTP 403" in str(line["why"])
    world.stop()


async def test_a_platform_that_does_not_answer_in_time_is_no_platform_to_hand_over_on(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    world, calls = await ringing(nursery, QUIET, QUIET)
    calls[0].join_refusals = [503] * 100
    began = trio.current_time()
    assert not await hand_over(world.supervisor, 3.0, "SIGQUIT")
    assert trio.current_time() - began == pytest.approx(3.0)
    assert calls[1].sockets == 1
    world.stop()


LONG = "a rather long sentence of twelve words that takes its time indeed"


@pytest.mark.parametrize(
    "busy",
    [
        (Say("hello", over=True),),  # the agent answers
        (Say(LONG),),  # the caller speaks
        (Press("1234", gap=1.0),),  # an entry is not complete
    ],
    ids=["agent", "caller", "keys"],
)
async def test_what_is_going_on_is_waited_for(
    nursery: trio.Nursery, autojump_clock: MockClock, busy: tuple[Step, ...]
) -> None:
    script = Script(steps=(Wait(0.2), *busy), replies=(Reply(LONG),), seconds_per_word=0.3)
    world, calls = await ringing(nursery, script)
    began = trio.current_time()
    assert await hand_over(world.supervisor, 20.0, "SIGQUIT")
    assert 1 < trio.current_time() - began < 19
    let_go(world, calls)
    for entries in (world.entries(call) for call in calls):
        said = {entry.item_id: entry for entry in entries if isinstance(entry, journal.Said)}
        assert all(entry.final for entry in said.values()), said
    world.stop()


async def test_the_greeting_is_not_cut_off(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    world = World(config(), nursery)
    await world.start()
    call = world.dial(Script(seconds_per_word=1.0))
    await world.offer(call).verdict()
    assert await hand_over(world.supervisor, 5.0, "SIGQUIT")
    assert call.session is not None
    assert call.session.spoken == ["Welcome."]
    let_go(world, [call])
    world.stop()


async def test_when_the_time_is_up_a_call_is_let_go_in_mid_sentence(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    script = Script(steps=(Say("hello"),), replies=(Reply(" ".join([LONG] * 20)),), seconds_per_word=0.3)
    world, calls = await ringing(nursery, script, QUIET)
    began = trio.current_time()
    assert await hand_over(world.supervisor, 4.0, "SIGQUIT")
    assert trio.current_time() - began == pytest.approx(4.0, abs=0.2)
    let_go(world, calls)
    world.stop()


async def test_a_transfer_is_waited_for(
    nursery: trio.Nursery, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, (call,) = await ringing(nursery, QUIET, settings=config(destinations=DESTINATIONS))

    async def rings_for_long(*_: object) -> ReferOutcome:
        await trio.sleep(3)
        return ReferOutcome(result=ReferResult.REJECTED)

    monkeypatch.setattr(world.platform, "refer", rings_for_long)
    assert world.supervisor.transfer(call.id, "front_desk", "operator ada")
    began = trio.current_time()
    assert await hand_over(world.supervisor, 10.0, "SIGQUIT")
    assert 3 <= trio.current_time() - began < 3.2
    let_go(world, [call])
    world.stop()


ASKS = Script(
    steps=(Say("book me in"),), replies=(Reply(tool="book", arguments="{}"), Reply("Done.")), seconds_per_word=0.1
)


async def at_work(nursery: trio.Nursery, worker: Worker) -> tuple[World, SandboxCall]:
    """A call on which a tool has just begun."""
    world = World(with_tools("book"), nursery, tools={"book": worker})
    await world.start()
    call = world.dial(ASKS)
    await world.offer(call).verdict()
    await eventually(lambda: worker.began, 10)
    return world, call


async def test_a_tool_is_waited_for_and_its_answer_said(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    worker = Worker(seconds=3)
    world, call = await at_work(nursery, worker)
    assert await hand_over(world.supervisor, 10.0, "SIGQUIT")
    assert len(worker.ended) == 1
    assert call.session is not None
    assert call.session.spoken[-1] == "Done."
    let_go(world, [call])
    world.stop()


async def test_of_a_tool_that_takes_too_long_the_successor_knows(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    worker = Worker(seconds=8)
    world, call = await at_work(nursery, worker)
    assert await hand_over(world.supervisor, 2.0, "SIGQUIT")
    let_go(world, [call])
    await trio.sleep(10)
    assert worker.ended == []  # nobody is there to hear of it, and the successor does not run it again
    (effect,) = await world.ledger.effects(call.id)
    assert (effect.use.id, effect.output) == (worker.began[0][1], None)
    world.stop()


async def test_a_stop_in_the_middle_hangs_up_who_is_left(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    talks = Script(steps=(Say("hello"),), replies=(Reply(" ".join([LONG] * 20)),), seconds_per_word=0.3)
    world, (quiet, talking) = await ringing(nursery, QUIET, talks)
    with trio.move_on_after(2) as patience:
        await hand_over(world.supervisor, 20.0, "SIGQUIT")
    assert patience.cancelled_caught
    world.supervisor.hang_up_all("SIGTERM", "SIGQUIT")
    await world.supervisor.idle()
    assert (world.receipt(quiet).outcome, world.receipt(talking).outcome) == ("handed_over", "hung_up")
    assert (quiet.hang_ups, talking.hang_ups) == (0, 1)
    assert world.ledger.released == [quiet.id]
    world.stop()


async def test_who_is_only_told_that_all_lines_are_busy_is_hung_up(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    limits = Limits(max_calls=1, overflow=("announce:All our lines are busy, and this will take us quite a while.",))
    world = World(config(limits=limits), nursery)
    await world.start()
    calls = [world.dial(Script(seconds_per_word=1.0)) for _ in range(2)]
    for call in calls:
        await world.offer(call).verdict()
    await trio.sleep(1)
    assert await hand_over(world.supervisor, 3.0, "SIGQUIT")
    assert (world.receipt(calls[0]).outcome, world.receipt(calls[1]).outcome) == ("handed_over", "hung_up")
    world.stop()


async def test_a_call_that_is_only_claimed_is_left_to_be_joined(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    world = World(config(), nursery)
    await world.start()
    call = world.dial(QUIET)
    call.join_refusals = [503] * 100
    await world.offer(call).verdict()
    await trio.sleep(0.5)
    assert await hand_over(world.supervisor, 2.0, "SIGQUIT")
    receipt = world.receipt(call)
    assert (receipt.outcome, receipt.joined) == ("handed_over", False)
    assert world.ledger.released == [call.id]
    assert call.hang_ups == 0
    world.stop()


async def test_a_caller_who_leaves_meanwhile_has_left(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    script = Script(steps=(Say("hello"),), replies=(Reply(LONG),), seconds_per_word=0.3)
    world, (call,) = await ringing(nursery, script)
    nursery.start_soon(_leave, call)
    assert await hand_over(world.supervisor, 10.0, "SIGQUIT")
    assert world.receipt(call).outcome == "caller_left"
    assert world.ledger.released == []
    world.stop()


async def _leave(call: SandboxCall) -> None:
    await trio.sleep(0.5)
    call.end("caller")


async def test_nobody_to_hand_over(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    world, _ = await ringing(nursery)
    began = trio.current_time()
    assert await hand_over(world.supervisor, 5.0, "SIGQUIT")
    assert trio.current_time() == began
    world.stop()
