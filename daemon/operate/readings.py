"""What is read at the moment of a scrape: how many calls there are, what is owed, how the daemon is.

A collector for prometheus-client's registry, over the desk and a few plain functions of other rooms. Reads, and keeps
nothing. Imports prometheus-client and the desk; never a label that could grow.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import get_args

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from daemon.core.snapshots import CallState, DaemonState, Status
from daemon.operate.desk import Desk

Troubles = Mapping[tuple[str, str], int]
"""How often each (event, kind) has happened at a server."""


@dataclass(frozen=True, kw_only=True)
class Sources:
    """Where the numbers are that the desk does not know."""

    connections: Mapping[str, Callable[[], int]] = field(default_factory=dict)
    """Open connections, by server."""
    troubles: Mapping[str, Troubles] = field(default_factory=dict)
    """What clients of a server brought about, by server."""
    claims: Mapping[str, int] = field(default_factory=dict)
    """Claims that were made `without` the ledger, or `refused` for want of it."""
    deliveries: Callable[[], tuple[int, float] | None] = lambda: None
    """Deliveries that are owed, and the age of the oldest in seconds; None while unknown."""
    watchdog_age: Callable[[], float | None] = lambda: None
    """Seconds since systemd's watchdog was last told that we live; None without one."""


class Readings(Collector):
    """The gauges of one daemon."""

    def __init__(self, desk: Desk, sources: Sources) -> None:
        self._desk = desk
        self._sources = sources

    def describe(self) -> Iterable[Metric]:
        """Nothing: registering must not read."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """Read everything."""
        status = self._desk.status()
        yield from self._of_calls(status)
        yield from _of_the_daemon(status)
        yield from self._of_servers()

    def _of_calls(self, status: Status) -> Iterable[Metric]:
        states = Counter(call.state for call in self._desk.calls())
        live = _gauge("calls_live", "Calls in progress, by what they are at", "state")
        for state in get_args(CallState):
            live.add_metric([state], states[state])
        yield live
        yield _gauge("calls_limit", "Calls that may be in progress at once", value=status.max_calls)
        yield _gauge("debts", "Hang-ups that are owed: callers may still be connected", value=len(status.debts))
        oldest = max((debt.age for debt in status.debts), default=0.0)
        yield _gauge("debt_oldest_seconds", "Since the webhook of the oldest call whose hang-up is owed", value=oldest)
        deliveries = self._sources.deliveries()
        if deliveries is not None:
            yield _gauge("deliveries_owed", "Webhooks to others that are not taken yet", value=deliveries[0])
            yield _gauge("delivery_oldest_seconds", "Since the oldest of them was made", value=deliveries[1])

    def _of_servers(self) -> Iterable[Metric]:
        connections = _gauge("http_connections", "Open connections, by server", "server")
        for server, count in self._sources.connections.items():
            connections.add_metric([server], count())
        yield connections
        troubles = _counter("http_troubles", "What clients brought about, by server and event", "server", "event")
        for server, totals in self._sources.troubles.items():
            events: Counter[str] = Counter()
            for (event, _), count_of_kind in totals.items():
                events[event] += count_of_kind
            for event, total in sorted(events.items()):
                troubles.add_metric([server, event], total)
        yield troubles
        claims = _counter("claims_at_fault", "Claims that the ledger did not take, by what became of them", "result")
        for result in ("without", "refused"):
            claims.add_metric([result], self._sources.claims.get(result, 0))
        yield claims
        age = self._sources.watchdog_age()
        if age is not None:
            yield _gauge("watchdog_age_seconds", "Since systemd's watchdog was told that we live", value=age)


def _of_the_daemon(status: Status) -> Iterable[Metric]:
    state = _gauge("state", "How the daemon is: 1 for the one state that holds", "state")
    for each in get_args(DaemonState):
        state.add_metric([each], each == status.state)
    yield state
    yield _gauge("ledger_up", "Whether the ledger works", value=status.ledger.up)
    present = max(generation.number for generation in status.generations)
    yield _gauge("config_generation", "Configurations that were loaded since the start", value=present)
    yield _gauge("config_generations_in_use", "Configurations that calls go by", value=len(status.generations))
    waiting = len(status.restart_keys)
    yield _gauge("config_restart_keys", "Changed keys that take effect only at the next start", value=waiting)
    yield _gauge("event_followers", "Clients that follow the events", value=status.watchers)
    yield _counter("events_dropped", "Events that slow followers never got", value=status.events_dropped)
    yield _counter("log_lines_dropped", "Lines of the log that nobody took in time", value=status.log_dropped)


def _gauge(name: str, what: str, *labels: str, value: float | None = None) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"callwarden_{name}", what, value=value, labels=labels or None)


def _counter(name: str, what: str, *labels: str, value: float | None = None) -> CounterMetricFamily:
    return CounterMetricFamily(f"callwarden_{name}", what, value=value, labels=labels or None)
