import trio
from trio.testing import MockClock

from daemon.operate.stop import Stop


async def test_once_is_drain_twice_is_now(autojump_clock: MockClock) -> None:
    stop = Stop()
    stop.request("SIGTERM")
    assert (stop.draining.is_set(), stop.forced.is_set()) == (True, False)
    stop.request("SIGINT")
    assert stop.forced.is_set()
    assert stop.reasons == ["SIGTERM", "SIGINT"]


async def test_a_second_wish_ends_every_wait(autojump_clock: MockClock, nursery: trio.Nursery) -> None:
    stop = Stop()

    async def impatient() -> None:
        await trio.sleep(3)
        stop.request("a")
        await trio.sleep(2)
        stop.request("b")

    nursery.start_soon(impatient)
    await stop.hurried()
    assert trio.current_time() == 5


def test_making_room_is_no_impatience_and_asked_again_it_is() -> None:
    stop = Stop()
    stop.request("SIGTERM")
    stop.make_room("SIGQUIT")
    assert (stop.making_room, stop.forced.is_set()) == (True, False)
    stop.make_room("SIGQUIT")
    assert stop.forced.is_set()
    assert stop.reasons == ["SIGTERM", "SIGQUIT", "SIGQUIT"]


async def test_nobody_waits_for_calls_that_can_be_left_to_a_successor() -> None:
    stop = Stop()
    stop.make_room("SIGQUIT")
    assert stop.draining.is_set()
    with trio.fail_after(1):
        await stop.hurried()
    stop.request("SIGTERM")
    assert stop.forced.is_set()
