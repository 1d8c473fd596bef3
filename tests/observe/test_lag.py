"""How late the loop is."""

import time

import trio
from trio.testing import MockClock

from daemon.observe.lag import LoopLag
from tests.live import eventually


async def test_a_loop_with_nothing_to_do_is_never_late(autojump_clock: MockClock, nursery: trio.Nursery) -> None:
    told: list[float] = []
    lag = LoopLag(told.append)
    assert lag.percentile() is None
    nursery.start_soon(lag.sample)
    await trio.sleep(70)
    assert lag.percentile() == 0.0
    assert len(told) in (699, 700)
    nursery.cancel_scope.cancel()


async def test_a_loop_that_was_held_up(nursery: trio.Nursery) -> None:
    told: list[float] = []
    lag = LoopLag(told.append)
    nursery.start_soon(lag.sample)
    await trio.testing.wait_all_tasks_blocked()
    until = time.perf_counter() + 0.2
    while time.perf_counter() < until:
        pass  # what a call that computes would do to all the others
    await eventually(lambda: told)
    assert told[0] >= 0.09
    assert (lag.percentile(1.0) or 0) >= 0.09
    nursery.cancel_scope.cancel()
