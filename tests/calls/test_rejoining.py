"""Coming back to a call whose socket broke: quickly, quietly, and not for ever."""

import msgspec
import pytest
import trio
from trio.testing import MockClock

from daemon.config import Agent, Config, Recovery
from daemon.core import journal
from daemon.sandbox.script import Drop, Leave, Press, Reply, Say, Script, Step, Wait
from tests.calls.world import World
from tests.configured import configuration

QUIET = Agent(instructions="x", greeting="Welcome.", silence_timeout=0.0)


def config(window: float = 10.0) -> Config:
    return msgspec.structs.replace(configuration(agent=QUIET), recovery=Recovery(rejoin_window=window))


async def running(nursery: trio.Nursery, settings: Config) -> World:
    world = World(settings, nursery)
    await world.start()
    return world


def kinds(world: World, call_id: str) -> list[str]:
    return [type(record.entry).__name__ for record in world.records if record.call_id == call_id]


async def test_the_talk_goes_on_without_a_second_greeting(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    world = await running(nursery, config())
    steps = (Wait(3), Drop(1011), Wait(1), Say("still here"), Leave())
    call = world.dial(Script(steps=steps, replies=(Reply("So am I."),)))
    await world.offer(call).verdict()
    await world.supervisor.idle()

    assert call.joins == 2
    assert [frame["type"] for frame in call.sessions[0].heard] == ["session.update", "conversation.item.create"]
    assert [frame["type"] for frame in call.sessions[1].heard] == ["session.update"]
    assert call.sessions[1].spoken == ["So am I."]
    assert world.receipt(call).outcome == "caller_left"
    assert world.receipt(call).reasons == ("closed with 1000",)
    for kind in ("Greeted", "LineLost", "Rejoined"):
        assert kinds(world, call.id).count(kind) == 1
    world.stop()


@pytest.mark.parametrize("code", [1001, 1000])
async def test_an_end_is_no_break(nursery: trio.Nursery, autojump_clock: MockClock, code: int) -> None:
    world = await running(nursery, config())
    call = world.dial(Script(steps=(Wait(3), Drop(code))))
    await world.offer(call).verdict()
    await world.supervisor.idle()
    assert call.joins == 1
    assert world.receipt(call).outcome == "caller_left"
    world.stop()


async def test_a_refusal_means_that_the_call_is_over(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    world = await running(nursery, config())
    call = world.dial(Script(steps=(Wait(3), Drop(1011))))
    await world.offer(call).verdict()
    await trio.sleep(2)
    call.join_refusals, call.hang_up_refusals = [404], [404]
    await world.supervisor.idle()
    receipt = world.receipt(call)
    assert receipt.outcome == "caller_left"
    assert receipt.reasons == ("rejoin refused: HTTP 404: Refused: refused by the script", "closed with 1011")
    world.stop()


async def test_a_refusal_may_only_mean_that_a_call_is_not_joined_twice(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    world = await running(nursery, config())
    call = world.dial(Script(steps=(Wait(3), Drop(1011))))
    await world.offer(call).verdict()
    await trio.sleep(2)
    call.join_refusals = [404]
    await world.supervisor.idle()
    assert world.receipt(call).outcome == "hung_up"
    assert call.ended_by == "hangup"
    assert call.joins == 1
    world.stop()


async def test_a_refused_key_on_the_way_back_hangs_up(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    world = await running(nursery, config())
    call = world.dial(Script(steps=(Wait(3), Drop(1011))))
    await world.offer(call).verdict()
    await trio.sleep(2)
    call.join_refusals = [401]
    await world.supervisor.idle()
    assert world.receipt(call).outcome == "hung_up"
    assert world.receipt(call).reasons[0].startswith("rejoin refused: HTTP 401")
    world.stop()


async def test_hiccups_are_waited_out_within_the_window(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    world = await running(nursery, config())
    call = world.dial(Script(steps=(Wait(3), Drop(1011), Wait(1), Leave())))
    await world.offer(call).verdict()
    await trio.sleep(2)
    call.join_refusals = [503, 500, 429]
    await world.supervisor.idle()
    (rejoined,) = [entry for entry in world.entries(call) if isinstance(entry, journal.Rejoined)]
    assert 0.5 < rejoined.seconds < 2
    assert world.receipt(call).outcome == "caller_left"
    world.stop()


async def test_the_window_closes(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    world = await running(nursery, config())
    call = world.dial(Script(steps=(Wait(3), Drop(1011))))
    await world.offer(call).verdict()
    await trio.sleep(2)
    call.join_refusals = [503] * 100
    await world.supervisor.idle()
    receipt = world.receipt(call)
    assert receipt.outcome == "hung_up"
    assert receipt.reasons == ("rejoin window 10s", "closed with 1011")
    assert 10 < receipt.seconds <= 3.7 + 10
    world.stop()


async def test_a_line_that_breaks_again_and_again(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    world = await running(nursery, config())
    breaks: tuple[Step, ...] = tuple(Drop(1011) for _ in range(100))
    call = world.dial(Script(steps=(Wait(3), *breaks)))
    await world.offer(call).verdict()
    await world.supervisor.idle()
    receipt = world.receipt(call)
    assert receipt.reasons == ("rejoin window 10s", "closed with 1011")
    assert call.joins < 15  # with backoff, not in a tight loop
    assert receipt.seconds < 3.7 + 10
    world.stop()


async def test_a_line_that_held_opens_the_window_anew(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    world = await running(nursery, config(window=4.0))
    steps: tuple[Step, ...] = (Wait(5), Drop(1011)) * 10
    call = world.dial(Script(steps=(*steps, Wait(5), Leave())))
    await world.offer(call).verdict()
    await world.supervisor.idle()
    assert call.joins == 11
    assert world.receipt(call).outcome == "caller_left"
    world.stop()


async def test_no_window_no_rejoin(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    world = await running(nursery, config(window=0.0))
    call = world.dial(Script(steps=(Wait(3), Drop(1011))))
    await world.offer(call).verdict()
    await world.supervisor.idle()
    assert call.joins == 1
    assert world.receipt(call).outcome == "hung_up"
    assert world.receipt(call).reasons == ("closed with 1011",)
    assert call.ended_by == "hangup"
    assert kinds(world, call.id)[-1] == "Ended"
    world.stop()


async def test_operator_hangs_up_between_two_sockets(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    world = await running(nursery, config())
    call = world.dial(Script(steps=(Wait(3), Drop(1011))))
    await world.offer(call).verdict()
    await trio.sleep(2)
    call.join_refusals = [503] * 100
    await trio.sleep(3)
    assert world.supervisor.hang_up(call.id, "operator ada")
    before = trio.current_time()
    await world.supervisor.idle()
    assert trio.current_time() == before
    assert world.receipt(call).reasons == ("operator ada",)
    assert world.receipt(call).outcome == "hung_up"
    world.stop()


async def test_keys_pressed_before_the_break_make_one_entry(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    world = await running(nursery, config())
    call = world.dial(Script(steps=(Press("12"), Drop(1011), Press("3#"), Leave())))
    await world.offer(call).verdict()
    await world.supervisor.idle()
    collected = [entry.digits for entry in world.entries(call) if isinstance(entry, journal.DigitsCollected)]
    assert collected == ["123"]
    world.stop()


@pytest.mark.parametrize("resumption", [True, False])
async def test_a_conversation_that_is_resumed_is_not_counted_twice(
    nursery: trio.Nursery, autojump_clock: MockClock, resumption: bool
) -> None:
    agent = msgspec.structs.replace(QUIET, resumption=resumption)
    settings = msgspec.structs.replace(configuration(agent=agent), recovery=Recovery(rejoin_window=10.0))
    world = await running(nursery, settings)
    steps = (Say("first words"), Drop(1011), Say("second words"), Leave())
    call = world.dial(Script(steps=steps, replies=(Reply("One."), Reply("Two."))))
    await world.offer(call).verdict()
    await world.supervisor.idle()
    said = [
        (entry.speaker, entry.text) for entry in world.entries(call) if isinstance(entry, journal.Said) and entry.final
    ]
    assert said == [
        ("agent", "Welcome."),
        ("caller", "first words"),
        ("agent", "One."),
        ("caller", "second words"),
        ("agent", "Two."),
    ]
    (ended,) = [entry for entry in world.entries(call) if isinstance(entry, journal.Ended)]
    assert ended.events.get("conversation.item.created", 0) == (3 if resumption else 0)
    world.stop()
