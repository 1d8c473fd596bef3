"""Turns: a lock with two queues, for SQLite's one writer. Imports Trio only."""

from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

PATIENCE = 0.5
"""Seconds after which one that may come last comes first, once, so that it comes at all."""


class Turns:
    """A lock: whoever may come last waits while others do, but not for ever."""

    def __init__(self) -> None:
        self._taken = False
        self._first: deque[trio.Event] = deque()
        self._last: deque[trio.Event] = deque()
        self._since = 0.0
        """Since when the last queue's first waits."""

    @asynccontextmanager
    async def turn(self, *, last: bool) -> AsyncIterator[None]:
        """Hold the lock while the block lasts. Cancelling while waiting gives up the place in the queue."""
        await trio.lowlevel.checkpoint_if_cancelled()
        if self._taken:
            await self._wait(self._last if last else self._first)
        self._taken = True
        try:
            yield
        finally:
            self._pass_on()

    async def _wait(self, queue: deque[trio.Event]) -> None:
        mine = trio.Event()
        if queue is self._last and not queue:
            self._since = trio.current_time()
        queue.append(mine)
        try:
            await mine.wait()
        except trio.Cancelled:
            if mine.is_set():
                self._pass_on()  # it was our turn already, and we don't want it any more
            else:
                queue.remove(mine)
            raise

    def _pass_on(self) -> None:
        if not self._first and not self._last:
            self._taken = False
            return
        # It stays taken, for the one who is woken.
        if self._first and not (self._last and trio.current_time() >= self._since + PATIENCE):
            self._first.popleft().set()
            return
        self._last.popleft().set()
        self._since = trio.current_time()
