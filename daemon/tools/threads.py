"""Worker threads for functions that block. A thread can't be stopped, so one whose time is up is left behind.

How many run, and how many may be left behind, is bounded, and those left behind are counted: functions that never end
must not eat the machine. Their threads are their own, so that they take none from anybody else. Imports Trio.
"""

import threading
from collections.abc import Callable
from functools import partial
from typing import Final, TypeVar

import trio

T = TypeVar("T")

AT_ONCE: Final = 32
"""Functions that run at the same time, those left behind included; further ones wait."""
MOST_ABANDONED: Final = 16
"""Threads left behind beyond which no further one is begun."""


class ThreadsStuck(Exception):
    """So many threads were left behind that no more are begun; nothing was done."""


class Threads:
    """Runs plain functions beside the loop."""

    def __init__(self) -> None:
        self._limiter = trio.CapacityLimiter(AT_ONCE)
        self._lock = threading.Lock()
        self._abandoned = 0

    @property
    def abandoned(self) -> int:
        """How many threads were left behind and have not come to their end since."""
        return self._abandoned

    async def run(self, work: Callable[[], T]) -> T:
        """Run a function in a thread. Errors: its own, and `ThreadsStuck`.

        Cancelling leaves it behind, or does without it if it has not begun.
        """
        if self._abandoned >= MOST_ABANDONED:
            raise ThreadsStuck
        job = _Job()
        try:
            # What was left before it began gives nothing, and nobody is there to miss it.
            result: list[T] = await trio.to_thread.run_sync(
                partial(self._in_thread, job, work), abandon_on_cancel=True, limiter=self._limiter
            )
        finally:
            with self._lock:
                job.left = not job.ended
                self._abandoned += job.begun and job.left
        return result[0]

    def _in_thread(self, job: "_Job", work: Callable[[], T]) -> list[T]:
        with self._lock:
            if job.left:
                return []
            job.begun = True
        try:
            return [work()]
        finally:
            with self._lock:
                job.ended = True
                self._abandoned -= job.left


class _Job:
    """How far one function is."""

    begun = False
    ended = False
    left = False
