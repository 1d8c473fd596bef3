"""The feed: every entry of every call's journal, handed to whoever watches, at once and in order.

Owned by the app, written by the calls room. Watchers are plain functions that neither wait nor raise: a slow reader
keeps a queue of its own and drops from it, so that nobody who looks can slow a call.
"""

from collections.abc import Callable

from daemon.core.journal import Entry, Record
from daemon.observe.clock import WallClock

Watcher = Callable[[Record], None]


class Feed:
    """Passes records to watchers."""

    def __init__(self, wall: WallClock) -> None:
        self._wall = wall
        self._watchers: list[Watcher] = []

    def watch(self, watcher: Watcher) -> None:
        """Add a watcher for as long as the feed lives."""
        self._watchers.append(watcher)

    def publish(self, call_id: str, entry: Entry) -> None:
        """Stamp an entry and hand it on."""
        record = Record(at=self._wall(), call_id=call_id, entry=entry)
        for watcher in self._watchers:
            watcher(record)
