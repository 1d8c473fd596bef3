from typing import Any

import pytest

from daemon.cli.happenings import describe, line


@pytest.mark.parametrize(
    ("entry", "about", "words"),
    [
        ({"kind": "Said", "speaker": "caller", "text": "Hello", "final": True}, "caller", "Hello"),
        ({"kind": "Said", "speaker": "agent", "text": "Hel", "final": False}, "agent", "Hel ..."),
        ({"kind": "KeyPressed", "digit": "4"}, "keypad", "key 4"),
        ({"kind": "KeyPressed", "digit": None}, "keypad", "key *"),
        (
            {"kind": "DigitsCollected", "digits": "42", "count": 2, "trigger": "idle"},
            "keypad",
            "entry 42, ended by idle",
        ),
        (
            {"kind": "DigitsCollected", "digits": None, "count": 16, "trigger": "idle"},
            "keypad",
            "entry of 16 keys, ended by idle",
        ),
        ({"kind": "HangUpAsked", "reason": "done"}, "tool", "hang_up: done"),
        ({"kind": "Ended", "receipt": {"outcome": "lost", "reasons": ["a", "b"]}}, "receipt", "lost: a > b"),
        ({"kind": "LineLost", "why": "1006"}, "call", "line lost: why 1006"),
        ({"kind": "CheckedIn"}, "call", "checked in"),
        (
            {"kind": "TransferFailed", "destination": "desk", "result": "rejected", "sip_status": None},
            "call",
            "transfer failed: destination desk, result rejected",
        ),
        ({"kind": "FromTheFuture", "notes": [1, 2]}, "call", "from the future: notes [1, 2]"),
        ({}, "call", "{}"),
    ],
)
def test_what_is_said_of_an_entry(entry: dict[str, Any], about: str, words: str) -> None:
    assert describe(entry) == (about, words)


def test_a_line() -> None:
    said = {"kind": "Said", "speaker": "caller", "text": "\x1b[31m[bold]Hello[/]", "final": True}
    assert line(said, "12:00:00", "call\x07").plain == r"12:00:00  call\x07  caller    \x1b[31m[bold]Hello[/]"
