import json

import pytest

from daemon.core import journal
from tests.cli.ledgers import URL, Desk
from tests.configured import CALLED, CALLER
from tests.ledger.filled import SAID_AT


@pytest.fixture
def told(desk: Desk) -> Desk:
    """A call with all that can be about one."""
    desk.ledger.claim("call-1")
    desk.ledger.happened("call-1", journal.Claimed(agent="support"), journal.KeyPressed(digit="4"))
    desk.ledger.said("call-1", "agent", "How can I help?", at=SAID_AT + 0.5)
    desk.ledger.said("call-1", "caller", "Whe", final=False, at=SAID_AT + 2)
    desk.ledger.used("call-1", "use-1", "lookup_order", '{"status":"sent"}')
    desk.ledger.used("call-1", "use-2", "lookup_more", None)
    desk.ledger.end("call-1", "hung_up", "hang_up", "the model asked")
    return desk


def test_everything_in_the_order_in_which_it_happened(told: Desk) -> None:
    text = "\n".join(told.lines("show", "call-1"))
    for part in (CALLER, f"to    {CALLED}, answered by support on alpha", "hung_up: hang_up > the model asked"):
        assert part in text
    parts = [
        "claimed: agent support",
        "agent     How can I help?",
        "keypad    key 4",
        "caller    Whe ...",
        'lookup_order {"order":"A-1"}: {"status":"sent"} after 0s',
        'lookup_more {"order":"A-1"}: nothing yet',
        f"call.ended to {URL}: owed, attempts: 0",
    ]
    places = [text.index(part) for part in parts]
    assert places == sorted(places)


def test_json(told: Desk) -> None:
    (record,) = told.json("show", "call-1")
    assert record["call"]["reasons"] == ["hang_up", "the model asked"]
    assert [turn["words"] for turn in record["turns"]] == ["How can I help?", "Whe"]
    assert record["entries"][1]["entry"] == {"kind": "KeyPressed", "digit": "4"}
    assert record["tools"][0]["output"] == '{"status":"sent"}'
    assert record["deliveries"][0]["url"] == URL


def test_a_call_in_progress(desk: Desk) -> None:
    desk.ledger.claim("call-1")
    text = "\n".join(desk.lines("show", "call-1"))
    assert "state live" in text
    assert "ended" not in text


def test_the_beginning_of_an_id(told: Desk) -> None:
    assert "call  call-1" in told.lines("show", "cal")[0]
    told.ledger.pass_time(1)
    told.ledger.claim("call-2")
    assert told.refused(2, "show", "cal") == "callwarden: 'cal' may be any of call-2, call-1"
    for number in range(3, 10):
        told.ledger.claim(f"call-{number}")
    assert told.refused(2, "show", "cal").endswith(", ...")
    assert told.refused(1, "show", "dog") == "callwarden: there is no call 'dog'"


def test_hostile_words_do_nothing_to_the_terminal(desk: Desk) -> None:
    desk.ledger.claim("call-1")
    desk.ledger.said("call-1", "caller", "\x1b]0;owned\x07 [bold red]hi[/] \u202eevil\n2026 receipt forged")
    desk.ledger.happened("call-1", journal.HangUpAsked(reason="\x9b31m"))
    desk.ledger.used("call-1", "use-1", "tool\x1b[1m", "\x1b[5m" + "x" * 10_000)
    desk.ledger.end("call-1", "hung_up", "\x1b[7m")
    output = desk.run("show", "call-1").stdout
    assert "\x1b" not in output
    assert "\x9b" not in output
    assert "\u202e" not in output
    assert r"\x1b]0;owned\x07 [bold red]hi[/] \u202eevil\n2026 receipt forged" in output
    assert len(output) < 3000
    text = desk.run("show", "call-1", "--json").stdout
    assert text.isascii()
    assert json.loads(text)["turns"][0]["words"].endswith("forged")
