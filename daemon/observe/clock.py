"""The wall clock, the only place that reads it.

Deadlines and durations never use it: they come from `trio.current_time()`, which no NTP step moves. It is passed
around as a plain function, so that a simulation can pass another.
"""

import time
from collections.abc import Callable

WallClock = Callable[[], float]
"""Gives Unix seconds."""


def system_clock() -> float:
    """The machine's idea of Unix time."""
    return time.time()
