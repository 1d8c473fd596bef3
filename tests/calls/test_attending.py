"""Attending to a call, from webhook to receipt, in memory and in virtual time. One test per way a call can end."""

import dataclasses
from typing import Any

import pytest
import trio
from trio.testing import MockClock, memory_stream_pair
from trio_websocket import wrap_server_stream

from daemon.calls.attending import attend
from daemon.calls.briefing import brief
from daemon.calls.call import Call
from daemon.config import Agent
from daemon.core import journal
from daemon.core.commands import Command
from daemon.core.conversation import Conversation
from daemon.platforms.xai import Xai
from daemon.sandbox.script import Emit, Leave, Press, Reply, Say, Script, Step, Wait
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
    # With the scope outside the socket, closing it would wait in vain for a reader that was cancelled already.
    assert trio.current_time() == 5


async def test_hang_up_before_the_socket_is_open(autojump_clock: MockClock, world: World) -> None:
    call = world.dial()
    world.offer(call)
    world.supervisor.hang_up_all("operator")
    await world.supervisor.idle()

    assert world.receipt(call).outcome == "hung_up"
    assert world.receipt(call).joined is False
    assert call.joins == 0
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
    await attend(call)
    assert call.receipt is not None
    assert call.receipt.reasons == ("the platform never answered",)
    assert call.receipt.seconds == 4.0


def silent_world(nursery: trio.Nursery, **agent: Any) -> World:
    """A world whose agent says nothing unless told."""
    return World(configuration(agent=Agent(instructions="x", **agent)), nursery)


async def test_longest_call(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    world = silent_world(nursery, max_duration=7200.0, silence_timeout=0.0)
    await world.start()
    call = world.dial()
    await world.offer(call).verdict()
    await world.supervisor.idle()
    assert call.session is not None
    assert call.session.spoken == ["Goodbye."]
    assert world.receipt(call).reasons == ("max duration 2h",)
    assert world.receipt(call).seconds == pytest.approx(7200, abs=2)
    assert not call.cut_off
    world.stop()


async def test_silence(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    world = silent_world(nursery)
    await world.start()
    call = world.dial()
    await world.offer(call).verdict()
    await world.supervisor.idle()
    assert call.session is not None
    assert call.session.spoken == ["Are you still there?", "Goodbye."]
    assert world.receipt(call).reasons == ("silence 30s",)
    assert world.receipt(call).outcome == "hung_up"
    assert 60 < world.receipt(call).seconds < 65
    assert not call.cut_off
    world.stop()


async def test_a_caller_who_answers_the_check_in_stays(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    world = silent_world(nursery)
    await world.start()
    call = world.dial(Script(steps=(Wait(35), Say("yes one moment"), Wait(20), Leave())))
    await world.offer(call).verdict()
    await world.supervisor.idle()
    assert world.receipt(call).outcome == "caller_left"
    assert [entry for entry in world.entries(call) if isinstance(entry, journal.CheckedIn)] == [journal.CheckedIn()]
    world.stop()


class Valve(trio.abc.Stream):
    """A stream that can go silent without a word: nothing in, nothing out, no end."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream
        self.closed = False

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        if not self.closed:
            await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        data = await self._stream.receive_some(max_bytes)
        if self.closed:
            await trio.sleep_forever()
        return data

    async def aclose(self) -> None:
        await self._stream.aclose()


async def test_platform_stops_answering_pings(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    # No bytes, no FIN: only the ping can tell. The way back meets the same silence, and the window closes.
    valves: list[Valve] = []
    world = silent_world(nursery, silence_timeout=0.0)

    async def dial() -> trio.abc.Stream:
        if valves:
            await trio.sleep_forever()
        valves.append(Valve(await world.sandbox.dial()))
        return valves[0]

    platform = Xai(world.config.platform.xai, world.sandbox.client(API_KEY), dial)
    setting = dataclasses.replace(world.setting, platform=platform)
    dialled = world.dial()
    call = Call(world.incoming(dialled), brief("support", world.config.agents["support"]), setting)

    async def go_silent() -> None:
        await trio.sleep(5)
        valves[0].closed = True

    nursery.start_soon(go_silent)
    await attend(call)
    assert call.receipt is not None
    assert call.receipt.outcome == "hung_up"
    assert call.receipt.reasons == ("rejoin window 10s", "no answer to a ping within 10 s")
    assert 30 < call.receipt.seconds < 60
    assert dialled.ended_by == "hangup"
    nursery.cancel_scope.cancel(reason="the test is over")


async def test_error_of_ours(autojump_clock: MockClock, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: Conversation, now: float) -> list[Command]:
        raise KeyError("a bug in the timer")

    monkeypatch.setattr(Conversation, "wake", broken)
    call = world.dial(Script(steps=(Press("1"),)))
    await world.offer(call).verdict()
    await world.supervisor.idle()
    assert world.receipt(call).outcome == "hung_up"
    assert world.receipt(call).reasons == ("error in Callwarden: KeyError",)
    assert call.close_codes == [1000]


async def test_the_ledger_has_the_receipt(autojump_clock: MockClock, world: World) -> None:
    call = world.dial(Script(steps=(Leave(),)))
    await world.offer(call).verdict()
    await world.supervisor.idle()
    assert world.ledger.receipts == {call.id: world.receipt(call)}


async def test_events_are_counted_audio_included(autojump_clock: MockClock, world: World) -> None:
    call = world.dial(Script(steps=(Emit('{"type": "brand.new"}'), Emit("not json"), Wait(2), Leave())))
    await world.offer(call).verdict()
    await world.supervisor.idle()
    (ended,) = [entry for entry in world.entries(call) if isinstance(entry, journal.Ended)]
    assert ended.events["audio"] == 1
    assert ended.events["unknown"] == 1
    assert ended.events["malformed"] == 1
    assert ended.events["session.updated"] == 1
