"""Loop lag: by how much Trio wakes a task later than it asked to be woken. What every call's answer waits for.

One task, owned by the app, that sleeps a tenth of a second again and again. Imports Trio only.
"""

from collections import deque
from collections.abc import Callable

import trio

INTERVAL = 0.1
_REMEMBERED = 600


class LoopLag:
    """Samples of the last minute."""

    def __init__(self, told: Callable[[float], None] = lambda _: None) -> None:
        self._told = told
        self._samples: deque[float] = deque(maxlen=_REMEMBERED)

    async def sample(self) -> None:
        """Take samples until cancelled."""
        while True:
            due = trio.current_time() + INTERVAL
            await trio.sleep_until(due)
            lag = max(trio.current_time() - due, 0.0)
            self._samples.append(lag)
            self._told(lag)

    def percentile(self, share: float = 0.99) -> float | None:
        """Seconds that this share of the samples did not exceed; None without samples."""
        if not self._samples:
            return None
        return round(sorted(self._samples)[int(share * (len(self._samples) - 1))], 6)
