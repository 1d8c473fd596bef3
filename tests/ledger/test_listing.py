"""Lists of calls, deliveries and nodes."""

from functools import partial
from typing import Any

import pytest

from daemon.ledger import epochs, sending
from daemon.ledger.engine import Engines
from daemon.ledger.listing import (
    Node,
    Wanted,
    ended_before,
    find_calls,
    list_calls,
    list_deliveries,
    list_nodes,
)
from tests.configured import CALLED, CALLER
from tests.ledger.filled import Ledger

URL = "https://one.test/calls"


@pytest.fixture
def ledger(engines: Engines) -> Ledger:
    """One node, no calls."""
    ledger = Ledger(engines, URL)
    ledger.node("alpha")
    return ledger


def ids(ledger: Ledger, **wanted: Any) -> list[str]:
    return [call.call_id for call in ledger.run(partial(list_calls, wanted=Wanted(**wanted)))]


# Calls


def test_newest_first_and_no_more_than_asked_for(ledger: Ledger) -> None:
    assert ids(ledger) == []
    for number in range(5):
        ledger.claim(f"call-{number}")
        ledger.pass_time(1)
    assert ids(ledger) == ["call-4", "call-3", "call-2", "call-1", "call-0"]
    assert ids(ledger, limit=2) == ["call-4", "call-3"]


def test_which_calls(ledger: Ledger) -> None:
    ledger.claim("old")
    ledger.end("old")
    ledger.pass_time(7200)
    ledger.claim("sales", agent="sales", caller="+4930123456")
    ledger.end("sales", "hung_up")
    ledger.claim("live")
    assert ids(ledger, live=True) == ["live"]
    assert set(ids(ledger, live=False)) == {"old", "sales"}
    assert set(ids(ledger, since=3600)) == {"sales", "live"}
    assert ids(ledger, number="+4930123456") == ["sales"]
    assert set(ids(ledger, number=CALLER)) == {"old", "live"}
    assert set(ids(ledger, number=CALLED)) == {"old", "sales", "live"}
    assert ids(ledger, agent="sales") == ["sales"]
    assert ids(ledger, outcome="caller_left") == ["old"]
    assert ids(ledger, outcome="caller_left", since=3600) == []


def test_page_after_page(ledger: Ledger) -> None:
    for number in range(5):
        ledger.claim(f"call-{number}")
    everything = ledger.run(partial(list_calls, wanted=Wanted()))
    listed: list[str] = []
    place = None
    while page := ledger.run(partial(list_calls, wanted=Wanted(limit=2, before=place))):
        listed += [call.call_id for call in page]
        place = (page[-1].claimed_at, page[-1].call_id)
    assert listed == [call.call_id for call in everything]
    # Calls of the very same moment are told apart by their ids.
    at = everything[0].claimed_at
    assert ids(ledger, before=(at, "a")) == [call.call_id for call in everything]
    assert ids(ledger, beginning="call-3") == ["call-3"]
    assert ids(ledger, beginning="CALL") == []
    assert ids(ledger, earliest=at + 60) == []
    assert ids(ledger, latest=at - 60) == []
    assert len(ids(ledger, earliest=at - 60, latest=at + 60)) == 5


def test_the_beginning_of_an_id(ledger: Ledger) -> None:
    for call_id in ("abc_1", "abcd", "ABC", "abc", "x%y"):
        ledger.claim(call_id)
        ledger.pass_time(1)

    def find(beginning: str, **options: Any) -> list[str]:
        return ledger.run(partial(find_calls, beginning=beginning, **options))

    assert find("abcd") == ["abcd"]
    assert find("abc") == ["abc"]  # a whole id, though others begin like it
    assert find("ab") == ["abc", "abcd", "abc_1"]
    assert find("ab", most=2) == ["abc", "abcd"]
    assert find("A") == ["ABC"]
    assert find("abc_") == ["abc_1"]
    assert find("x%") == ["x%y"]
    assert find("%") == []
    assert find("_") == []
    ledger.end("abcd")
    assert find("ab", live=True) == ["abc", "abc_1"]
    assert find("abcd", live=True) == []


def test_how_many_are_old(ledger: Ledger) -> None:
    ledger.claim("live")
    ledger.claim("over")
    ledger.end("over")
    ledger.pass_time(100)
    assert ledger.run(partial(ended_before, seconds=50)) == 1
    assert ledger.run(partial(ended_before, seconds=150)) == 0


# Deliveries


def test_deliveries(ledger: Ledger) -> None:
    for number in range(3):
        ledger.claim(f"call-{number}")
        ledger.end(f"call-{number}")
        ledger.pass_time(10)
    first, second, _ = sorted(ledger.run(partial(sending.take, room={URL: 3})), key=lambda due: due.call_id)
    ledger.run(partial(sending.delivered, due=first))
    ledger.run(partial(sending.failed, due=second, why="HTTP 410", pause=None))

    def listed(**options: Any) -> list[tuple[str, str]]:
        return [(each.call_id, each.state) for each in ledger.run(partial(list_deliveries, **options))]

    assert listed() == [("call-2", "owed")]
    assert listed(state="given up") == [("call-1", "given up")]
    assert listed(state="all") == [("call-2", "owed"), ("call-1", "given up"), ("call-0", "delivered")]
    assert listed(state="all", limit=1) == [("call-2", "owed")]


# Nodes


def test_nodes(ledger: Ledger) -> None:
    ledger.node("beta", "epoch-2")
    ledger.node("gamma", "epoch-3", lease=-5)
    ledger.node("delta", "epoch-4")
    ledger.node("epsilon", "epoch-5")
    ledger.claim("call-1", epoch="epoch-2")
    ledger.claim("call-2", epoch="epoch-2")
    ledger.claim("call-3", epoch="epoch-4")
    ledger.run(lambda c: epochs.end(c, "epoch-4"))
    ledger.run(lambda c: epochs.end(c, "epoch-5"))

    def nodes(*, gone: bool = False) -> dict[str, Node]:
        return {node.node: node for node in ledger.run(partial(list_nodes, gone=gone))}

    found = nodes()
    assert {name: (node.state, node.calls) for name, node in found.items()} == {
        "alpha": ("alive", 0),
        "beta": ("alive", 2),
        "gamma": ("late", 0),
        "delta": ("ended", 1),
    }
    assert found["alpha"].version == "1.2.3"
    assert 3590 < found["alpha"].lease_left <= 3600
    (silent,) = [sign for sign in ledger.run(epochs.living) if sign.epoch == "epoch-3"]
    ledger.run(lambda c: epochs.relieve(c, [silent]))
    assert nodes(gone=True)["gamma"].state == "relieved"
    assert set(nodes(gone=True)) == {"alpha", "beta", "gamma", "delta", "epsilon"}
