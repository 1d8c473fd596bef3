"""Whose turn it is to write, in virtual time."""

import pytest
import trio
import trio.testing

from daemon.ledger.turns import PATIENCE, Turns


class Queue:
    """Writers, and the order in which they came to it."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self.turns = Turns()
        self.order: list[str] = []
        self._nursery = nursery

    async def join(self, name: str, *, last: bool = False, seconds: float = 0.0) -> trio.CancelScope:
        scope = trio.CancelScope()

        async def write() -> None:
            with scope:
                async with self.turns.turn(last=last):
                    self.order.append(name)
                    await trio.sleep(seconds)

        self._nursery.start_soon(write)
        await trio.testing.wait_all_tasks_blocked()
        return scope


@pytest.fixture
def queue(nursery: trio.Nursery) -> Queue:
    return Queue(nursery)


async def test_whoever_may_come_last_does(queue: Queue, autojump_clock: trio.testing.MockClock) -> None:
    await queue.join("first", seconds=0.1)
    await queue.join("group", last=True)
    await queue.join("claim 1", seconds=0.1)
    await queue.join("claim 2", seconds=0.1)
    await trio.sleep(1)
    assert queue.order == ["first", "claim 1", "claim 2", "group"]
    async with queue.turns.turn(last=True):
        pass  # it is free again


async def test_but_not_for_ever(queue: Queue, autojump_clock: trio.testing.MockClock) -> None:
    await queue.join("first", seconds=0.2)
    await queue.join("group 1", last=True, seconds=0.2)
    await queue.join("group 2", last=True)
    for number in range(10):
        await queue.join(f"claim {number}", seconds=0.2)
    await trio.sleep(5)
    assert queue.order.index("group 1") <= 1 + PATIENCE / 0.2
    assert queue.order.index("group 2") > queue.order.index("group 1") + 1  # once, and then others again
    assert len(queue.order) == 13


async def test_giving_up_while_waiting_harms_nobody(queue: Queue, autojump_clock: trio.testing.MockClock) -> None:
    await queue.join("first", seconds=0.1)
    gives_up = await queue.join("gives up")
    await queue.join("second")
    gives_up.cancel(reason="the test")
    await trio.sleep(1)
    assert queue.order == ["first", "second"]


async def test_giving_up_when_it_is_ones_turn_passes_it_on(
    queue: Queue, autojump_clock: trio.testing.MockClock
) -> None:
    first = await queue.join("first", seconds=10)
    gives_up = await queue.join("gives up")
    await queue.join("second")
    first.cancel(reason="the test")
    gives_up.cancel(reason="the test")
    await trio.sleep(1)
    assert queue.order[0] == "first"
    assert queue.order[-1] == "second"


async def test_cancelled_before_it_began(queue: Queue, autojump_clock: trio.testing.MockClock) -> None:
    with trio.CancelScope() as scope:
        scope.cancel(reason="the test")
        async with queue.turns.turn(last=False):
            raise AssertionError("not reached")
    await queue.join("next")
    assert queue.order == ["next"]
