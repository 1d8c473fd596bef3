"""What an endpoint is told, field by field, and held against the page that describes it."""

import re
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from daemon.core import journal
from daemon.core.effects import INTERRUPTED
from daemon.deliveries.payload import compose, moment
from daemon.ledger.engine import Engines
from daemon.ledger.records import read_record
from tests.configured import CALLED, CALLER
from tests.ledger.filled import SAID_AT, Ledger

PAGE = Path(__file__).parents[2] / "docs" / "deliveries.md"


@pytest.fixture
def ledger(engines: Engines) -> Ledger:
    """One call is in progress."""
    ledger = Ledger(engines)
    ledger.node("alpha")
    ledger.claim("call-1")
    return ledger


def told(ledger: Ledger, event: str = "call.ended", *, transcript: bool = True) -> Any:
    record = ledger.run(partial(read_record, call_id="call-1"))
    assert record is not None
    return msgspec.json.decode(compose(event, record, transcript=transcript))


def test_a_whole_call(ledger: Ledger) -> None:
    ledger.said("call-1", "agent", "How can I help?")
    ledger.said("call-1", "caller", "Where is my order?", at=SAID_AT + 1.5)
    ledger.happened(
        "call-1",
        journal.KeyPressed(digit="4"),
        journal.DigitsCollected(digits="42", count=2, trigger="terminator"),
        journal.TransferAsked(destination="front_desk"),
        journal.TransferFailed(destination="front_desk", result="rejected", sip_status=486),
    )
    ledger.used("call-1", "use-1", "lookup_order", '{"status":"sent"}')
    ledger.end("call-1", "hung_up", "hang_up", "the model asked")
    message = told(ledger)
    data = message.pop("data")
    assert message == {"type": "call.ended", "timestamp": data["ended_at"]}
    times = {name: data.pop(name) for name in ("claimed_at", "joined_at", "ended_at")}
    (tool,) = data.pop("tools")
    for time in (*times.values(), tool.pop("begun_at"), tool.pop("ended_at")):
        assert re.fullmatch(r"2\d{3}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", time)
    assert tool == {"name": "lookup_order", "result": "ok"}
    assert data == {
        "call_id": "call-1",
        "called": CALLED,
        "caller": CALLER,
        "agent": "support",
        "node": "alpha",
        "seconds": 12.346,
        "outcome": "hung_up",
        "reasons": ["hang_up", "the model asked"],
        "transcript": [
            {"speaker": "agent", "text": "How can I help?", "at": moment(SAID_AT), "final": True},
            {"speaker": "caller", "text": "Where is my order?", "at": moment(SAID_AT + 1.5), "final": True},
        ],
        "keypad": [{"at": moment(SAID_AT + 1), "digits": "42", "count": 2, "ended_by": "terminator"}],
        "transfers": [
            {"destination": "front_desk", "at": moment(SAID_AT + 2), "result": "rejected", "sip_status": 486}
        ],
        "usage": {"events": {"ping": 3}},
    }


def test_what_tools_were_given_and_gave_is_not_told(ledger: Ledger) -> None:
    ledger.used("call-1", "use-1", "lookup_order", '{"status":"sent to Elm Street"}')
    ledger.end("call-1")
    text = msgspec.json.encode(told(ledger)).decode()
    assert "Elm Street" not in text
    assert "A-1" not in text


def test_sensitive_keys_are_only_counted(ledger: Ledger) -> None:
    ledger.happened("call-1", journal.DigitsCollected(digits=None, count=16, trigger="idle"))
    ledger.end("call-1")
    assert told(ledger)["data"]["keypad"] == [{"at": moment(SAID_AT), "count": 16, "ended_by": "idle"}]


def test_without_transcripts(ledger: Ledger) -> None:
    ledger.said("call-1", "agent", "How can I help?")
    ledger.end("call-1")
    assert "transcript" not in told(ledger, transcript=False)["data"]


def test_nothing_happened(ledger: Ledger) -> None:
    ledger.end("call-1", "lost", "longest call has passed")
    data = told(ledger)["data"]
    assert (data["transcript"], data["keypad"], data["tools"], data["transfers"]) == ([], [], [], [])
    assert data["outcome"] == "lost"


