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
