import pytest
import trio
from trio.testing import MockClock

from daemon.calls.outbox import LIMIT, Outbox
from daemon.core.frames import Frame, ResponseCreate, SessionSettings, SessionUpdate
from daemon.errors import OutboxFull


def frame(number: int) -> Frame:
    return ResponseCreate(event_id=str(number))


async def test_in_order_and_what_was_not_sent_comes_first() -> None:
    outbox = Outbox()
    for number in (1, 2, 3):
        outbox.put(frame(number))
    first = await outbox.take()
    outbox.put_first(first)
    assert [(await outbox.take()).event_id for _ in range(3)] == ["1", "2", "3"]


async def test_waits_until_there_is_something(autojump_clock: MockClock, nursery: trio.Nursery) -> None:
    outbox = Outbox()

    async def later() -> None:
        await trio.sleep(5)
        outbox.put(frame(1))

    nursery.start_soon(later)
    assert (await outbox.take()).event_id == "1"
    assert trio.current_time() == 5


async def test_a_cancelled_take_loses_nothing() -> None:
    outbox = Outbox()
    outbox.put(frame(1))
    with trio.CancelScope() as scope:
        scope.cancel()
        await outbox.take()
    assert scope.cancelled_caught
    assert (await outbox.take()).event_id == "1"


async def test_a_new_session_replaces_the_configuration_of_the_old() -> None:
    outbox = Outbox()
    outbox.put(SessionUpdate(event_id="old", session=SessionSettings()))
    outbox.put(frame(1))
    outbox.restart(SessionUpdate(event_id="new", session=SessionSettings()))
    assert [(await outbox.take()).event_id for _ in range(2)] == ["new", "1"]


def test_it_is_bounded() -> None:
    outbox = Outbox()
    for number in range(LIMIT):
        outbox.put(frame(number))
    with pytest.raises(OutboxFull):
        outbox.put(frame(0))
