"""What a scrape reads."""

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from daemon.core.snapshots import LedgerView, Status
from daemon.operate.readings import Readings, Sources
from tests.operate.fakes import FakeDesk, call_view


class Troubled(FakeDesk):
    """A daemon that is not well."""

    def status(self) -> Status:
        ledger = LedgerView(up=False, why="disk full", claims=False)
        return msgspec.structs.replace(super().status(), ledger=ledger, events_dropped=7, log_dropped=8, watchers=2)


def value_of(desk: FakeDesk, sources: Sources, name: str, **labels: str) -> float | None:
    registry = CollectorRegistry()
    registry.register(Readings(desk, sources))
    return registry.get_sample_value(f"callwarden_{name}", labels)


@pytest.mark.parametrize(
    ("name", "labels", "expected"),
    [
        ("calls_live", {"state": "talking"}, 2),
        ("calls_live", {"state": "joining"}, 0),
        ("calls_limit", {}, 20),
        ("debts", {}, 1),
        ("debt_oldest_seconds", {}, 3),
        ("deliveries_owed", {}, 4),
        ("delivery_oldest_seconds", {}, 90),
        ("state", {"state": "paused"}, 1),
        ("state", {"state": "ready"}, 0),
        ("ledger_up", {}, 0),
        ("config_generation", {}, 1),
        ("config_generations_in_use", {}, 1),
        ("config_restart_keys", {}, 0),
        ("event_followers", {}, 2),
        ("events_dropped_total", {}, 7),
        ("log_lines_dropped_total", {}, 8),
        ("http_connections", {"server": "webhook"}, 3),
        ("http_troubles_total", {"server": "webhook", "event": "connection_failed"}, 5),
        ("claims_at_fault_total", {"result": "without"}, 6),
        ("claims_at_fault_total", {"result": "refused"}, 0),
        ("watchdog_age_seconds", {}, 1.5),
    ],
)
def test_readings(name: str, labels: dict[str, str], expected: float) -> None:
    sources = Sources(
        connections={"webhook": lambda: 3},
        troubles={"webhook": {("connection_failed", "a"): 2, ("connection_failed", "b"): 3}},
        claims={"without": 6},
        deliveries=lambda: (4, 90.0),
        watchdog_age=lambda: 1.5,
    )
    desk = Troubled(state="paused", live=[call_view("a"), call_view("b")])
    assert value_of(desk, sources, name, **labels) == expected


def test_what_is_not_known_is_not_there() -> None:
    assert value_of(FakeDesk(), Sources(), "deliveries_owed") is None
    assert value_of(FakeDesk(), Sources(), "watchdog_age_seconds") is None


def test_no_call_is_named() -> None:
    registry = CollectorRegistry()
    registry.register(Readings(FakeDesk(live=[call_view("the-call")]), Sources()))
    assert "the-call" not in str(list(registry.collect()))
    assert "+1415" not in str(list(registry.collect()))
