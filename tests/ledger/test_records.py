"""All that the ledger knows of calls, and all of the calls in portions."""

from functools import partial

import pytest

from daemon.core import journal
from daemon.ledger.engine import Engines
from daemon.ledger.records import Record, read_portion, read_record
from tests.configured import CALLED, CALLER
from tests.ledger.filled import SAID_AT, Ledger

URL = "https://one.test/calls"


@pytest.fixture
def ledger(engines: Engines) -> Ledger:
    """One node, no calls."""
    ledger = Ledger(engines, URL)
    ledger.node("alpha")
    return ledger


def record(ledger: Ledger, call_id: str = "call-1") -> Record:
    found = ledger.run(partial(read_record, call_id=call_id))
    assert found is not None
    return found


def test_no_such_call(ledger: Ledger) -> None:
    assert ledger.run(partial(read_record, call_id="call-1")) is None


def test_a_call_that_is_live(ledger: Ledger) -> None:
    ledger.claim("call-1")
    call = record(ledger).call
    assert (call.call_id, call.called, call.caller, call.agent, call.node) == (
        "call-1",
        CALLED,
        CALLER,
        "support",
        "alpha",
    )
    assert (call.outcome, call.reasons, call.seconds, call.ended_at, call.events) == (None, (), None, None, {})
    assert call.joined_at is not None
    assert 0 <= call.age < 60
    assert call.announced_at == SAID_AT


def test_a_call_that_is_over_with_all_about_it(ledger: Ledger) -> None:
    ledger.claim("call-1")
    ledger.claim("call-2")
    for call_id in ("call-1", "call-2"):
        ledger.said(call_id, "agent", f"Welcome to {call_id}")
        ledger.happened(call_id, journal.Claimed(agent="support"), journal.KeyPressed(digit="4"))
        ledger.used(call_id, "use-1", "lookup_order", None)
    ledger.said("call-1", "caller", "Hel", final=False, at=SAID_AT + 2)
    ledger.end("call-1", "hung_up", "hang_up", "the model asked")
    found = record(ledger)
    call = found.call
    assert (call.outcome, call.reasons, call.seconds, call.events) == (
        "hung_up",
        ("hang_up", "the model asked"),
        12.3456,
        {"ping": 3},
    )
    assert [(turn.speaker, turn.words, turn.final) for turn in found.turns] == [
        ("agent", "Welcome to call-1", True),
        ("caller", "Hel", False),
    ]
    assert [happened.entry for happened in found.entries] == [
        {"kind": "Claimed", "agent": "support"},
        {"kind": "KeyPressed", "digit": "4"},
    ]
    (tool,) = found.tools
    assert (tool.name, tool.arguments, tool.output, tool.ended_at) == ("lookup_order", '{"order":"A-1"}', None, None)
    (delivery,) = found.deliveries
    assert (delivery.url, delivery.event, delivery.call_id, delivery.state) == (URL, "call.ended", "call-1", "owed")
    assert record(ledger, "call-2").deliveries == ()


def test_a_call_whose_node_is_forgotten(ledger: Ledger) -> None:
    ledger.claim("call-1", epoch="nobody")
    assert record(ledger).call.node is None


def test_all_calls_in_portions_oldest_first(ledger: Ledger) -> None:
    for number in range(7):
        ledger.claim(f"call-{number}")
    # Two at exactly the same time are told apart by their ids.
    with ledger.engines.durable.begin() as connection:
        connection.exec_driver_sql("UPDATE calls SET claimed_at = 1000 WHERE call_id IN ('call-2', 'call-6')")
    read: list[str] = []
    last = None
    while portion := ledger.run(partial(read_portion, after=last, most=2)):
        assert len(portion) <= 2
        read += [record.call.call_id for record in portion]
        last = portion[-1].call
    assert read == ["call-2", "call-6", "call-0", "call-1", "call-3", "call-4", "call-5"]


def test_only_what_is_recent(ledger: Ledger) -> None:
    ledger.claim("call-1")
    ledger.pass_time(3600)
    ledger.claim("call-2")
    recent = ledger.run(partial(read_portion, since=1800))
    assert [record.call.call_id for record in recent] == ["call-2"]
    assert len(ledger.run(partial(read_portion, since=7200))) == 2
