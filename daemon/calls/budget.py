"""What callers and money allow: calls of one caller in an hour, and what all calls cost within a day.

Filled by the feed as calls go on, and from the ledger, which knows what was before the start and on other nodes
(`calls/accounting.py`). A ledger that is down keeps nobody from counting. Plain; owned by the setting; imports core,
config and this room. Times are Unix seconds.
"""

from collections.abc import Iterable
from typing import Protocol

from daemon.calls.admission import Verdict
from daemon.config import Config
from daemon.core import journal
from daemon.ledger.accounts import Account

HOUR = 3600.0
DAY = 86_400.0
_MOST_CALLS = 10_000
"""Calls that are taken before those are looked for that came long ago; or as many as were left then, if more."""


class Spender(Protocol):
    """A call in progress, as far as it costs money."""

    @property
    def cost(self) -> float:
        """What it has cost so far and nobody has noted."""
        ...


class Budget:
    """What was used, by this node and, as far as the ledger said so, by others."""

    def __init__(self) -> None:
        self._spent: dict[str, tuple[float, float]] = {}
        """Of ended calls: when, and how much."""
        self._came: dict[str, dict[str, float]] = {}
        """Of callers: when which call came."""
        self._room = _MOST_CALLS
        """Calls until the next look."""

    def came(self, call_id: str, caller: str | None, at: float) -> None:
        """A call is taken. Whose number is withheld can't be told from others, and is not counted."""
        if caller is not None:
            self._came.setdefault(caller, {})[call_id] = at
        self._room -= 1
        if self._room < 0:
            self._forget(at)

    def watch(self, record: journal.Record) -> None:
        """Take what a call has cost; a watcher for the feed."""
        if isinstance(record.entry, journal.Usage) and record.entry.cost:
            _, before = self._spent.get(record.call_id, (0.0, 0.0))
            self._spent[record.call_id] = record.at, before + record.entry.cost

    def load(self, account: Account, now: float) -> None:
        """Take what the ledger knows; of a call that is known already, whatever is more."""
        for call_id, at, cost in account.spent:
            known = self._spent.get(call_id, (at, 0.0))
            self._spent[call_id] = max(at, known[0]), max(cost, known[1])
        for caller, call_id, at in account.came:
            self._came.setdefault(caller, {}).setdefault(call_id, at)
        self._forget(now)

    def spent(self, now: float, live: Iterable[Spender] = ()) -> float:
        """What all calls have cost within a day, those in progress included."""
        ended = sum(cost for at, cost in self._spent.values() if at > now - DAY)
        return ended + sum(call.cost for call in live)

    def obstacle(self, caller: str | None, config: Config, now: float, live: Iterable[Spender]) -> Verdict | None:
        """Why a call may not be taken, if it may not."""
        most = config.limits.max_calls_per_caller_per_hour
        if most is not None and caller is not None:
            lately = [at for at in self._came.get(caller, {}).values() if at > now - HOUR]
            if len(lately) >= most:
                return Verdict.CALLER_LIMIT
        if config.costs.max_per_day and self.spent(now, live) >= config.costs.max_per_day:
            return Verdict.BUDGET
        return None

    def _forget(self, now: float) -> None:
        self._spent = {call_id: spent for call_id, spent in self._spent.items() if spent[0] > now - DAY}
        lately = {
            caller: {call_id: at for call_id, at in calls.items() if at > now - HOUR}
            for caller, calls in self._came.items()
        }
        self._came = {caller: calls for caller, calls in lately.items() if calls}
        self._room = max(_MOST_CALLS, sum(map(len, self._came.values())))
