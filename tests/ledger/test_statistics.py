"""Numbers of calls over time, on both databases."""

from functools import partial

import pytest

from daemon.core import journal
from daemon.ledger.engine import Engines
from daemon.ledger.statistics import Tally, list_pickups, tally_calls
from tests.ledger.filled import Ledger


@pytest.fixture
def ledger(engines: Engines) -> Ledger:
    """One node, no calls."""
    ledger = Ledger(engines)
    ledger.node("alpha")
    return ledger


def tallies(ledger: Ledger, since: float, stretch: float) -> set[tuple[int, str | None, int]]:
    found: list[Tally] = ledger.run(partial(tally_calls, since=since, stretch=stretch))
    return {(each.stretch, each.outcome, each.calls) for each in found}


def test_calls_by_time_and_receipt(ledger: Ledger) -> None:
    assert tallies(ledger, 3600, 60) == set()
    ledger.claim("old")
    ledger.end("old", "hung_up")
    ledger.pass_time(115)  # not two stretches ago, whichever way a number is made whole
    ledger.claim("first")
    ledger.claim("second")
    ledger.end("first")
    ledger.claim("live")
    assert tallies(ledger, 3600, 60) == {(1, "hung_up", 1), (0, "caller_left", 1), (0, None, 2)}
    assert tallies(ledger, 100, 60) == {(0, "caller_left", 1), (0, None, 2)}
    assert tallies(ledger, 3600, 3600) == {(0, "hung_up", 1), (0, "caller_left", 1), (0, None, 2)}


def test_pickups(ledger: Ledger) -> None:
    ledger.claim("old")
    ledger.happened("old", journal.Joined(seconds=0.1), journal.SessionSent(seconds=0.25))
    ledger.pass_time(100)
    ledger.claim("new")
    ledger.happened("new", journal.SessionSent(seconds=0.5), journal.HangUpAsked(reason='{"kind":"SessionSent"'))
    found = ledger.run(partial(list_pickups, since=3600))
    assert [pickup.seconds for pickup in found] == [0.5, 0.25]
    assert 99 < found[1].ago < 130
    assert [pickup.seconds for pickup in ledger.run(partial(list_pickups, since=50))] == [0.5]
    assert len(ledger.run(partial(list_pickups, since=3600, most=1))) == 1
