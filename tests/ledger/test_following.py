"""Following the ledger: everything once, whatever the order in which it is written."""

from typing import Any

import pytest
from sqlalchemy import insert

from daemon.core import journal
from daemon.ledger import following
from daemon.ledger.engine import Engines
from daemon.ledger.following import Follower
from daemon.ledger.schema import entries, turns
from tests.ledger.filled import SAID_AT, Ledger

GREETED = journal.Greeted(generated=False)


@pytest.fixture
def ledger(engines: Engines) -> Ledger:
    """One call in progress, in which something has happened."""
    ledger = Ledger(engines)
    ledger.node()
    ledger.claim("call-1")
    ledger.happened("call-1", GREETED)
    return ledger


def kinds(ledger: Ledger, follower: Follower) -> list[str]:
    return [event.entry["kind"] for event in ledger.run(follower.read)]


def test_from_the_beginning_and_then_what_comes(ledger: Ledger) -> None:
    follower = Follower()
    assert kinds(ledger, follower) == ["Greeted"]
    assert kinds(ledger, follower) == []
    ledger.happened("call-1", journal.KeyPressed(digit="1"), at=SAID_AT + 1)
    ledger.said("call-1", "caller", "Hello", at=SAID_AT + 2)
    ledger.happened("call-1", journal.KeyPressed(digit="2"), at=SAID_AT + 3)
    first, second, third = ledger.run(follower.read)
    assert (first.entry, third.entry) == (
        {"kind": "KeyPressed", "digit": "1"},
        {"kind": "KeyPressed", "digit": "2"},
    )
    assert (second.at, second.call_id) == (SAID_AT + 2, "call-1")
    assert second.entry == {"kind": "Said", "speaker": "caller", "text": "Hello", "final": True}
    assert ledger.run(follower.read) == []


def test_only_what_is_new(ledger: Ledger) -> None:
    ledger.said("call-1", "caller", "Hello")
    follower = Follower()
    ledger.run(follower.skip)
    assert kinds(ledger, follower) == []
    ledger.happened("call-1", GREETED)
    assert kinds(ledger, follower) == ["Greeted"]


def test_words_are_given_when_they_are_final(ledger: Ledger) -> None:
    follower = Follower()
    turn = ledger.said("call-1", "caller", "Hel", final=False)
    ledger.said("call-1", "agent", "Yes?")
    assert kinds(ledger, follower) == ["Greeted", "Said"]
    ledger.run(lambda c: c.execute(turns.update().where(turns.c.id == turn).values(words="Hello", final=True)))
    (event,) = ledger.run(follower.read)
    assert event.entry["text"] == "Hello"
    assert ledger.run(follower.read) == []


def test_one_call_only_and_its_end(ledger: Ledger) -> None:
    ledger.claim("call-2")
    ledger.happened("call-2", GREETED, GREETED)
    ledger.said("call-2", "agent", "Welcome")
    follower = Follower("call-1")
    assert kinds(ledger, follower) == ["Greeted"]
    assert not ledger.run(follower.over)
    ledger.end("call-1")
    assert ledger.run(follower.over)
    assert ledger.run(Follower("call-9").over)
    assert not ledger.run(Follower().over)


def write(ledger: Ledger, *numbers: int) -> None:
    rows: list[dict[str, Any]] = [
        {"id": number, "call_id": "call-1", "at": SAID_AT, "entry": '{"kind":"Greeted","generated":false}'}
        for number in numbers
    ]
    ledger.run(lambda c: c.execute(insert(entries), rows))


def test_latecomers_with_smaller_ids(ledger: Ledger) -> None:
    follower = Follower()
    ledger.run(follower.skip)
    write(ledger, *range(1000, 1010))
    assert len(kinds(ledger, follower)) == 10
    # Another node's, whose transaction took longer.
    write(ledger, *range(900, 910))
    assert len(kinds(ledger, follower)) == 10
    assert kinds(ledger, follower) == []


def test_a_lot_comes_in_portions_and_no_row_twice(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "_PORTION", 70)
    monkeypatch.setattr(following, "_STRETCH", 100)
    follower = Follower()
    assert len(kinds(ledger, follower)) == 1
    write(ledger, *range(1000, 1500))
    portions: list[int] = []
    while portion := len(kinds(ledger, follower)):
        portions.append(portion)
    assert portions == [70] * 7 + [10]
    write(ledger, *range(1500, 1510))
    assert len(kinds(ledger, follower)) == 10
    assert len(follower._entries._given) <= 100
