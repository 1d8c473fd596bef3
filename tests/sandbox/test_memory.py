import pytest
import trio
from trio.testing import MockClock

from daemon.core import events as ev
from daemon.core.frames import ResponseCreate, data
from daemon.errors import CallNotFound, NotAuthorized
from daemon.platforms.xai import Xai
from daemon.sandbox.memory import MemorySandbox
from daemon.sandbox.script import Leave, Script, Wait
from daemon.sandbox.switchboard import Switchboard
from tests.configured import API_KEY, configuration


@pytest.fixture
def board() -> Switchboard:
    return Switchboard(API_KEY)


def platform(board: Switchboard, nursery: trio.Nursery) -> Xai:
    sandbox = MemorySandbox(board, nursery)
    return Xai(configuration().platform.xai, sandbox.client(API_KEY), sandbox.dial)


async def test_real_frames_over_streams_in_memory(
    autojump_clock: MockClock, nursery: trio.Nursery, board: Switchboard
) -> None:
    call = board.place(Script(steps=(Wait(2), Leave())))
    async with platform(board, nursery).join(call.id) as line:
        events = [type(event).__name__ async for event in line]
    assert events == ["SessionCreated", "ConversationCreated"]
    assert line.end is not None
    assert not line.end.lost
    assert call.ended_by == "caller"


async def test_the_client_that_leaves_is_seen(
    autojump_clock: MockClock, nursery: trio.Nursery, board: Switchboard
) -> None:
    call = board.place(Script())
    async with platform(board, nursery).join(call.id):
        await trio.sleep(1)
    await trio.sleep(1)
    assert call.close_codes == [1000]
    assert call.ended_by is None  # a socket that closes is no hang-up


async def test_a_refused_handshake(autojump_clock: MockClock, nursery: trio.Nursery, board: Switchboard) -> None:
    with pytest.raises(CallNotFound):
        async with platform(board, nursery).join("nobody"):
            pass


async def test_an_ordinary_session(autojump_clock: MockClock, nursery: trio.Nursery, board: Switchboard) -> None:
    async with platform(board, nursery).converse("some-model") as line:
        await line.send(data("Where is my order?"))
        await line.send(ResponseCreate())
        words = ""
        async for event in line:
            match event:
                case ev.SpokenDone(transcript=str(text)):
                    words = text
                case ev.ResponseDone():
                    break
    assert words == "You said: Where is my order?"


async def test_an_ordinary_session_with_a_wrong_key(
    autojump_clock: MockClock, nursery: trio.Nursery, board: Switchboard
) -> None:
    sandbox = MemorySandbox(Switchboard("another key"), nursery)
    with pytest.raises(NotAuthorized):
        async with Xai(configuration().platform.xai, sandbox.client(API_KEY), sandbox.dial).converse("some-model"):
            pass
