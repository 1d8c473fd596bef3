"""One call, from webhook to receipt, in memory and in virtual time."""

import dataclasses

import pytest
import trio
from trio.testing import MockClock, memory_stream_pair
from trio_websocket import wrap_server_stream

from daemon.calls.briefing import brief
from daemon.calls.call import Call, run_call
from daemon.config import Agent
from daemon.core import journal
from daemon.core.agent import Agent as CoreAgent
from daemon.core.commands import SendFrame
from daemon.core.frames import ResponseCreate, SessionSettings
from daemon.errors import OutboxFull
from daemon.platforms.xai import Xai
from daemon.sandbox.script import Drop, Emit, Leave, Press, Reply, Say, Script, Step, Wait
from tests.calls.world import World
from tests.configured import API_KEY, configuration, with_xai

TALK = Script(
    steps=(Say("where is my order"), Press("42#"), Say("thank you that is all")),
    replies=(
        Reply("Type your order number."),
        Reply("It is on its way."),
        Reply(tool="hang_up", arguments='{"reason": "done"}'),
        Reply("Goodbye then."),
    ),
)


async def test_a_whole_call(autojump_clock: MockClock, world: World) -> None:
    call = world.dial(TALK)
    await world.offer(call).verdict()
    await world.supervisor.idle()

    kinds = [type(entry).__name__ for entry in world.entries(call)]
    assert kinds[:5] == ["WebhookVerified", "Claimed", "Joined", "Greeted", "SessionSent"]
    said = [
        (entry.speaker, entry.text) for entry in world.entries(call) if isinstance(entry, journal.Said) and entry.final
    ]
    assert said == [
        ("agent", "Welcome."),
        ("caller", "where is my order"),
        ("agent", "Type your order number."),
        ("agent", "It is on its way."),
        ("caller", "thank you that is all"),
        ("agent", "Goodbye then."),
    ]
    assert [entry.digit for entry in world.entries(call) if isinstance(entry, journal.KeyPressed)] == ["4", "2", "#"]
    (entry,) = [entry for entry in world.entries(call) if isinstance(entry, journal.DigitsCollected)]
    assert (entry.digits, entry.trigger) == ("42", "terminator")
    assert world.receipt(call).outcome == "hung_up"
    assert world.receipt(call).reasons == ("hang_up by the model: done",)
    assert call.ended_by == "hangup"
    assert call.hang_ups == 1
    assert not call.cut_off
    assert call.close_codes == [1000]


async def test_session_update_goes_out_first_and_without_any_wait(autojump_clock: MockClock, world: World) -> None:
    call = world.dial(Script(steps=(Wait(1), Leave())))
    before = trio.current_time()
    await world.offer(call).verdict()
    await world.supervisor.idle()

    assert call.session is not None
    assert [frame["type"] for frame in call.session.heard] == ["session.update", "conversation.item.create"]
    assert call.session.configured_at == before  # virtual time stands still unless somebody sleeps


async def test_caller_leaves(autojump_clock: MockClock, world: World) -> None:
    call = world.dial(Script(steps=(Say("wrong number sorry"), Leave(over=True))))
    await world.offer(call).verdict()
    await world.supervisor.idle()

    assert world.receipt(call).outcome == "caller_left"
    assert world.receipt(call).reasons == ("closed with 1000",)
    assert call.hang_ups == 0


@pytest.mark.parametrize(
    ("press", "trigger", "after"),
    [
        pytest.param((Press("12"), Wait(9)), "idle", 2.5, id="2.5 s after the last key"),
        pytest.param((Press("12#"), Wait(9)), "terminator", 0.0, id="#"),
        pytest.param((Press("12"), Wait(1), Say("hello", over=True), Wait(9)), "speech", 1.0, id="speech"),
    ],
)
async def test_keypad_entry_ends(
    autojump_clock: MockClock, world: World, press: tuple[Step, ...], trigger: str, after: float
) -> None:
    call = world.dial(Script(steps=(*press, Leave(over=True))))
    await world.offer(call).verdict()
    await world.supervisor.idle()

    keys = [r.at for r in world.records if isinstance(r.entry, journal.KeyPressed)]
    (entry,) = [r for r in world.records if isinstance(r.entry, journal.DigitsCollected)]
    assert isinstance(entry.entry, journal.DigitsCollected)
    assert (entry.entry.digits, entry.entry.trigger) == ("12", trigger)
    assert entry.at - keys[-1] == pytest.approx(after)
    assert len(keys) == (3 if trigger == "terminator" else 2)


