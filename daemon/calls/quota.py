"""How many transfers agents may try: in a call, to one destination within an hour, and all together.

Nobody talks an agent into more than that, whatever they say. Counted in memory, by this process, since its start: a
limit that asked a database could not be kept while that is down. Owned by the setting; imports config and Trio.
"""

from collections import deque

import trio

from daemon.config import Destination, Limits

_HOUR = 3600.0


class TransferQuota:
    """The transfers that agents tried on this node within the last hour."""

    def __init__(self) -> None:
        self._all: deque[float] = deque()
        self._by_destination: dict[str, deque[float]] = {}

    def refuse(self, name: str, destination: Destination, limits: Limits, tried: int) -> str:
        """Why no further one may be tried there now, in a few words; empty if it may. `tried` counts the call's."""
        if tried >= limits.max_transfers_per_call:
            return f"over {limits.max_transfers_per_call} transfers in one call"
        if len(_recent(self._all)) >= limits.max_transfers_per_hour:
            return f"over {limits.max_transfers_per_hour} transfers in an hour"
        most = destination.max_transfers_per_hour
        if most is not None and len(_recent(self._by_destination.get(name, deque()))) >= most:
            return f"over {most} transfers to it in an hour"
        return ""

    def count(self, name: str) -> None:
        """One is tried now."""
        now = trio.current_time()
        self._all.append(now)
        self._by_destination.setdefault(name, deque()).append(now)


def _recent(tried: deque[float]) -> deque[float]:
    while tried and tried[0] <= trio.current_time() - _HOUR:
        tried.popleft()
    return tried
