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


async def test_waiting_ends_when_somebody_loses_patience(autojump_clock: MockClock, nursery: trio.Nursery) -> None:
    stop = Stop()

    async def impatient() -> None:
        await trio.sleep(3)
        stop.request("a")
        stop.request("b")

    nursery.start_soon(impatient)
    assert await stop.stands(10)
    assert trio.current_time() == 3


async def test_waiting_ends_by_itself(autojump_clock: MockClock) -> None:
    assert await Stop().stands(10)
    assert trio.current_time() == 10


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
    assert not stop.call_off()
    with trio.fail_after(1):
        await stop.hurried()
        assert await stop.stands(10)
    stop.request("SIGTERM")
    assert stop.forced.is_set()


async def test_what_a_service_manager_has_asked_for_is_not_called_off() -> None:
    # It would kill us, with everybody on the line, once its patience is over.
    stop = Stop(managed=True)
    stop.drain("operator ada")
    assert stop.call_off()
    stop.request("SIGTERM")
    assert not stop.call_off()
    assert stop.draining.is_set()
    terminal = Stop()
    terminal.request("SIGINT")
    assert terminal.call_off()