async def test_operator_hangs_up(autojump_clock: MockClock, world: World) -> None:
    call = world.dial()
    await world.offer(call).verdict()
    await trio.sleep(5)
    world.supervisor.hang_up_all("hang up", "operator ada")
    await world.supervisor.idle()

    assert world.receipt(call).outcome == "hung_up"
    assert world.receipt(call).why == "hang up > operator ada"
    assert call.close_codes == [1000]
    assert world.receipt(call).seconds == 5


async def test_hang_up_before_the_socket_is_open(autojump_clock: MockClock, world: World) -> None:
    call = world.dial()
    world.offer(call)
    world.supervisor.hang_up_all("operator")
    await world.supervisor.idle()

    assert world.receipt(call).outcome == "hung_up"
    assert call.session is not None
    assert call.session.heard == []
    assert call.close_codes == [1000]


async def test_first_reason_counts(autojump_clock: MockClock, world: World) -> None:
    call = world.dial()
    await world.offer(call).verdict()
    (live,) = world.supervisor.calls()
    live.hang_up("first")
    live.hang_up("second")
    await world.supervisor.idle()
    assert world.receipt(call).reasons == ("first",)


async def test_socket_breaks_while_the_caller_stays(autojump_clock: MockClock, world: World) -> None:
    call = world.dial(Script(steps=(Wait(3), Drop(1011))))
    await world.offer(call).verdict()
    await world.supervisor.idle()

    assert world.receipt(call).outcome == "hung_up"
    assert world.receipt(call).reasons == ("closed with 1011",)
    assert call.ended_by == "hangup"


async def test_platform_says_the_session_is_over(autojump_clock: MockClock, world: World) -> None:
    fatal = Emit('{"type": "error", "error": {"type": "max_duration", "message": "two hours"}}')
    call = world.dial(Script(steps=(fatal,)))
    await world.offer(call).verdict()
    await world.supervisor.idle()
    assert world.receipt(call).reasons == ("platform error max_duration", "two hours")


async def test_platform_never_says_a_word(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    async def mute(stream: trio.abc.Stream) -> None:
        async with trio.open_nursery() as connection:
            request = await wrap_server_stream(connection, stream)
            await request.accept()

    async def dial() -> trio.abc.Stream:
        await trio.lowlevel.checkpoint()
        ours, theirs = memory_stream_pair()
        nursery.start_soon(mute, theirs, name="mute platform")
        return ours

    config = with_xai(configuration(), ready_timeout=4.0)
    world = World(config, nursery)
    setting = dataclasses.replace(world.setting, platform=Xai(config.platform.xai, world.sandbox.client(API_KEY), dial))
    call = Call(world.incoming(world.dial()), brief("support", config.agents["support"]), setting)
    await run_call(call)
    assert call.receipt is not None
    assert call.receipt.reasons == ("the platform never answered",)
    assert call.receipt.seconds == 4.0


async def test_longest_call(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    world = World(configuration(agent=Agent(instructions="x", max_duration=7200.0)), nursery)
    await nursery.start(world.supervisor.run)
    call = world.dial()
    await world.offer(call).verdict()
    await world.supervisor.idle()
    assert world.receipt(call).reasons == ("max duration",)
    assert world.receipt(call).seconds == pytest.approx(7200)
    world.supervisor.close()


async def test_events_are_counted_audio_included(autojump_clock: MockClock, world: World) -> None:
    call = world.dial(Script(steps=(Emit('{"type": "brand.new"}'), Emit("not json"), Wait(2), Leave())))
    await world.offer(call).verdict()
    await world.supervisor.idle()
    (ended,) = [entry for entry in world.entries(call) if isinstance(entry, journal.Ended)]
    assert ended.events["audio"] == 1
    assert ended.events["unknown"] == 1
    assert ended.events["malformed"] == 1
    assert ended.events["session.updated"] == 1


async def test_a_platform_that_takes_no_frames_is_our_alarm(autojump_clock: MockClock, world: World) -> None:
    agent = CoreAgent(name="a", session=SessionSettings())
    call = Call(world.incoming(world.dial()), agent, world.setting)
    with pytest.raises(OutboxFull, match="256 frames wait"):
        call.obey([SendFrame(ResponseCreate())] * 300)
