"""How things are written for people."""

import pytest

from daemon.console.words import brief, clock, happening, harmless, moment, outcome, short, span, zone


def test_what_cannot_be_seen_is_shown_as_such() -> None:
    assert harmless("a\u202eb\u2066c\x1b[2J\x00\ufeff") == "a\ufffdb\ufffdc\ufffd[2J\ufffd\ufffd"
    assert harmless("two\nlines\tand a tab") == "two\nlines\tand a tab"
    assert harmless("\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645 \U0001f469\u200d\U0001f527") == (
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645 \U0001f469\u200d\U0001f527"
    )
    assert short("x" * 300) == "x" * 200 + " …"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(None, "\u2013"), (-1, "0:00"), (7.9, "0:07"), (750, "12:30"), (3723, "1:02:03"), (200_000, "2 d 7 h")],
)
def test_durations(seconds: float | None, said: str) -> None:
    assert span(seconds) == said


@pytest.mark.parametrize(("seconds", "said"), [(None, "\u2013"), (0.0123, "12 ms"), (1.26, "1.3 s"), (75.0, "1:15")])
def test_short_durations(seconds: float | None, said: str) -> None:
    assert brief(seconds) == said


def test_times() -> None:
    assert len(moment(0.0)) == len("1970-01-01 00:00:00")
    assert len(clock(0.0)) == len("00:00:00")
    assert moment(None) == "\u2013"
    assert "UTC" in zone()


def test_receipts() -> None:
    assert (outcome(None), outcome("caller_left"), outcome("of a newer node")) == (
        "in progress",
        "caller left",
        "of a newer node",
    )


@pytest.mark.parametrize(
    ("entry", "about", "words"),
    [
        ({"kind": "KeyPressed", "digit": "4"}, "keypad", "key 4"),
        ({"kind": "KeyPressed", "digit": None}, "keypad", "key •"),
        (
            {"kind": "DigitsCollected", "digits": None, "count": 3, "trigger": "idle"},
            "keypad",
            "entry •••, ended by idle",
        ),
        ({"kind": "MenuChosen", "keys": None, "action": "say"}, "keypad", "menu •: say"),
        ({"kind": "ToolCalled", "name": "look_up"}, "tool", "look_up begun"),
        (
            {"kind": "ToolEnded", "name": "look_up", "seconds": 0.5, "ok": False, "why": "late"},
            "tool",
            "look_up failed after 500 ms: late",
        ),
        (
            {"kind": "Ended", "receipt": {"outcome": "hung_up", "reasons": ["a", "b"]}},
            "receipt",
            "hung up: a ← b",
        ),
        ({"kind": "WebhookVerified", "webhook_id": "m", "caller": "+1"}, "call", "the webhook came"),
        ({"kind": "Claimed", "agent": "support"}, "call", "claimed, for support"),
        ({"kind": "Rejoined", "seconds": 1.5}, "call", "rejoined after 1.5 s"),
        ({"kind": "LineLost", "why": "1006"}, "call", "line lost: why 1006"),
        ({"kind": "CheckedIn"}, "call", "checked in"),
        ({"kind": "Greeted", "generated": False}, "call", "greeted"),
        ({"kind": "Greeted", "generated": True}, "call", "greeted: generated"),
        ({"kind": "OfANewerNode", "share": 0.333}, "call", "of a newer node: share 0.33"),
        ({}, "call", "{}"),
    ],
)
def test_what_happened(entry: dict[str, object], about: str, words: str) -> None:
    assert happening(entry) == (about, words)
