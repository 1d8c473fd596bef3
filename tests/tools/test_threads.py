"""Threads that block, and are left behind, and counted."""

import threading
from functools import partial

import pytest
import trio

from daemon.tools.threads import MOST_ABANDONED, Threads, ThreadsStuck


async def settled(threads: Threads) -> None:
    with trio.fail_after(5):
        while threads.abandoned:  # noqa: ASYNC110
            await trio.sleep(0.001)


async def test_what_it_gives_and_raises() -> None:
    threads = Threads()
    assert await threads.run(lambda: threading.current_thread() is not threading.main_thread())
    with pytest.raises(ZeroDivisionError):
        await threads.run(lambda: 1 // 0)
    assert threads.abandoned == 0


async def test_one_whose_time_is_up_is_left_behind_and_counted_until_it_ends() -> None:
    threads, go_on, ended = Threads(), threading.Event(), threading.Event()

    def block() -> None:
        go_on.wait(5)
        ended.set()

    with trio.move_on_after(0.05) as scope:
        await threads.run(block)
    assert scope.cancelled_caught
    assert threads.abandoned == 1
    go_on.set()
    await settled(threads)
    assert ended.is_set()


async def test_so_many_and_no_more() -> None:
    threads, go_on = Threads(), threading.Event()
    async with trio.open_nursery() as nursery:
        for _ in range(MOST_ABANDONED):
            nursery.start_soon(threads.run, partial(go_on.wait, 5), name="stuck")
        await trio.sleep(0.1)
        nursery.cancel_scope.cancel(reason="time is up")
    assert threads.abandoned == MOST_ABANDONED
    with pytest.raises(ThreadsStuck):
        await threads.run(lambda: None)
    go_on.set()
    await settled(threads)
    assert await threads.run(lambda: 1) == 1


async def test_what_has_not_begun_when_its_time_is_up_never_does() -> None:
    threads, ran = Threads(), []
    with trio.CancelScope() as scope:
        scope.cancel(reason="time is up already")
        await threads.run(lambda: ran.append(1))
    await trio.sleep(0.02)
    assert (ran, threads.abandoned) == ([], 0)
