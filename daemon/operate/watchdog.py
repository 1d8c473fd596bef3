"""systemd's watchdog: it is told that we live for as long as the loop turns, and ends us when it hears nothing.

One task of the root, which does nothing else: a loop that is stuck can't run it. Never fed from a thread, which would
go on turning beside a dead loop. Imports Trio and the standard library.
"""

import os
from collections.abc import Mapping

import trio

from daemon.operate.systemd import Notifier

_FEEDS = 3
"""How often it is fed in the time after which it would bite."""


class Watchdog:
    """Feeds it, if there is one."""

    def __init__(self, notifier: Notifier, env: Mapping[str, str]) -> None:
        self._notifier = notifier
        self.limit = _limit(env)
        """Seconds without food after which we are ended; None without a watchdog."""
        self._fed_at: float | None = None

    @property
    def age(self) -> float | None:
        """Seconds since it was fed; None without one."""
        return None if self._fed_at is None else trio.current_time() - self._fed_at

    async def feed(self) -> None:
        """Feed it until cancelled; returns at once if there is none."""
        while self.limit is not None:
            self._notifier.tell(WATCHDOG=1)
            self._fed_at = trio.current_time()
            await trio.sleep(self.limit / _FEEDS)
        await trio.lowlevel.checkpoint()


def _limit(env: Mapping[str, str]) -> float | None:
    """What sd_watchdog_enabled(3) says; a child of ours that inherits the variables is not meant."""
    if env.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    microseconds = env.get("WATCHDOG_USEC", "")
    return int(microseconds) / 1_000_000 if microseconds.isdecimal() and int(microseconds) > 0 else None
