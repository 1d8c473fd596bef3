"""The watchdog: systemd is told that we live only while what matters really turns.

A heartbeat is something that comes back once a part of the daemon has gone round: a task of the calls' nursery that
ran, a turn of the ledger's own heartbeat. A ledger that is down by its own word still turns, so it kills nobody; a loop
that is blocked, or a task that is gone or stuck, does. Runs as one task of the root. Imports Trio and this room.
"""

from collections.abc import Awaitable, Callable, Mapping

import structlog
import trio

from daemon.operate.systemd import Notifier

_TIMES = 3
"""How often the watchdog is fed within its patience."""

Heartbeat = Callable[[], Awaitable[None]]
"""Comes back once its part of the daemon has gone round. Safe to cancel and to ask again."""


async def feed(notifier: Notifier, heartbeats: Mapping[str, Heartbeat]) -> None:
    """Feed systemd's watchdog, each time after every heartbeat came back, until cancelled."""
    if not notifier.watchdog:
        return
    interval = notifier.watchdog / _TIMES
    while True:
        for name, heartbeat in heartbeats.items():
            await _come_back(name, heartbeat, interval)
        notifier.alive()
        await trio.sleep(interval)


async def _come_back(name: str, heartbeat: Heartbeat, patience: float) -> None:
    """Wait for a heartbeat as long as it takes, and say whose it is when that is too long."""
    while True:
        with trio.move_on_after(patience) as late:
            await heartbeat()
        if not late.cancelled_caught:
            return
        danger = "systemd restarts us unless it comes back"
        structlog.get_logger().error("heartbeat_late", of=name, after=round(patience, 1), danger=danger)