def test_how_tools_went(ledger: Ledger) -> None:
    outputs = {
        '{"status":"sent"}': "ok",
        '"done"': "ok",
        "[1]": "ok",
        "not JSON": "ok",
        "[" * 100_000: "ok",
        '{"error":"no such order"}': "failed",
        INTERRUPTED: "unknown",
        None: "unknown",
    }
    for number, output in enumerate(outputs):
        ledger.used("call-1", f"use-{number}", "lookup_order", output)
    ledger.end("call-1")
    assert [tool["result"] for tool in told(ledger)["data"]["tools"]] == list(outputs.values())


def test_transfers(ledger: Ledger) -> None:
    asked = journal.TransferAsked(destination="front_desk")
    failed = journal.TransferFailed(destination="front_desk", result="timed_out", sip_status=None)
    ledger.happened("call-1", asked, failed, asked)
    ledger.end("call-1", "transferred", "transfer to front_desk")
    first, second = told(ledger)["data"]["transfers"]
    assert (first["result"], first["sip_status"]) == ("timed_out", None)
    assert second == {"destination": "front_desk", "at": moment(SAID_AT + 2), "result": "answered"}


def test_a_transfer_that_a_crash_interrupted(ledger: Ledger) -> None:
    ledger.happened("call-1", journal.TransferAsked(destination="front_desk"))
    ledger.end("call-1", "hung_up")
    assert told(ledger)["data"]["transfers"][0]["result"] == "unknown"


def test_entries_of_a_newer_version_do_no_harm(ledger: Ledger) -> None:
    ledger.happened("call-1", journal.Greeted(generated=True))
    with ledger.engines.durable.begin() as connection:
        connection.exec_driver_sql('UPDATE entries SET entry = \'{"kind":"Sang","notes":[1]}\'')
    ledger.end("call-1")
    assert told(ledger)["data"]["keypad"] == []


def test_a_call_that_was_claimed(ledger: Ledger) -> None:
    message = told(ledger, "call.claimed")
    claimed_at = message["data"].pop("claimed_at")
    assert message == {
        "type": "call.claimed",
        "timestamp": claimed_at,
        "data": {"call_id": "call-1", "called": CALLED, "caller": CALLER, "agent": "support", "node": "alpha"},
    }
    # The same when the call is over by the time it is told.
    ledger.end("call-1")
    assert told(ledger, "call.claimed")["timestamp"] == claimed_at


def test_moments() -> None:
    assert moment(1_795_521_600.1235) == "2026-11-24T12:00:00.123Z"
    assert moment(None) is None


# The page


def examples() -> dict[str, Any]:
    found = [msgspec.json.decode(text) for text in re.findall(r"```json\n(.*?)```", PAGE.read_text(), re.DOTALL)]
    return {message["type"]: message for message in found}


def shape(value: Any) -> Any:
    """The fields, without what stands in them."""
    if isinstance(value, dict):
        return {name: shape(inner) for name, inner in value.items() if name != "events"}
    if isinstance(value, list):
        merged: dict[str, Any] = {}
        for item in value:
            merged |= shape(item) if isinstance(item, dict) else {}
        return [merged]
    return None


def test_the_page_shows_what_is_sent(ledger: Ledger) -> None:
    test_a_whole_call(ledger)
    assert shape(examples()["call.ended"]) == shape(told(ledger))
    assert shape(examples()["call.claimed"]) == shape(told(ledger, "call.claimed"))


def test_the_page_explains_every_field(ledger: Ledger) -> None:
    test_a_whole_call(ledger)

    def names(value: Any) -> set[str]:
        if isinstance(value, dict):
            inner = {name for name, part in value.items() if name != "events" for name in names(part)}
            return {*value, *inner}
        return {name for part in value for name in names(part)} if isinstance(value, list) else set()

    explained = set(re.findall(r"`([a-z_]+)`", PAGE.read_text()))
    assert names(told(ledger)) <= explained
