"""systemd's watchdog: it is told that we live only while what matters really turns.

A heartbeat is something that comes back once a part of the daemon has gone round: a task of the calls' nursery that
ran, a turn of the ledger's own heartbeat. A ledger that is down by its own word still turns, so it kills nobody; a loop
that is blocked, or a task that is gone or stuck, does. One task, never a thread, which would go on turning beside a
dead loop. Imports Trio and this room.
"""

from collections.abc import Awaitable, Callable, Mapping

import structlog
import trio

from daemon.operate.systemd import Notifier

_FEEDS = 3
"""How often it is fed in the time after which it would bite."""

Heartbeat = Callable[[], Awaitable[None]]
"""Comes back once its part of the daemon has gone round. Safe to cancel and to ask again."""


class Watchdog:
    """Feeds it, if there is one, after every heartbeat has come back."""

    def __init__(self, notifier: Notifier, heartbeats: Mapping[str, Heartbeat]) -> None:
        self._notifier = notifier
        self._heartbeats = heartbeats
        self._interval = notifier.watchdog / _FEEDS
        self._fed_at: float | None = None

    @property
    def age(self) -> float | None:
        """Seconds since it was fed; None without one."""
        return None if self._fed_at is None else trio.current_time() - self._fed_at

    async def feed(self) -> None:
        """Feed it until cancelled; returns at once if there is none."""
        while self._interval:
            for name, heartbeat in self._heartbeats.items():
                await self._come_back(name, heartbeat)
            self._notifier.alive()
            self._fed_at = trio.current_time()
            await trio.sleep(self._interval)
        await trio.lowlevel.checkpoint()

    async def _come_back(self, name: str, heartbeat: Heartbeat) -> None:
        """Wait for a heartbeat as long as it takes, and say whose it is when that is too long."""
        while True:
            with trio.move_on_after(self._interval) as late:
                await heartbeat()
            if not late.cancelled_caught:
                return
            danger = "systemd restarts us unless it comes back"
            structlog.get_logger().error("heartbeat_late", of=name, after=round(self._interval, 1), danger=danger)
