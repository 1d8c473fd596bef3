"""The call as everybody who may act on it sees it: plain, and the first word counts."""

import msgspec
import pytest
import trio
from trio.testing import MockClock

from daemon.calls.call import Call
from daemon.core.agent import Agent
from daemon.core.commands import HangUp, SendFrame
from daemon.core.frames import ResponseCreate, SessionSettings, SessionUpdate, encode, spoken_exactly
from daemon.errors import OutboxFull
from tests.calls.world import World

AGENT = Agent(name="a", session=SessionSettings())


@pytest.fixture
def call(world: World) -> Call:
    return Call(world.incoming(world.dial()), AGENT, world.setting)


async def test_a_platform_that_takes_no_frames_is_our_alarm(autojump_clock: MockClock, call: Call) -> None:
    with pytest.raises(OutboxFull, match="256 frames wait"):
        call.obey([SendFrame(ResponseCreate())] * 300)


async def test_first_reason_counts(autojump_clock: MockClock, call: Call) -> None:
    call.obey([HangUp(("max duration 1m",))])
    call.hang_up("operator")
    call.over("transferred", "transfer")
    assert call.reasons == ("max duration 1m",)
    assert call.outcome is None
    assert call.scope.cancel_called


async def test_what_stands_behind_every_reason(autojump_clock: MockClock, call: Call) -> None:
    call.because = ("overflow: every slot is taken",)
    call.over("transferred", "transfer to desk")
    assert call.reasons == ("transfer to desk", "overflow: every slot is taken")
    assert call.outcome == "transferred"


async def test_resuming_puts_the_new_session_first(autojump_clock: MockClock, call: Call) -> None:
    call.begin()
    call.obey([SendFrame(spoken_exactly("one")), SendFrame(spoken_exactly("two"))])
    call.resume()
    frames = [await call.outbox.take() for _ in range(3)]
    assert isinstance(frames[0], SessionUpdate)
    sent = [encode(msgspec.structs.replace(frame, event_id=None)) for frame in frames[1:]]
    assert sent == [encode(spoken_exactly(words)) for words in ("one", "two")]
    with trio.move_on_after(1) as nothing_left:
        await call.outbox.take()
    assert nothing_left.cancelled_caught


async def test_whoever_is_cancelled_can_say_why(autojump_clock: MockClock, call: Call) -> None:
    words = ""
    with call.scope:
        call.hang_up("drain deadline 1h", "SIGTERM")
        try:
            await trio.sleep_forever()
        except trio.Cancelled as cancelled:
            words = str(cancelled)
            raise
    assert "drain deadline 1h > SIGTERM" in words
