"""Following calls, with a daemon's part played by a thread that writes to the same ledger."""

import json
import threading
from collections.abc import Callable

import pytest

from daemon.cli import tail as module
from daemon.core import journal
from daemon.core.receipts import Receipt
from tests.cli.ledgers import Desk

ENDED = journal.Ended(
    receipt=Receipt(outcome="caller_left", reasons=("the caller hung up",), joined=True, seconds=1.0), events={}
)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_POLL", 0.01)
    monkeypatch.setattr(module, "_LAST_WORDS", 1.0)


def meanwhile(*steps: Callable[[], object]) -> threading.Thread:
    """Do things one after the other, while somebody looks."""

    def play() -> None:
        for step in steps:
            threading.Event().wait(0.05)
            step()

    thread = threading.Thread(target=play)
    thread.start()
    return thread


def test_a_call_from_its_beginning_to_its_end(desk: Desk) -> None:
    ledger = desk.ledger
    ledger.claim("call-1")
    ledger.claim("call-2")
    ledger.said("call-1", "agent", "How can I help?")
    daemon = meanwhile(
        lambda: ledger.said("call-2", "caller", "Somebody else"),
        lambda: ledger.said("call-1", "caller", "Where is my order?"),
        lambda: ledger.end("call-1"),
        lambda: ledger.happened("call-1", ENDED),
    )
    lines = desk.lines("tail", "call-1")
    daemon.join()
    assert [line.split(maxsplit=1)[1] for line in lines] == [
        "agent     How can I help?",
        "caller    Where is my order?",
        "receipt   caller_left: the caller hung up",
    ]


def test_a_call_that_is_over(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LAST_WORDS", 0.05)
    desk.ledger.claim("call-1")
    desk.ledger.said("call-1", "agent", "How can I help?")
    desk.ledger.end("call-1")
    # Its end was never written down, as after a crash.
    (event,) = desk.json("tail", "call")
    assert event["entry"] == {"kind": "Said", "speaker": "agent", "text": "How can I help?", "final": True}
    assert event["call_id"] == "call-1"


def test_all_calls_from_now_on_until_interrupted(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = desk.ledger
    ledger.claim("call-1")
    ledger.said("call-1", "agent", "Too early")
    reads = 0

    def interrupt(_seconds: float) -> None:
        nonlocal reads
        reads += 1
        if reads == 2:
            ledger.claim("another-long-id")
            ledger.said("call-1", "caller", "Hello\x1b[31m")
            ledger.said("another-long-id", "caller", "Me too", at=ledger_later)
        if reads == 4:
            raise KeyboardInterrupt

    ledger_later = 1_790_000_009.0
    monkeypatch.setattr("daemon.cli.tail.time.sleep", interrupt)
    first, second = desk.lines("tail")
    assert first.endswith(r"call-1  caller    Hello\x1b[31m")
    assert second.endswith("another-  caller    Me too")


def test_json_is_ascii(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LAST_WORDS", 0.05)
    desk.ledger.claim("call-1")
    desk.ledger.said("call-1", "caller", "Grüße \u202e")
    desk.ledger.end("call-1")
    output = desk.run("tail", "call-1", "--json").stdout
    assert output.isascii()
    assert json.loads(output)["entry"]["text"] == "Grüße \u202e"


def test_no_such_call(desk: Desk) -> None:
    assert desk.refused(1, "tail", "call-1") == "callwarden: there is no call 'call-1'"
